#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "contracts/queries.h"
#include "ledger/crypto/address_text.h"
#include "node/audit/recompute.h"
#include "node/cli/cli.h"
#include "node/cli/replay.h"
#include "node/cli/store.h"

namespace assay::node {
namespace {

using nlohmann::json;

struct AuditFlags {
    std::string file;
    std::string job;
    std::string task;
    std::string blobs;
    uint32_t tasks = 0;  // 0: all
    std::string backend;
};

std::string hex(const std::string& raw) {
    return "0x" + to_hex(view_of(raw));
}

void audit_ledger(const AuditFlags& flags, const GlobalOptions& globals) {
    const auto ledger = replay(flags.file, globals);
    const auto& report = ledger->report();
    const auto totals = contracts::get_totals(ledger->state());
    print_result(globals,
                 {{"verdict", "pass"},
                  {"chainId", report.chain_id},
                  {"height", report.height},
                  {"transactions", report.transactions},
                  {"events", report.events},
                  {"genesisHash", "0x" + to_hex(report.genesis_hash)},
                  {"headHash", "0x" + to_hex(report.head_hash)},
                  {"appHash", "0x" + to_hex(report.app_hash)},
                  {"supply", std::to_string(totals.supply())},
                  {"burnt", std::to_string(totals.burnt())}},
                 "PASS  chain " + report.chain_id + ": " + std::to_string(report.height) +
                     " blocks, " + std::to_string(report.transactions) + " transactions, " +
                     std::to_string(report.events) +
                     " events; every signature, root, result, law and vote checked\nhead  " +
                     to_hex(report.head_hash) + "\nmoney supply " + format_amount(totals.supply()) +
                     ", burnt " + format_amount(totals.burnt()));
}

std::vector<pb::Task> tasks_of(const ledger::ReadView& state, const std::string& job_id) {
    std::vector<pb::Task> tasks;
    Bytes cursor;
    do {
        auto page = contracts::list_tasks(state, view_of(job_id), 200, cursor);
        for (auto& task : page.items) tasks.push_back(std::move(task));
        cursor = page.next;
    } while (!cursor.empty());
    return tasks;
}

pb::Job find_job(const AuditFlags& flags, const ledger::ReadView& state,
                 const GlobalOptions& globals) {
    const auto id = from_hex(flags.job);
    const auto job = id ? contracts::get_job(state, *id) : std::nullopt;
    if (!job) {
        fail_command(globals, fail(Code::kNotFound, "no job " + flags.job + " in " + flags.file));
    }
    return *job;
}

// The tasks to run again: one by id, or the first --tasks accepted ones of a job.
std::vector<pb::Task> selected_tasks(const AuditFlags& flags, const ledger::ReadView& state,
                                     const GlobalOptions& globals) {
    if (!flags.task.empty()) {
        const auto id = from_hex(flags.task);
        const auto task = id ? contracts::get_task(state, *id) : std::nullopt;
        if (!task) {
            fail_command(globals,
                         fail(Code::kNotFound, "no task " + flags.task + " in " + flags.file));
        }
        return {*task};
    }
    std::vector<pb::Task> selected;
    for (auto& task : tasks_of(state, find_job(flags, state, globals).id())) {
        if (task.state() != pb::TASK_FINAL && task.state() != pb::TASK_TALLIED) continue;
        if (flags.tasks != 0 && selected.size() >= flags.tasks) break;
        selected.push_back(std::move(task));
    }
    return selected;
}

void recompute(const AuditFlags& flags, const GlobalOptions& globals) {
    const auto blobs = open_existing_store(flags.blobs, globals);
    const auto ledger = replay(flags.file, globals);
    const auto backend = value_or_fail(globals, compute::make_backend({flags.backend, 0}));
    const auto tasks = selected_tasks(flags, ledger->state(), globals);
    if (tasks.empty()) {
        fail_command(globals, fail(Code::kNotFound, "no accepted task to run again"));
    }
    json list = json::array();
    std::string text;
    const auto line = progress_line(globals);
    for (const auto& task : tasks) {
        const auto which =
            "task " + std::to_string(list.size() + 1) + " of " + std::to_string(tasks.size());
        line->show(which);
        auto recomputed = recompute_task(ledger->state(), task, *blobs, *backend,
                                         [&](uint64_t step, uint64_t steps) {
                                             line->show(which + ", step " + std::to_string(step) +
                                                        " of " + std::to_string(steps));
                                         });
        line->clear();
        const auto report = value_or_fail(globals, std::move(recomputed));
        list.push_back({{"task", "0x" + report.task_id},
                        {"round", task.round()},
                        {"shard", task.shard()},
                        {"output", "0x" + to_hex(report.output_root)}});
        text += "equal task " + report.task_id.substr(0, 16) + " round " +
                std::to_string(task.round()) +
                (task.kind() == pb::TASK_AGGREGATE ? " aggregation"
                                                   : " shard " + std::to_string(task.shard())) +
                "  output " + to_hex(report.output_root) + "\n";
    }
    print_result(globals, {{"verdict", "pass"}, {"backend", backend->name()}, {"tasks", list}},
                 text + "PASS  " + std::to_string(tasks.size()) + " tasks run again here (" +
                     std::string(backend->name()) + "), bit for bit equal");
}

json slot_json(const pb::Slot& slot) {
    const auto address = ledger::Address::from(slot.operator_());
    std::string state = pb::SlotState_Name(slot.state()).substr(5);
    for (char& c : state) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return {{"operator", address ? ledger::address_text(*address) : ""},
            {"state", state},
            {"output", hex(slot.output().root())},
            {"paid", std::to_string(slot.paid())},
            {"slashed", std::to_string(slot.slashed())}};
}

void lineage(const AuditFlags& flags, const GlobalOptions& globals) {
    const auto ledger = replay(flags.file, globals);
    const auto job = find_job(flags, ledger->state(), globals);
    json document = {{"jobId", hex(job.id())},
                     {"name", job.spec().name()},
                     {"data", hex(job.spec().data().root())},
                     {"seed", job.spec().seed()},
                     {"tasks", json::array()}};
    std::string text = "data set    " + hex(job.spec().data().root()) + "\nseed        " +
                       std::to_string(job.spec().seed()) + "\n";
    for (const auto& task : tasks_of(ledger->state(), job.id())) {
        json slots = json::array();
        text += "round " + std::to_string(task.round()) +
                (task.kind() == pb::TASK_AGGREGATE
                     ? " aggregation "
                     : " shard " + std::to_string(task.shard()) + "     ") +
                to_hex(view_of(task.id())).substr(0, 16) + " -> " +
                to_hex(view_of(task.output().root())).substr(0, 16) + "\n";
        for (const auto& slot : task.slots()) {
            slots.push_back(slot_json(slot));
            const auto& s = slots.back();
            text += "    " + s["operator"].get<std::string>() + "  " +
                    s["state"].get<std::string>() +
                    (slot.paid() ? "  paid " + format_amount(slot.paid()) : "") +
                    (slot.slashed() ? "  slashed " + format_amount(slot.slashed()) : "") + "\n";
        }
        document["tasks"].push_back({{"task", hex(task.id())},
                                     {"round", task.round()},
                                     {"shard", task.shard()},
                                     {"output", hex(task.output().root())},
                                     {"slots", slots}});
    }
    json checkpoints = json::array();
    for (int i = 0; i < job.checkpoints_size(); ++i) {
        const auto root = hex(job.checkpoints(i).root());
        checkpoints.push_back(root);
        text += "checkpoint " + std::to_string(i) + "  " +
                (root == "0x" ? "(from the seed)" : root) + "\n";
    }
    document["checkpoints"] = checkpoints;
    print_result(globals, document, text);
}

}  // namespace

void add_audit_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group =
        app.add_subcommand("audit", "Check a ledger export: history, votes, money, training");
    group->require_subcommand(1);
    group->footer("Example: assay audit ledger chain.assay");
    auto flags = std::make_shared<AuditFlags>();

    auto* ledger_command = group->add_subcommand(
        "ledger", "Replay every block from genesis; exit 3 names the first problem");
    ledger_command->add_option("file", flags->file, "Export file")->required();
    ledger_command->footer("Example: assay audit ledger chain.assay");
    ledger_command->callback([flags, &globals] { audit_ledger(*flags, globals); });

    auto* recompute_command =
        group->add_subcommand("recompute", "Run tasks again and compare every bit");
    recompute_command->add_option("file", flags->file, "Export file")->required();
    recompute_command->add_option("--job", flags->job, "Job whose accepted tasks to run");
    recompute_command->add_option("--task", flags->task, "One task");
    recompute_command->add_option("--tasks", flags->tasks,
                                  "With --job: only the first N (default: all)");
    recompute_command->add_option("--blobs", flags->blobs,
                                  "Chunk store with the inputs (default: this home's)");
    recompute_command->add_option("--backend", flags->backend,
                                  "Compute backend (default: the best)");
    recompute_command->footer("Example: assay audit recompute chain.assay --job 0x3f... --tasks 1");
    recompute_command->callback([flags, &globals] {
        if (flags->job.empty() == flags->task.empty()) {
            fail_command(globals, fail(Code::kInvalidArgument, "give --job ID or --task ID"));
        }
        recompute(*flags, globals);
    });

    auto* lineage_command = group->add_subcommand(
        "lineage", "Data set, tasks, votes, payments and checkpoints of a model");
    lineage_command->add_option("file", flags->file, "Export file")->required();
    lineage_command->add_option("--job", flags->job, "Job")->required();
    lineage_command->footer("Example: assay audit lineage chain.assay --job 0x3f...");
    lineage_command->callback([flags, &globals] { lineage(*flags, globals); });

    add_audit_task_commands(*group, globals);
    add_audit_prove_command(*group, globals);
}

}  // namespace assay::node
