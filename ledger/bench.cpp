#include "ledger/bench.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "ledger/audit/export.h"
#include "ledger/audit/replay.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/hash.h"
#include "ledger/crypto/keys.h"
#include "ledger/engine/embedded_producer.h"
#include "ledger/local_application.h"

namespace assay::ledger {
namespace {

constexpr std::string_view kBenchChain = "bench";
constexpr uint64_t kGenesisTimeMs = 1'700'000'000'000;
constexpr uint64_t kBalance = 1'000'000'000'000;  // times 2^20 accounts stays below 2^63
constexpr uint32_t kMaxBenchAccounts = 1'000'000;
constexpr double kMicros = 1e6;

Result<PrivateKey> bench_key(uint32_t index) {
    Bytes seed = bytes_of("assay bench key");
    append_be32(seed, index);
    return PrivateKey::from_bytes(sha256(seed).view());
}

Address address_without_key(uint32_t index) {
    Bytes seed = bytes_of("assay bench account");
    append_be32(seed, index);
    return *Address::from(sha256(seed).view().first(sizeof(Address::bytes)));
}

class Bench {
public:
    Bench(const Rules& rules, const BenchOptions& options) : rules_(rules), options_(options) {}

    Result<BenchReport> run() {
        ASSAY_RETURN_IF_ERROR(make_accounts());
        ASSAY_RETURN_IF_ERROR(sign_transfers());
        ASSAY_RETURN_IF_ERROR(run_live());
        ASSAY_RETURN_IF_ERROR(run_replay());
        ASSAY_RETURN_IF_ERROR(run_split());
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
    Status submit_share(Engine& engine, unsigned share) const;
    double seconds_since(uint64_t start_us) const {
        return static_cast<double>(options_.now_us() - start_us) / kMicros;
    }
    double us_per_tx(double seconds) const { return seconds * kMicros / options_.transactions; }

    const Rules& rules_;
    const BenchOptions& options_;
    std::string directory_;
    pb::Genesis genesis_;
    std::vector<PrivateKey> keys_;  // senders; the producer's is the first
    std::vector<Address> addresses_;
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
    for (uint32_t i = 0; i < options_.senders; ++i) {
        ASSAY_ASSIGN(PrivateKey key, bench_key(i));
        addresses_.push_back(key.address());
        keys_.push_back(std::move(key));
    }
    for (uint32_t i = options_.senders; i < options_.accounts; ++i)
        addresses_.push_back(address_without_key(i));
    genesis_.set_chain_id(std::string(kBenchChain));
    genesis_.set_time_ms(kGenesisTimeMs);
    genesis_.set_app_version(1);
    genesis_.set_producer(std::string(text_of(addresses_[0].view())));
    genesis_.set_params(std::string(text_of(options_.params)));
    for (const Address& address : addresses_) {
        pb::GenesisAccount* account = genesis_.add_accounts();
        account->set_address(std::string(text_of(address.view())));
        account->set_balance(kBalance);
    }
    return {};
}

Status Bench::sign_transfers() {
    const uint64_t start_us = options_.now_us();
    uint64_t draw = 1;
    for (uint32_t i = 0; i < options_.transactions; ++i) {
        draw = draw * 6364136223846793005U + 1442695040888963407U;
        size_t recipient = (draw >> 33) % addresses_.size();
        // Rules may refuse a transfer to oneself.
        if (recipient == i % options_.senders) recipient = (recipient + 1) % addresses_.size();
        const Address& to = addresses_[recipient];
        pb::TxBody body;
        body.set_chain_id(std::string(kBenchChain));
        body.set_nonce(i / options_.senders);
        body.set_expiry_height(UINT32_MAX);
        body.set_fee(options_.fee);
        body.set_type(options_.transfer_type);
        body.set_payload(std::string(text_of(options_.transfer_payload(to, 1 + draw % 100))));
        ASSAY_ASSIGN(Bytes raw, sign_transaction(body, keys_[i % options_.senders]));
        transfers_.push_back(std::move(raw));
    }
    report_.sign_us = us_per_tx(seconds_since(start_us));
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
                 EmbeddedProducer::create(*app, *database, genesis_, keys_[0].clone(),
                                          std::move(producer_options)));
    std::atomic<uint64_t> committed{0};
    std::atomic<uint64_t> failed{0};
    producer->subscribe([&](const CommittedBlock& block) {
        for (const pb::TxResult& result : block.block.results())
            if (result.code() != 0) ++failed;
        committed += static_cast<uint64_t>(block.block.transactions_size());
    });
    const uint64_t start_us = options_.now_us();
    ASSAY_RETURN_IF_ERROR(producer->start());
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
    const uint64_t start_us = options_.now_us();
    uint64_t first_block_us = start_us;
    replay_options.on_block = [&](const CommittedBlock& block) {
        // The genesis accounts are set up before the first block; they are not what is measured.
        if (block.block.header().height() == 1) first_block_us = options_.now_us();
    };
    const auto replayed = replay_export(directory_ + "/export", rules_, replay_options);
    if (!replayed) return replayed.error();
    report_.replayed_per_second = options_.transactions / seconds_since(first_block_us);
    return {};
}

Status Bench::run_split() {
    ASSAY_ASSIGN(const auto live, Database::open(directory_ + "/live"));
    ASSAY_ASSIGN(const auto database, Database::open(directory_ + "/split"));
    const Executor executor(rules_);
    WorkerPool pool(options_.threads);
    TxVerifier verifier(pool);
    const Hash256 params_hash = genesis_hash(genesis_);
    {
        const auto empty = database->snapshot();
        ASSAY_ASSIGN(const auto changes, executor.run_genesis(genesis_, *empty));
        ASSAY_ASSIGN(const auto prepared, database->prepare(0, changes, {}, params_hash));
        ASSAY_RETURN_IF_ERROR(database->commit(prepared, {}));
    }
    double signature = 0;
    double execute = 0;
    double tree = 0;
    double store = 0;
    Hash256 previous;
    for (uint64_t height = 1; height <= report_.blocks; ++height) {
        ASSAY_ASSIGN(Bytes encoded, live->block(height));
        ASSAY_ASSIGN(const pb::Block block, decode_block(encoded));
        std::vector<Bytes> raw;
        for (const std::string& tx : block.transactions()) raw.push_back(bytes_of(tx));

        uint64_t start_us = options_.now_us();
        const auto decoded = verifier.verify_all(raw, kBenchChain);
        signature += seconds_since(start_us);

        start_us = options_.now_us();
        const BlockInfo info{std::string(kBenchChain), height, block.header().time_ms(),
                             beacon_after(previous)};
        ASSAY_ASSIGN(const ExecutedBlock executed,
                     executor.run_block(info, decoded, *database->snapshot()));
        execute += seconds_since(start_us);

        start_us = options_.now_us();
        std::vector<Bytes> events;
        for (const pb::Event& event : executed.events) events.push_back(encode_message(event));
        ASSAY_ASSIGN(const auto prepared,
                     database->prepare(height, executed.changes, events, params_hash));
        tree += seconds_since(start_us);

        start_us = options_.now_us();
        BlockRecord record;
        record.encoded_block = std::move(encoded);
        for (const DecodedTx& tx : decoded) record.tx_hashes.push_back(tx.tx.hash);
        ASSAY_RETURN_IF_ERROR(database->commit(prepared, record));
        store += seconds_since(start_us);
        previous = header_hash(block.header());
    }
    report_.signature_us = us_per_tx(signature);
    report_.execute_us = us_per_tx(execute);
    report_.tree_us = us_per_tx(tree);
    report_.store_us = us_per_tx(store);
    return {};
}

}  // namespace

Result<BenchReport> bench_ledger(const Rules& rules, const BenchOptions& options) {
    Bench bench(rules, options);
    ASSAY_RETURN_IF_ERROR(bench.make_directory());
    return bench.run();
}

}  // namespace assay::ledger
