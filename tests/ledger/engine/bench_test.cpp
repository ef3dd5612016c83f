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
    const ToyRules rules;
    const auto report = bench_ledger(rules, options);
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(report->transactions, options.transactions);
    EXPECT_GE(report->blocks, 1U);
    ASSERT_EQ(report->splits.size(), 1U);
    EXPECT_EQ(report->splits[0].accounts, options.accounts);
    EXPECT_GT(report->splits[0].signature_us, 0);
    EXPECT_GT(report->snapshot.bytes, uint64_t{options.accounts} * 20);
    options.senders = options.accounts + 1;
    EXPECT_EQ(bench_ledger(rules, options).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace assay::ledger
