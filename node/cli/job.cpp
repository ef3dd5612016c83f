#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "node/cli/cli.h"
#include "node/cli/job_file.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"

namespace assay::node {
namespace {

using nlohmann::json;

struct JobFlags {
    JobFiles files;
    std::string key = "node";
    std::string escrow;
    bool data_elsewhere = false;
    std::string id;
    std::string amount;
    uint64_t limit = 0;
    std::string state;
};

std::string text_field(const json& object, const char* name) {
    if (!object.contains(name)) return "-";
    return object[name].is_string() ? object[name].get<std::string>() : object[name].dump();
}

std::string amount_field(const json& object, const char* name) {
    auto text = text_field(object, name);
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return text;
    return format_amount(std::stoull(text));
}

// "2 min 5 s"; "-" for what is not known.
std::string time_field(const json& object, const char* name) {
    if (!object.contains(name) || !object[name].is_number_unsigned()) return "-";
    const uint64_t seconds = (object[name].get<uint64_t>() + 999) / 1000;
    if (seconds < 60) return std::to_string(seconds) + " s";
    if (seconds < 3600)
        return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
    return std::to_string(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
}

std::string estimate_text(const json& quote) {
    const auto coins = [&](const char* name) { return amount_field(quote, name) + " coins"; };
    std::string text =
        "work           " + text_field(quote, "workUnits") +
        " work units (10^9 multiply-accumulates): " + text_field(quote, "trainTasks") +
        " training tasks, " + text_field(quote, "aggregateTasks") + " aggregations, each by " +
        text_field(quote, "replicas") + " replicas\nescrow         " + coins("maxEscrow") +
        " to lock; what is not spent comes back\nexpected cost  " + coins("expectedCost") +
        "\nclearing price " + text_field(quote, "clearingPrice") +
        " micro-units a work unit\na task takes   " + time_field(quote, "taskMs") +
        "\nthe job takes  " + time_field(quote, "jobMs") +
        " on the slots free now, the ledger's own time not counted\nneeds          " +
        text_field(quote, "memoryMb") + " MB of memory; a checkpoint has " +
        text_field(quote, "checkpointBytes") + " bytes\nproviders      " +
        text_field(quote, "eligibleProviders") + " eligible";
    for (const auto& each : quote.value("excluded", json::array()))
        text += "\n               " + each.at("providers").dump() +
                " excluded: " + each.value("reason", "") + ", " + each.value("meaning", "") +
                ". Remedy: " + each.value("remedy", "");
    return text + "\n(1 coin = 1000000 micro-units; --json gives micro-units)";
}

void estimate(const JobFlags& flags, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto quote = remote.call("job_estimate", {{"spec", load_job_file(flags.files, globals)}});
    print_result(globals, quote, estimate_text(quote));
}

void post(const JobFlags& flags, const GlobalOptions& globals) {
    Remote remote(globals);
    json params = {{"spec", load_job_file(flags.files, globals)}, {"key", flags.key}};
    if (!flags.escrow.empty()) params["escrow"] = flags.escrow;
    if (flags.data_elsewhere) params["dataElsewhere"] = true;
    const auto posted = remote.call("job_post", params, kSpendTimeoutMs);
    print_result(globals, posted,
                 "job " + text_field(posted, "jobId") + " posted\nNext: assay job watch " +
                     text_field(posted, "jobId"));
}

std::string job_line(const json& job) {
    return text_field(job, "jobId") + "  " + text_field(job, "state") + "  round " +
           text_field(job, "round") + "  spent " + amount_field(job, "spent") + "  " +
           text_field(job, "name");
}

}  // namespace

void add_job_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group = app.add_subcommand("job", "Post, watch and collect training jobs");
    group->require_subcommand(1);
    group->footer("Example: assay job post train.json --data corpus.txt --key requester");
    auto flags = std::make_shared<JobFlags>();

    auto* estimate_command = group->add_subcommand(
        "estimate", "Price, work and who would bid for a job, before paying anything");
    add_job_file_options(*estimate_command, flags->files);
    estimate_command->footer("Example: assay job estimate train.json --data corpus.txt");
    estimate_command->callback([flags, &globals] { estimate(*flags, globals); });

    auto* post_command = group->add_subcommand("post", "Lock the escrow and post a job");
    add_job_file_options(*post_command, flags->files);
    post_command->add_option("--key", flags->key, "Keyring entry that pays")->capture_default_str();
    post_command->add_option("--escrow", flags->escrow,
                             "Micro-units to lock (default: the estimate)");
    post_command->add_flag("--elsewhere", flags->data_elsewhere,
                           "Providers get the data from other nodes: do not check that this "
                           "node has it and can be reached");
    post_command->footer("Example: assay job post train.json --data corpus.txt --key requester");
    post_command->callback([flags, &globals] { post(*flags, globals); });

    add_job_watch_command(*group, globals);

    auto* list = group->add_subcommand("list", "Every job on the ledger");
    list->footer("Example: assay job list --json");
    list->add_option("--limit", flags->limit, "The first N only (default: all)");
    list->add_option("--state", flags->state, "Only jobs in this state")
        ->check(CLI::IsMember({"running", "done", "cancelled", "failed"}));
    list->callback([flags, &globals] {
        Remote remote(globals);
        json params = json::object();
        if (!flags->state.empty()) params["state"] = flags->state;
        const auto jobs = remote.pages("job_list", params, "jobs", flags->limit);
        std::string text;
        for (const auto& job : jobs.at("jobs")) text += job_line(job) + "\n";
        print_result(globals, jobs, text.empty() ? "no jobs" : text);
    });

    auto* show = group->add_subcommand("status", "One job: state, tasks, votes, spending");
    show->add_option("id", flags->id, "Job id")->required();
    show->footer("Example: assay job status 0x3f...");
    show->callback([flags, &globals] {
        Remote remote(globals);
        const auto job = remote.call("job_get", {{"jobId", flags->id}});
        print_result(globals, job, job.dump(2));
    });

    auto* cancel = group->add_subcommand("cancel", "Cancel a job before its first commitment");
    cancel->add_option("id", flags->id, "Job id")->required();
    cancel->add_option("--key", flags->key, "Keyring entry of the requester")
        ->capture_default_str();
    cancel->footer("Example: assay job cancel 0x3f... --key requester");
    cancel->callback([flags, &globals] {
        Remote remote(globals);
        const auto reply =
            remote.call("job_cancel", {{"jobId", flags->id}, {"key", flags->key}}, kSpendTimeoutMs);
        print_result(globals, reply, "cancelled " + flags->id);
    });

    auto* top_up = group->add_subcommand("top-up", "Add to the escrow of a running job");
    top_up->add_option("id", flags->id, "Job id")->required();
    top_up->add_option("amount", flags->amount, "Micro-units")->required();
    top_up->add_option("--key", flags->key, "Keyring entry that pays")->capture_default_str();
    top_up->footer("Example: assay job top-up 0x3f... 1000000 --key requester");
    top_up->callback([flags, &globals] {
        Remote remote(globals);
        const auto reply = remote.call(
            "job_topUp", {{"jobId", flags->id}, {"amount", flags->amount}, {"key", flags->key}},
            kSpendTimeoutMs);
        print_result(globals, reply, "added " + flags->amount + " micro-units");
    });

    add_job_check_commands(*group, globals);
    add_job_rehearse_commands(*group, globals);
    add_model_commands(*group, globals);
}

}  // namespace assay::node
