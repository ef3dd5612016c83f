// assay job screen: who would take a job, before paying. assay job verify: is the delivered model
// the one that the ledger accepted?
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "compute/checkpoint/checkpoint.h"
#include "contracts/keys.h"
#include "ledger/codec/canonical.h"
#include "ledger/state/database.h"
#include "node/audit/chunks.h"
#include "node/audit/votes.h"
#include "node/cli/cli.h"
#include "node/cli/job_file.h"
#include "node/cli/proof_file.h"
#include "node/cli/report.h"
#include "node/cli/store.h"
#include "node/core/config.h"

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t kMaxCertificateBytes = 64 << 20;

struct ScreenFlags {
    JobFiles files;
};

struct VerifyFlags {
    std::string id;
    std::string folder;
    uint64_t height = 0;
    std::string app_hash;
};

// Which height the proofs are asked for, and why its header is believed.
struct TrustedPoint {
    uint64_t height = 0;  // 0: the newest
    ProofTrust trust;
};

void screen(const ScreenFlags& flags, const GlobalOptions& globals) {
    const json spec = load_job_file(flags.files, globals);
    Remote remote(globals);
    const auto quote = remote.call("job_estimate", {{"spec", spec}});
    const auto reply = remote.call("market_explain", {{"spec", spec}});
    std::string text;
    uint64_t eligible = 0;
    for (const auto& one : reply.at("providers")) {
        const bool fits = one.value("eligible", false);
        eligible += fits ? 1 : 0;
        text += (fits ? "eligible  " : "excluded  ") + one.value("operator", "") + "  price " +
                one.value("priceFloor", "-") +
                (fits ? "" : "  " + one.value("reason", "") + ": " + one.value("explanation", "")) +
                "\n";
    }
    const auto replicas = quote.value("replicas", uint64_t{0});
    const bool enough = eligible >= replicas;
    json document = {{"providers", reply["providers"]},
                     {"eligible", eligible},
                     {"replicas", replicas},
                     {"enough", enough},
                     {"estimate", quote}};
    print_result(globals, document,
                 text + std::to_string(eligible) + " of " +
                     std::to_string(reply["providers"].size()) + " providers eligible, " +
                     std::to_string(replicas) +
                     " needed: " + (enough ? "the job would start" : "the job would wait"));
    if (!enough) end_command(4);
}

// Under CometBFT a light client tells the app hash of one height; all proofs are of that height.
TrustedPoint trusted_point(const VerifyFlags& flags, const GlobalOptions& globals) {
    TrustedPoint point{flags.height, {home_producer(globals), std::nullopt}};
    if (flags.app_hash.empty()) return point;
    point.trust.app_hash = hash_from_hex(flags.app_hash);
    if (!point.trust.app_hash || flags.height == 0)
        fail_command(globals, fail(Code::kInvalidArgument,
                                   "--app-hash takes 64 hexadecimal digits, and --at the height "
                                   "after whose block the state has it"));
    return point;
}

// A state object with its proof, checked against a header that the chain's producer signed, or the
// app hash that is known.
template <typename Message>
Message proven(Remote& remote, const GlobalOptions& globals, const TrustedPoint& point,
               const Bytes& key, const std::string& what) {
    const auto proof = value_or_fail(globals, fetch_proof(remote, {key, 0, point.height}));
    ok_or_fail(globals, verify_proof(proof, point.trust));
    if (proof.key != key || !proof.value)
        fail_command(globals, fail(Code::kNotFound, "the ledger holds no " + what));
    return value_or_fail(globals, ledger::decode_canonical<Message>(
                                      *proof.value, ledger::kMaxStateValueBytes, what));
}

// The exported weights must be those that the checkpoint gives.
Status check_export(const fs::path& checkpoint, const fs::path& folder) {
    const auto delivered = folder / "model.safetensors";
    if (!fs::exists(delivered)) return {};
    ASSAY_ASSIGN(const auto scratch, ScratchFolder::make({}, "assay-verify-"));
    ASSAY_RETURN_IF_ERROR(compute::export_model(checkpoint, scratch.path()));
    ASSAY_ASSIGN(const auto due, compute::manifest_of_file(scratch.path() / "model.safetensors"));
    return check_artifact(delivered, due.root(), due);
}

Status check_certificate(const fs::path& folder, const pb::Job& job, const Hash256& root) {
    const auto file = folder / "certificate.json";
    if (!fs::exists(file)) return {};
    ASSAY_ASSIGN(const auto text, read_text(file, kMaxCertificateBytes));
    const json document = json::parse(text, nullptr, false);
    const auto field = [&](const char* outer, const char* inner) -> std::string {
        const json* at = &document;
        for (const char* name : {outer, inner}) {
            if (*name == 0) continue;
            if (!at->is_object() || !at->contains(name)) return "";
            at = &at->at(name);
        }
        return at->is_string() ? at->get<std::string>() : "";
    };
    if (hash_from_hex(field("jobId", "")) != hash_from(view_of(job.id())))
        return fail(Code::kCorrupt, file.string() + ": jobId: is '" + field("jobId", "") +
                                        "', due 0x" + to_hex(view_of(job.id())));
    if (hash_from_hex(field("checkpoint", "root")) != root)
        return fail(Code::kCorrupt, file.string() + ": checkpoint.root: is '" +
                                        field("checkpoint", "root") + "', due 0x" + to_hex(root));
    return {};
}

// Every task of the certificate, fetched with a proof, and its votes counted again.
uint64_t check_all_votes(Remote& remote, const GlobalOptions& globals, const TrustedPoint& point,
                         const pb::Job& job) {
    const std::string job_hex = "0x" + to_hex(view_of(job.id()));
    uint64_t checked = 0;
    for (json offset = 0; !offset.is_null();) {
        const auto page = remote.call("task_list", {{"jobId", job_hex}, {"offset", offset}});
        for (const auto& item : page.at("tasks")) {
            const auto id = hash_from_hex(item.value("taskId", ""));
            if (!id) fail_command(globals, fail(Code::kCorrupt, "the node sent a bad task id"));
            const auto task = proven<pb::Task>(
                remote, globals, point, contracts::keys::task(id->view()), "task " + to_hex(*id));
            if (task.job_id() != job.id())
                fail_command(globals, fail(Code::kCorrupt,
                                           "task " + to_hex(*id) + ": job_id: is of another job"));
            ok_or_fail(globals, check_task_tally(task));
            ok_or_fail(globals, check_task_payments(task));
            checked += task.state() == pb::TASK_FINAL || task.state() == pb::TASK_TALLIED ? 1 : 0;
        }
        offset = page.value("nextOffset", json());
    }
    return checked;
}

void verify(const VerifyFlags& flags, const GlobalOptions& globals) {
    const auto id = hash_from_hex(flags.id);
    if (!id) {
        fail_command(globals,
                     fail(Code::kInvalidArgument,
                          "job id '" + flags.id + "' must be 0x and 64 hexadecimal digits"));
    }
    if (!flags.folder.empty() && !fs::is_directory(flags.folder)) {
        fail_command(globals, fail(Code::kNotFound, "--folder " + flags.folder +
                                                        " is no folder. Remedy: assay job result " +
                                                        flags.id + " --out " + flags.folder));
    }
    const TrustedPoint point = trusted_point(flags, globals);
    Remote remote(globals);
    const auto job = proven<pb::Job>(remote, globals, point, contracts::keys::job(id->view()),
                                     "job " + flags.id);
    if (job.state() != pb::JOB_DONE || job.checkpoints_size() == 0) {
        fail_command(globals,
                     fail(Code::kUnavailable, "job " + flags.id + " is not done (" +
                                                  pb::JobState_Name(job.state()) +
                                                  "). Remedy: assay job watch " + flags.id));
    }
    const auto& ref = job.checkpoints(job.checkpoints_size() - 1);
    const auto root = hash_from(view_of(ref.root()));
    if (!root) fail_command(globals, fail(Code::kCorrupt, "the job's checkpoint has no root"));
    const auto scratch = value_or_fail(globals, ScratchFolder::make({}, "assay-verify-"));
    const fs::path folder = flags.folder.empty() ? scratch.path() : fs::path(flags.folder);
    const auto checkpoint = folder / "checkpoint.safetensors";
    // A delivered folder can be checked anywhere; this home's manifest names the wrong chunk.
    std::optional<compute::Manifest> manifest;
    if (flags.folder.empty() || fs::is_directory(HomeLayout{globals.home}.blobs() / "chunks")) {
        const auto blobs = open_existing_store({}, globals);
        if (flags.folder.empty()) ok_or_fail(globals, blobs->materialise(*root, checkpoint));
        if (auto found = blobs->manifest(*root); found.ok()) manifest = std::move(*found);
    }
    ok_or_fail(globals, check_artifact(checkpoint, *root, manifest));
    ok_or_fail(globals, check_export(checkpoint, folder));
    ok_or_fail(globals, check_certificate(folder, job, *root));
    const uint64_t tasks = check_all_votes(remote, globals, point, job);
    const uint64_t chunks = compute::Manifest::chunk_count(ref.size());
    print_result(globals,
                 {{"verdict", "pass"},
                  {"jobId", flags.id},
                  {"root", "0x" + to_hex(*root)},
                  {"chunks", chunks},
                  {"tasks", tasks},
                  {"producerChecked", point.trust.producer.has_value()},
                  {"appHashChecked", point.trust.app_hash.has_value()}},
                 "PASS  checkpoint " + to_hex(*root) + ": " + std::to_string(chunks) +
                     " chunks give the root that the ledger proves for job " + flags.id +
                     "\n      " + std::to_string(tasks) +
                     " accepted tasks fetched with proofs, votes and payments counted again");
}

}  // namespace

void add_job_check_commands(CLI::App& group, const GlobalOptions& globals) {
    auto screen_flags = std::make_shared<ScreenFlags>();
    auto* screen_command = group.add_subcommand(
        "screen", "Who would take a job, and which rule excludes the rest; exit 4 if too few");
    add_job_file_options(*screen_command, screen_flags->files);
    screen_command->footer("Example: assay job screen train.json --data corpus.txt");
    screen_command->callback([screen_flags, &globals] { screen(*screen_flags, globals); });

    auto verify_flags = std::make_shared<VerifyFlags>();
    auto* verify_command = group.add_subcommand(
        "verify", "Check a delivered model, chunk by chunk, against the ledger's proofs");
    verify_command->add_option("id", verify_flags->id, "Job id")->required();
    verify_command->add_option("--folder", verify_flags->folder,
                               "Folder of `job result` (default: this home's chunk store)");
    verify_command->add_option("--app-hash", verify_flags->app_hash,
                               "Under CometBFT: AppHash of the header after --at, as a light "
                               "client has checked it");
    verify_command->add_option("--at", verify_flags->height,
                               "With --app-hash: the height of all proofs (the node keeps 1,000)");
    verify_command->footer("Example: assay job verify 0x3f... --folder model");
    verify_command->callback([verify_flags, &globals] { verify(*verify_flags, globals); });
}

}  // namespace assay::node
