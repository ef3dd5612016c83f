// The benchmark itself: it must do the work that it claims to time. ASSAY_BENCH_TRANSACTIONS and
// ASSAY_BENCH_ACCOUNTS make it a benchmark of ToyRules.
#include "ledger/bench.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "tests/ledger/engine/toy_chain.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

uint32_t from_environment(const char* name, uint32_t otherwise) {
    const char* text = std::getenv(name);
    return text ? static_cast<uint32_t>(std::strtoul(text, nullptr, 10)) : otherwise;
}

TEST(Bench, CommitsAndReplaysEveryTransaction) {
    BenchOptions options;
    options.transactions = from_environment("ASSAY_BENCH_TRANSACTIONS", 300);
    options.accounts = from_environment("ASSAY_BENCH_ACCOUNTS", 50);
    options.senders = std::min(options.accounts, 1000U);
    options.block_interval_ms = 200;
    options.split_blocks = 4;
    options.submitters = 2;
    options.transfer_type = kToyTransfer;
    options.fee = kToyMinFee;
    options.transfer_payload = [](const Address& to, uint64_t amount) {
        Bytes payload = bytes_of(to.view());
        append_be64(payload, amount);
        return payload;
    };
    options.now_us = [] {
        return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                         std::chrono::steady_clock::now().time_since_epoch())
                                         .count());
    };
    uint64_t nonce = 0;
    options.work_warm_up = 1;
    options.work = [&](const BenchAccounts& accounts,
                       const ReadView& state) -> Result<std::vector<Bytes>> {
        EXPECT_EQ(ToyRules().next_nonce(accounts.addresses[1], state), nonce);
        std::vector<Bytes> block;
        for (int i = 0; i < 3; ++i) {
            ASSAY_ASSIGN(Bytes tx,
                         bench_transaction(accounts, 1, nonce++, kToyTransfer, kToyMinFee,
                                           options.transfer_payload(accounts.addresses[0], 1)));
            block.push_back(std::move(tx));
        }
        return block;
    };
    const ToyRules rules(kAppVersion);  // which the benchmark's chain begins with
    const auto report = bench_ledger(rules, options);
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(report->transactions, options.transactions);
    EXPECT_GE(report->blocks, 1U);
    ASSERT_EQ(report->splits.size(), 1U);
    EXPECT_EQ(report->splits[0].accounts, options.accounts);
    EXPECT_GT(report->splits[0].signature_us, 0);
    EXPECT_EQ(report->splits[0].transactions, 1000);
    ASSERT_TRUE(report->work.has_value());
    EXPECT_EQ(report->work->transactions, 3);
    EXPECT_EQ(nonce, 3U * (options.work_warm_up + options.split_blocks));
    EXPECT_GT(report->work->store_us, 0);
    const BenchReplay& replay = report->replay;  // of the blocks after the first
    EXPECT_EQ(replay.execute_us > 0, report->blocks > 1);
    EXPECT_EQ(replay.tree_us > 0, report->blocks > 1);
    EXPECT_EQ(replay.store_us > 0, report->blocks > 1);
    EXPECT_GT(report->snapshot.bytes, uint64_t{options.accounts} * 20);
    options.senders = options.accounts + 1;
    EXPECT_EQ(bench_ledger(rules, options).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace assay::ledger
