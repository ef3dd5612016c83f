#include "ledger/bench.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "ledger/audit/export.h"
#include "ledger/audit/replay.h"
#include "ledger/bench_split.h"
#include "ledger/engine/embedded_producer.h"
#include "ledger/local_application.h"

namespace assay::ledger {
namespace {

constexpr uint64_t kGenesisTimeMs = 1'700'000'000'000;
constexpr uint32_t kMaxBenchAccounts = 1'000'000;
constexpr double kMicros = 1e6;
constexpr uint32_t kSplitRounds = 4;

class Bench {
public:
    Bench(const Rules& rules, const BenchOptions& options) : rules_(rules), options_(options) {}

    Result<BenchReport> run() {
        ASSAY_RETURN_IF_ERROR(make_accounts());
        ASSAY_RETURN_IF_ERROR(sign_transfers());
        ASSAY_RETURN_IF_ERROR(run_live());
        ASSAY_RETURN_IF_ERROR(run_replay());
        ASSAY_RETURN_IF_ERROR(run_split());
        if (options_.work) ASSAY_RETURN_IF_ERROR(run_work());
        return report_;
    }
    Status make_directory();
    ~Bench() {
        std::error_code ignored;
        if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
    }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

private:
    Status make_accounts();
    Status sign_transfers();
    Status run_live();
    Status run_replay();
    Status run_split();
    Status run_work();
    Status submit_share(Engine& engine, unsigned share) const;
    double seconds_since(uint64_t start_us) const {
        return static_cast<double>(options_.now_us() - start_us) / kMicros;
    }

    const Rules& rules_;
    const BenchOptions& options_;
    std::string directory_;
    pb::Genesis genesis_;
    BenchAccounts accounts_;
    std::vector<Bytes> transfers_;
    BenchReport report_;
};

Status Bench::make_directory() {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path parent =
        options_.directory.empty() ? fs::temp_directory_path(error) : fs::path(options_.directory);
    std::string name = (parent / "assay-bench-XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr)
        return fail(Code::kIo, "bench: cannot make a directory '" + name + "'");
    directory_ = name;
    return {};
}

Status Bench::make_accounts() {
    const bool in_range = options_.accounts > 0 && options_.accounts <= kMaxBenchAccounts &&
                          options_.senders > 0 && options_.senders <= options_.accounts &&
                          options_.transactions > 0 && options_.submitters > 0;
    if (!in_range || !options_.now_us || !options_.transfer_payload)
        return fail(Code::kInvalidArgument,
                    "bench: needs 1 <= senders <= accounts <= 1000000, at least one transaction "
                    "and submitter, a clock and a transfer encoding");
    ASSAY_ASSIGN(accounts_, make_bench_accounts(options_.accounts, options_.senders));
    genesis_ = bench_genesis(accounts_, options_.params);
    return {};
}

Status Bench::sign_transfers() {
    for (uint32_t i = 0; i < options_.transactions; ++i) {
        ASSAY_ASSIGN(Bytes raw, bench_transfer(accounts_, options_, i));
        transfers_.push_back(std::move(raw));
    }
    return {};
}

// Every submitter sends the transfers of its own senders, so that nonces stay in order.
Status Bench::submit_share(Engine& engine, unsigned share) const {
    for (uint32_t i = 0; i < options_.transactions; ++i) {
        if ((i % options_.senders) % options_.submitters != share) continue;
        while (true) {
            const CheckResult checked = engine.submit(transfers_[i]);
            if (checked.code == TxCode::kOk) break;
            if (checked.code != TxCode::kMempoolFull)
                return fail(Code::kInternal, "bench: transfer " + std::to_string(i) +
                                                 " was refused: " + checked.log);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    return {};
}

Status Bench::run_live() {
    ASSAY_ASSIGN(const auto database, Database::open(directory_ + "/live"));
    LocalApplicationOptions app_options;
    app_options.threads = options_.threads;
    ASSAY_ASSIGN(const auto app, LocalApplication::open(rules_, *database, app_options));
    ProducerOptions producer_options;
    producer_options.min_interval_ms = options_.block_interval_ms;
    producer_options.clock = [this] { return kGenesisTimeMs + options_.now_us() / 1000; };
    ASSAY_ASSIGN(const auto producer,
                 EmbeddedProducer::create(*app, *database, genesis_, accounts_.keys[0].clone(),
                                          std::move(producer_options)));
    std::atomic<uint64_t> committed{0};
    std::atomic<uint64_t> failed{0};
    producer->subscribe([&](const CommittedBlock& block) {
        for (const pb::TxResult& result : block.block.results())
            if (result.code() != 0) ++failed;
        committed += static_cast<uint64_t>(block.block.transactions_size());
    });
    ASSAY_RETURN_IF_ERROR(producer->start());
    // From here: setting up the genesis accounts is not what is measured.
    const uint64_t start_us = options_.now_us();
    std::vector<Status> statuses(options_.submitters);
    std::vector<std::thread> submitters;
    for (unsigned share = 0; share < options_.submitters; ++share)
        submitters.emplace_back([&, share] { statuses[share] = submit_share(*producer, share); });
    for (std::thread& submitter : submitters) submitter.join();
    for (const Status& status : statuses)
        if (!status) return status.error();
    while (committed < options_.transactions && producer->failure().empty())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const double seconds = seconds_since(start_us);
    producer->stop();
    if (const std::string why = producer->failure(); !why.empty())
        return fail(Code::kInternal, "bench: " + why);
    if (failed != 0)
        return fail(Code::kInternal, "bench: " + std::to_string(failed) + " transfers failed");
    report_.transactions = committed;
    report_.blocks = producer->height();
    report_.committed_per_second = options_.transactions / seconds;
    const auto exported = export_ledger(*producer, directory_ + "/export");
    return exported ? Status{} : exported.error();
}

Status Bench::run_replay() {
    ReplayOptions replay_options;
    replay_options.directory = directory_ + "/replay";
    replay_options.threads = options_.threads;
    // From the end of the first block: setting up the genesis accounts is not what is measured.
    uint64_t first_block_us = 0;
    uint64_t transactions = options_.transactions;
    std::array<uint64_t, kBlockStages> stages_us{};
    uint64_t last_us = 0;
    replay_options.on_stage = [&](BlockStage stage) {
        const uint64_t now_us = options_.now_us();
        if (first_block_us != 0) stages_us[static_cast<size_t>(stage)] += now_us - last_us;
        last_us = now_us;
    };
    replay_options.on_block = [&](const CommittedBlock& block) {
        if (first_block_us != 0) return;
        first_block_us = last_us;
        transactions -= static_cast<uint64_t>(block.block.transactions_size());
    };
    const auto replayed = replay_export(directory_ + "/export", rules_, replay_options);
    if (!replayed) return replayed.error();
    const auto count = static_cast<double>(std::max<uint64_t>(transactions, 1));
    report_.replayed_per_second = count / seconds_since(first_block_us);
    const auto mean_us = [&](BlockStage stage) {
        return static_cast<double>(stages_us[static_cast<size_t>(stage)]) / count;
    };
    report_.replay = {mean_us(BlockStage::kSignatures), mean_us(BlockStage::kRules),
                      mean_us(BlockStage::kTree), mean_us(BlockStage::kChecks),
                      mean_us(BlockStage::kStore)};
    return {};
}

// The sizes take turns, so that what else the machine does falls on all of them.
Status Bench::run_split() {
    WorkerPool pool(options_.threads);
    std::vector<std::unique_ptr<SplitBench>> sizes;
    for (const uint32_t accounts : {std::min(kFewAccounts, options_.accounts), options_.accounts}) {
        if (!sizes.empty() && accounts <= kFewAccounts) continue;
        const std::string directory = directory_ + "/split-" + std::to_string(accounts);
        ASSAY_ASSIGN(auto size,
                     SplitBench::create(rules_, options_, pool,
                                        SplitBench::transfers(options_, accounts), directory));
        ASSAY_RETURN_IF_ERROR(size->run_blocks(options_.split_blocks / 4, false));
        sizes.push_back(std::move(size));
    }
    for (uint32_t round = 0; round < kSplitRounds; ++round)
        for (const auto& size : sizes)
            ASSAY_RETURN_IF_ERROR(
                size->run_blocks((options_.split_blocks + round) / kSplitRounds, true));
    for (const auto& size : sizes) report_.splits.push_back(size->figures());
    ASSAY_ASSIGN(report_.snapshot, sizes.back()->run_snapshot(directory_));
    return {};
}

Status Bench::run_work() {
    WorkerPool pool(options_.threads);
    ASSAY_ASSIGN(const auto work,
                 SplitBench::create(rules_, options_, pool,
                                    {options_.senders, options_.work_params, options_.work},
                                    directory_ + "/work"));
    ASSAY_RETURN_IF_ERROR(work->run_blocks(options_.work_warm_up, false));
    ASSAY_RETURN_IF_ERROR(work->run_blocks(options_.split_blocks, true));
    report_.work = work->figures();
    return {};
}

}  // namespace

Result<BenchReport> bench_ledger(const Rules& rules, const BenchOptions& options) {
    Bench bench(rules, options);
    ASSAY_RETURN_IF_ERROR(bench.make_directory());
    return bench.run();
}

}  // namespace assay::ledger
