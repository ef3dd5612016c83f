#include "ledger/state/bench.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "ledger/state/database.h"

namespace assay::ledger {

namespace {

constexpr uint64_t kAccountsPerLoadBlock = 100'000;

// SplitMix64's output function: spreads consecutive numbers over all 64-bit values.
uint64_t mixed(uint64_t z) {
    z += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

Bytes account_key(uint64_t account) {
    Bytes key{1};
    append_be64(key, mixed(account));
    append_be64(key, account);
    append_be32(key, 0);
    return key;
}

Bytes account_value(uint64_t account, uint64_t height) {
    Bytes value;
    append_be64(value, mixed(account));
    append_be64(value, height);
    value.resize(32);
    return value;
}

uint64_t microseconds_since(std::chrono::steady_clock::time_point start) {
    const auto elapsed = std::chrono::steady_clock::now() - start;
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count());
}

// Commits one block and adds what its two halves took.
Status timed_block(Database& database, const State::Changes& changes,
                   const std::vector<Bytes>& events, uint64_t& prepare_us, uint64_t& commit_us) {
    const uint64_t height = database.empty() ? 0 : database.height() + 1;
    const auto start = std::chrono::steady_clock::now();
    ASSAY_ASSIGN(const auto prepared, database.prepare(height, changes, events, {}));
    prepare_us += microseconds_since(start);
    const auto middle = std::chrono::steady_clock::now();
    ASSAY_RETURN_IF_ERROR(database.commit(prepared, {}));
    commit_us += microseconds_since(middle);
    return {};
}

Status load_accounts(Database& database, uint64_t accounts) {
    uint64_t unused = 0;
    for (uint64_t first = 0; first < accounts; first += kAccountsPerLoadBlock) {
        State::Changes changes;
        const uint64_t end = std::min(accounts, first + kAccountsPerLoadBlock);
        for (uint64_t account = first; account < end; ++account)
            changes[account_key(account)] = account_value(account, 0);
        ASSAY_RETURN_IF_ERROR(timed_block(database, changes, {}, unused, unused));
    }
    return {};
}

}  // namespace

Result<StateBenchFigures> bench_state(const StateBenchOptions& options) {
    if (options.accounts == 0 || options.blocks == 0)
        return fail(Code::kInvalidArgument, "state benchmark: accounts and blocks start at 1");
    if (std::filesystem::exists(options.directory))
        return fail(Code::kAlreadyExists, "state benchmark: " + options.directory +
                                              " exists; remove it or name another directory");
    DatabaseOptions database_options;
    database_options.sync = options.sync;
    StateBenchFigures figures;
    const auto start = std::chrono::steady_clock::now();
    ASSAY_ASSIGN(const auto database, Database::open(options.directory, database_options));
    ASSAY_RETURN_IF_ERROR(load_accounts(*database, options.accounts));
    figures.load_us = microseconds_since(start);
    const uint32_t warm_up = options.blocks / 10;
    const std::vector<Bytes> events(options.events_per_block, Bytes(100, 7));
    for (uint32_t block = 0; block < options.blocks + warm_up; ++block) {
        State::Changes changes;
        for (uint32_t i = 0; i < options.updates_per_block; ++i) {
            const uint64_t draw = mixed(uint64_t{block} * options.updates_per_block + i);
            const uint64_t account = draw % options.accounts;
            changes[account_key(account)] = account_value(account, block + 1);
        }
        uint64_t prepare_us = 0;
        uint64_t commit_us = 0;
        ASSAY_RETURN_IF_ERROR(timed_block(*database, changes, events, prepare_us, commit_us));
        if (block < warm_up) continue;
        figures.prepare_us += prepare_us;
        figures.commit_us += commit_us;
        figures.slowest_us = std::max(figures.slowest_us, prepare_us + commit_us);
        ++figures.blocks;
    }
    figures.prepare_us /= figures.blocks;
    figures.commit_us /= figures.blocks;
    return figures;
}

}  // namespace assay::ledger
