#include "compute/bench.h"
#include "compute/bench_kernels.h"
#include "compute/bench_memory.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "compute/self_test.h"
#include "contracts/params.h"
#include "contracts/rules.h"
#include "contracts/transactions.h"
#include "ledger/bench.h"
#include "ledger/codec/canonical.h"
#include "node/cli/bench_tasks.h"
#include "node/cli/cli.h"
#include "node/cli/report.h"

namespace assay::node {
namespace {

using nlohmann::json;

struct BenchFlags {
    uint32_t transactions = 50'000;
    uint32_t accounts = 1'000;
    uint32_t threads = 2;
    std::string vectors;
    std::string backend;
};

json split_json(const ledger::BenchSplit& split) {
    return {{"accounts", split.accounts},        {"transactionsPerBlock", split.transactions},
            {"signatureUs", split.signature_us}, {"executeUs", split.execute_us},
            {"treeUs", split.tree_us},           {"storeUs", split.store_us},
            {"totalUs", split.total_us()},       {"cpuUs", split.cpu_us}};
}

std::string split_line(const std::string& name, const ledger::BenchSplit& split) {
    char line[160];
    std::snprintf(line, sizeof line, "%-12s %10.1f %7.1f %7.1f %7.1f %7.1f %10.1f\n", name.c_str(),
                  split.signature_us, split.execute_us, split.tree_us, split.store_us,
                  split.total_us(), split.cpu_us);
    return line;
}

void bench_ledger(const BenchFlags& flags, const GlobalOptions& globals) {
    const contracts::ContractRules rules;
    ledger::BenchOptions options;
    options.transactions = flags.transactions;
    options.accounts = flags.accounts;
    options.senders = std::min<uint32_t>(flags.accounts, 1'000);
    options.threads = flags.threads;
    options.transfer_type = static_cast<uint32_t>(contracts::TxType::kTransfer);
    options.fee = contracts::default_params().min_fee();
    options.transfer_payload = [](const ledger::Address& to, uint64_t amount) {
        pb::Transfer transfer;
        transfer.set_to(to.bytes.data(), to.bytes.size());
        transfer.set_amount(amount);
        return ledger::encode_message(transfer);
    };
    if (options.senders > TaskTraffic::kProviders) {
        options.work = [traffic = TaskTraffic()](const ledger::BenchAccounts& accounts,
                                                 const ledger::ReadView& state) mutable {
            return traffic.next(accounts, state);
        };
        options.work_params = ledger::encode_message(TaskTraffic::params());
        options.work_warm_up = TaskTraffic::kWarmUpBlocks;
    }
    options.now_us = [] {
        return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                         std::chrono::steady_clock::now().time_since_epoch())
                                         .count());
    };
    options.cpu_us = [] {
        timespec now{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return static_cast<uint64_t>(now.tv_sec) * 1'000'000 +
               static_cast<uint64_t>(now.tv_nsec) / 1'000;
    };
    const auto report = value_or_fail(globals, ledger::bench_ledger(rules, options));
    json splits = json::array();
    std::string table =
        "per transaction, microseconds:\n"
        "              signature   rules    tree   store   total  processor\n";
    for (const ledger::BenchSplit& split : report.splits) {
        splits.push_back(split_json(split));
        table += split_line(std::to_string(split.accounts) + " acc.", split);
    }
    if (report.work) table += split_line("tasks", *report.work);
    const ledger::BenchReplay& replay = report.replay;
    char line[160];
    std::snprintf(line, sizeof line,
                  "%-12s %10.1f %7.1f %7.1f %7.1f, checks against the file %.1f\n", "replay",
                  replay.signature_us, replay.execute_us, replay.tree_us, replay.store_us,
                  replay.check_us);
    table += line;
    const ledger::BenchSplit& few = report.splits.front();
    const ledger::BenchSplit& many = report.splits.back();
    const json document = {{"transactions", report.transactions},
                           {"accounts", flags.accounts},
                           {"blocks", report.blocks},
                           {"committedPerSecond", report.committed_per_second},
                           {"replayedPerSecond", report.replayed_per_second},
                           {"replay",
                            {{"signatureUs", replay.signature_us},
                             {"executeUs", replay.execute_us},
                             {"treeUs", replay.tree_us},
                             {"checkUs", replay.check_us},
                             {"storeUs", replay.store_us}}},
                           {"splits", splits},
                           {"tasks", report.work ? split_json(*report.work) : json()},
                           {"snapshot",
                            {{"bytes", report.snapshot.bytes},
                             {"writeSeconds", report.snapshot.write_seconds},
                             {"restoreSeconds", report.snapshot.restore_seconds}}},
                           {"totalRatio", many.total_us() / few.total_us()},
                           {"cpuRatio", many.cpu_us / few.cpu_us}};
    char text[512];
    std::snprintf(text, sizeof text,
                  "%llu signed transfers over %u accounts, %llu blocks\n"
                  "committed  %8.0f tx/s (check, 200 ms blocks, fsync)\n"
                  "replayed   %8.0f tx/s (from an export, everything verified)\n",
                  static_cast<unsigned long long>(report.transactions), flags.accounts,
                  static_cast<unsigned long long>(report.blocks), report.committed_per_second,
                  report.replayed_per_second);
    std::string output = text;
    if (report.work) {
        std::snprintf(text, sizeof text,
                      "tasks      %8.0f tx/s (one block of %.0f accepts, commits and reveals after "
                      "another, fsync)\n",
                      1e6 / report.work->total_us(), report.work->transactions);
        output += text;
    }
    output += table;
    std::snprintf(text, sizeof text,
                  "snapshot of %u accounts: %.1f MB, written in %.2f s, restored in %.2f s\n",
                  many.accounts, static_cast<double>(report.snapshot.bytes) * 1e-6,
                  report.snapshot.write_seconds, report.snapshot.restore_seconds);
    output += text;
    if (report.splits.size() > 1) {
        std::snprintf(text, sizeof text, "%u accounts cost %.2fx as much as %u (processor %.2fx)",
                      many.accounts, many.total_us() / few.total_us(), few.accounts,
                      many.cpu_us / few.cpu_us);
        output += text;
    }
    print_result(globals, document, output);
}

void bench_compute(const compute::BenchOptions& options, const GlobalOptions& globals) {
    const auto report = value_or_fail(globals, compute::bench_compute(options));
    json backends = json::array();
    for (const auto& each : report.backends)
        backends.push_back({{"backend", each.name},
                            {"threads", each.threads},
                            {"gemmMmacsPerSecond", each.gemm_mmacs},  // at 1, 2 and 3 slices
                            {"openblasMmacsPerSecond", each.openblas_mmacs},  // 0: not here
                            {"stepMacsPerSecond", each.step_macs},
                            {"stepNs", each.step_ns}});
    print_result(globals, {{"backends", backends}, {"stateRootBytesPerSecond", report.root_bytes}},
                 compute::bench_text(report));
}

void bench_kernels(const compute::BenchOptions& options, const GlobalOptions& globals) {
    const auto kernels = value_or_fail(globals, compute::bench_kernels(options));
    json list = json::array();
    for (const auto& kernel : kernels) {
        for (const auto& rate : kernel.rates)
            list.push_back({{"kernel", kernel.kernel},
                            {"unit", kernel.products ? "MAC" : "byte"},
                            {"backend", rate.backend},
                            {"perSecond", rate.per_second},
                            {"equal", rate.equal}});
    }
    print_result(globals, {{"kernels", list}}, compute::kernels_text(kernels));
    if (!compute::all_equal(kernels)) end_command(3);
}

void bench_memory(const compute::BenchOptions&, const GlobalOptions& globals) {
    const auto needs = value_or_fail(globals, compute::memory_needs());
    json list = json::array();
    for (const auto& each : needs)
        list.push_back({{"work", each.work},
                        {"stateBytes", each.state_bytes},
                        {"plainBytes", each.plain_bytes},
                        {"againBytes", each.again_bytes},
                        {"waitingBytes", each.waiting_bytes},
                        {"hostBytes", each.host_bytes},
                        {"scratchBytes", each.scratch_bytes}});
    print_result(globals, {{"needs", list}}, compute::memory_text(needs));
}

void self_test(const BenchFlags& flags, const GlobalOptions& globals) {
    const auto names = flags.backend.empty() ? compute::available_backends()
                                             : std::vector<std::string>{flags.backend};
    json list = json::array();
    std::string text;
    bool failed = false;
    for (const auto& name : names) {
        const auto backend = value_or_fail(globals, compute::make_backend({name, 0}));
        for (const auto& report :
             value_or_fail(globals, compute::run_vectors(flags.vectors, *backend))) {
            const bool bad = report.failed > 0;
            failed = failed || bad;
            list.push_back({{"backend", name},
                            {"file", report.file},
                            {"cases", report.cases},
                            {"failed", report.failed},
                            {"firstFailure", report.first_failure}});
            text += (bad ? "FAIL  " : "ok    ") + name + "  " + report.file + "  " +
                    std::to_string(report.cases) + " cases" +
                    (report.failed
                         ? ", " + std::to_string(report.failed) + " failed: " + report.first_failure
                         : "") +
                    "\n";
        }
    }
    print_result(globals, {{"verdict", failed ? "fail" : "pass"}, {"files", list}},
                 text + (failed ? "FAIL" : "PASS"));
    if (failed) end_command(3);
}

}  // namespace

void add_bench_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group = app.add_subcommand("bench", "Measure this machine (docs/benchmarks.md)");
    group->require_subcommand(1);
    group->footer("Example: assay bench compute");
    auto flags = std::make_shared<BenchFlags>();

    auto* ledger_command =
        group->add_subcommand("ledger", "Signed transfers per second: commit and replay");
    ledger_command->add_option("--transactions", flags->transactions, "How many")
        ->capture_default_str();
    ledger_command->add_option("--accounts", flags->accounts, "Accounts in the state")
        ->capture_default_str();
    ledger_command->add_option("--threads", flags->threads, "Threads for signatures")
        ->capture_default_str();
    ledger_command->footer("Example: assay bench ledger --transactions 100000 --accounts 1000000");
    ledger_command->callback([flags, &globals] { bench_ledger(*flags, globals); });

    auto* compute_command =
        group->add_subcommand("compute", "Kernels and a training step on every backend");
    compute_command->footer("Example: assay bench compute");
    auto options = std::make_shared<compute::BenchOptions>();
    compute_command->add_option("--backend", options->backend,
                                "One backend (default: every one this machine has)");
    compute_command
        ->add_option("--budget", options->budget_ms, "Milliseconds for each product or kernel")
        ->check(CLI::Range(1, 600'000))
        ->capture_default_str();
    auto what = std::make_shared<decltype(&bench_compute)>(&bench_compute);
    auto* kernels = compute_command->add_flag_callback(
        "--kernels", [what] { *what = &bench_kernels; },
        "Every operation by itself, its bits compared with portable's");
    compute_command
        ->add_flag_callback(
            "--memory", [what] { *what = &bench_memory; },
            "What training steps need, as planned; runs nothing")
        ->excludes(kernels);
    compute_command->callback([options, what, &globals] { (*what)(*options, globals); });

    auto* test = app.add_subcommand("self-test",
                                    "Check the arithmetic against reference vectors, bit for bit");
    test->add_option("--vectors", flags->vectors, "Folder of vector files")->required();
    test->add_option("--backend", flags->backend,
                     "One backend (default: every one this machine has)");
    test->footer("Example: assay self-test --vectors tests/vectors");
    test->callback([flags, &globals] { self_test(*flags, globals); });
}

}  // namespace assay::node
