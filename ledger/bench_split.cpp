#include "ledger/bench_split.h"

#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

constexpr uint64_t kGenesisTimeMs = 1'700'000'000'000;
constexpr uint64_t kBalance = 1'000'000'000'000;  // times 2^20 accounts stays below 2^63

// SplitMix64's output function.
uint64_t mixed(uint64_t z) {
    z += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

Bytes numbered(std::string_view text, uint32_t index) {
    Bytes seed = bytes_of(text);
    append_be32(seed, index);
    return seed;
}

}  // namespace

Result<BenchAccounts> make_bench_accounts(uint32_t accounts, uint32_t senders) {
    BenchAccounts made;
    for (uint32_t i = 0; i < senders; ++i) {
        const Hash256 secret = sha256(numbered("assay bench key", i));
        ASSAY_ASSIGN(PrivateKey key, PrivateKey::from_bytes(secret.view()));
        made.addresses.push_back(key.address());
        made.keys.push_back(std::move(key));
    }
    for (uint32_t i = senders; i < accounts; ++i) {
        const Hash256 drawn = sha256(numbered("assay bench account", i));
        made.addresses.push_back(*Address::from(drawn.view().first(sizeof(Address::bytes))));
    }
    return made;
}

pb::Genesis bench_genesis(const BenchAccounts& accounts, const Bytes& params) {
    pb::Genesis genesis;
    genesis.set_chain_id(std::string(kBenchChain));
    genesis.set_time_ms(kGenesisTimeMs);
    genesis.set_app_version(kAppVersion);
    genesis.set_producer(std::string(text_of(accounts.addresses[0].view())));
    genesis.set_params(std::string(text_of(params)));
    for (const Address& address : accounts.addresses) {
        pb::GenesisAccount* account = genesis.add_accounts();
        account->set_address(std::string(text_of(address.view())));
        account->set_balance(kBalance);
    }
    return genesis;
}

Result<Bytes> bench_transaction(const BenchAccounts& accounts, size_t sender, uint64_t nonce,
                                uint32_t type, uint64_t fee, const Bytes& payload) {
    pb::TxBody body;
    body.set_chain_id(std::string(kBenchChain));
    body.set_nonce(nonce);
    body.set_expiry_height(UINT32_MAX);
    body.set_fee(fee);
    body.set_type(type);
    body.set_payload(std::string(text_of(payload)));
    return sign_transaction(body, accounts.keys[sender]);
}

Result<Bytes> bench_transfer(const BenchAccounts& accounts, const BenchOptions& options,
                             uint64_t index) {
    const uint64_t draw = mixed(index);
    const size_t sender = index % accounts.keys.size();
    size_t recipient = draw % accounts.addresses.size();
    // Rules may refuse a transfer to oneself.
    if (recipient == sender) recipient = (recipient + 1) % accounts.addresses.size();
    return bench_transaction(
        accounts, sender, index / accounts.keys.size(), options.transfer_type, options.fee,
        options.transfer_payload(accounts.addresses[recipient], 1 + draw % 100));
}

SplitBench::Workload SplitBench::transfers(const BenchOptions& options, uint32_t accounts) {
    const auto next_block = [&options, next_index = uint64_t{0}](
                                const BenchAccounts& all,
                                const ReadView&) mutable -> Result<std::vector<Bytes>> {
        std::vector<Bytes> transfers;
        for (uint32_t i = 0; i < kBlockTransactions; ++i) {
            ASSAY_ASSIGN(Bytes transfer, bench_transfer(all, options, next_index++));
            transfers.push_back(std::move(transfer));
        }
        return transfers;
    };
    return {accounts, options.params, next_block};
}

Result<std::unique_ptr<SplitBench>> SplitBench::create(const Rules& rules,
                                                       const BenchOptions& options,
                                                       WorkerPool& pool, Workload workload,
                                                       const std::string& directory) {
    std::unique_ptr<SplitBench> bench(new SplitBench(rules, options, pool, std::move(workload)));
    ASSAY_RETURN_IF_ERROR(bench->load(directory));
    return bench;
}

Status SplitBench::load(const std::string& directory) {
    ASSAY_ASSIGN(database_, Database::open(directory));
    const uint32_t accounts = workload_.accounts;
    ASSAY_ASSIGN(accounts_, make_bench_accounts(accounts, std::min(options_.senders, accounts)));
    const pb::Genesis genesis = bench_genesis(accounts_, workload_.params);
    params_hash_ = genesis_hash(genesis);
    ASSAY_ASSIGN(auto changes, executor_.run_genesis(genesis, *database_->snapshot()));
    ASSAY_ASSIGN(const auto prepared, database_->prepare(0, std::move(changes), {}, params_hash_));
    return database_->commit(prepared, {});
}

Status SplitBench::run_blocks(uint32_t count, bool measured) {
    const uint64_t cpu_start_us = options_.cpu_us ? options_.cpu_us() : 0;
    double signing_us = sum_.signing_cpu_us;
    for (uint32_t i = 0; i < count; ++i) ASSAY_RETURN_IF_ERROR(run_block(measured));
    if (!measured || !options_.cpu_us) return {};
    signing_us = sum_.signing_cpu_us - signing_us;
    sum_.cpu_us += static_cast<double>(options_.cpu_us() - cpu_start_us) - signing_us;
    return {};
}

Status SplitBench::run_block(bool measured) {
    const uint64_t cpu_start_us = options_.cpu_us ? options_.cpu_us() : 0;
    ASSAY_ASSIGN(const std::vector<Bytes> raw,
                 workload_.traffic(accounts_, *database_->snapshot()));
    pb::Block block;
    for (const Bytes& tx : raw) block.add_transactions(std::string(text_of(tx)));
    BlockRecord record;
    record.encoded_block = encode_message(block);
    const uint64_t cpu_end_us = options_.cpu_us ? options_.cpu_us() : 0;

    const uint64_t height = database_->height() + 1;
    const uint64_t start_us = options_.now_us();
    const auto decoded = verifier_.verify_all(raw, kBenchChain);
    const uint64_t verified_us = options_.now_us();
    const BlockInfo info{std::string(kBenchChain),
                         height,
                         kGenesisTimeMs + height * options_.block_interval_ms,
                         Hash256{},
                         0,
                         {},
                         kAppVersion,
                         {}};
    ASSAY_ASSIGN(ExecutedBlock executed,
                 executor_.run_block(info, decoded, *database_->snapshot()));
    const uint64_t executed_us = options_.now_us();
    std::vector<Bytes> events;
    for (const pb::Event& event : executed.events) events.push_back(encode_message(event));
    ASSAY_ASSIGN(const auto prepared, database_->prepare(height, std::move(executed.changes),
                                                         std::move(events), params_hash_));
    const uint64_t prepared_us = options_.now_us();
    for (const DecodedTx& tx : decoded) record.tx_hashes.push_back(tx.tx.hash);
    ASSAY_RETURN_IF_ERROR(database_->commit(prepared, record));
    const uint64_t committed_us = options_.now_us();

    for (const pb::TxResult& result : executed.results)
        if (result.code() != 0)
            return fail(Code::kInternal,
                        "bench: a transaction failed with code " + std::to_string(result.code()));
    if (!measured) return {};
    measured_ += raw.size();
    ++measured_blocks_;
    sum_.signature_us += static_cast<double>(verified_us - start_us);
    sum_.execute_us += static_cast<double>(executed_us - verified_us);
    sum_.tree_us += static_cast<double>(prepared_us - executed_us);
    sum_.store_us += static_cast<double>(committed_us - prepared_us);
    sum_.signing_cpu_us += static_cast<double>(cpu_end_us - cpu_start_us);
    return {};
}

Result<BenchSnapshot> SplitBench::run_snapshot(const std::string& directory) const {
    constexpr double kMicro = 1e-6;
    const std::string path = directory + "/snapshot";
    BenchSnapshot figures;
    const uint64_t start_us = options_.now_us();
    ASSAY_RETURN_IF_ERROR(write_snapshot(database_->source(), path));
    const uint64_t written_us = options_.now_us();
    ASSAY_ASSIGN(const SnapshotFile file, SnapshotFile::open(path));
    ASSAY_ASSIGN(const auto copy, Database::open(directory + "/restored"));
    ASSAY_ASSIGN(SnapshotManifest manifest, decode_manifest(file.manifest()));
    ASSAY_ASSIGN(const auto restore, copy->begin_restore(std::move(manifest), file.height()));
    for (size_t i = 0; i < file.chunk_count(); ++i) {
        ASSAY_ASSIGN(const Bytes chunk, file.chunk(i));
        figures.bytes += chunk.size();
        ASSAY_RETURN_IF_ERROR(restore->add(i, chunk));
    }
    ASSAY_RETURN_IF_ERROR(restore->finish({}));
    if (copy->last().app_hash != database_->last().app_hash)
        return fail(Code::kInternal, "bench: the snapshot has another app hash");
    figures.write_seconds = static_cast<double>(written_us - start_us) * kMicro;
    figures.restore_seconds = static_cast<double>(options_.now_us() - written_us) * kMicro;
    return figures;
}

BenchSplit SplitBench::figures() const {
    const double count = measured_ == 0 ? 1.0 : static_cast<double>(measured_);
    const double blocks = measured_blocks_ == 0 ? 1.0 : static_cast<double>(measured_blocks_);
    return {static_cast<uint32_t>(accounts_.addresses.size()),
            static_cast<double>(measured_) / blocks,
            sum_.signature_us / count,
            sum_.execute_us / count,
            sum_.tree_us / count,
            sum_.store_us / count,
            sum_.cpu_us / count,
            sum_.signing_cpu_us / count};
}

}  // namespace assay::ledger
