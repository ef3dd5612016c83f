// Tables in code and their documents say the same; numbers and names stay as they are.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "contracts/event_types.h"
#include "contracts/task_states.h"
#include "contracts/transactions.h"
#include "ledger/codec/block.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/keystore.h"
#include "ledger/engine/mempool.h"
#include "ledger/engine/next_transaction.h"
#include "ledger/state/database.h"
#include "ledger/state/verify.h"

namespace assay::contracts {
namespace {

std::string read_file(const std::string& path) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

size_t count_rows(const std::string& text, const std::string& start) {
    size_t count = 0;
    for (size_t at = text.find("\n" + start); at != std::string::npos;
         at = text.find("\n" + start, at + 1)) {
        ++count;
    }
    return count;
}

TEST(Documents, ReadmeHoldsTheStateTable) {
    const std::string readme = read_file("contracts/README.md");
    const auto name = [](pb::TaskState state) {
        return pb::TaskState_Name(state).substr(sizeof("TASK_") - 1);
    };
    for (const TaskEdge& edge : kTaskEdges) {
        const std::string row = "| " + name(edge.from) + " | " + name(edge.to) + " | " +
                                std::string(edge.guard) + " | " + std::string(edge.effect) + " |";
        EXPECT_NE(readme.find(row), std::string::npos) << row;
    }
}

TEST(Documents, ReadmeHoldsTheSlotTable) {
    const std::string readme = read_file("contracts/README.md");
    const auto name = [](pb::SlotState state) {
        return pb::SlotState_Name(state).substr(sizeof("SLOT_") - 1);
    };
    for (const SlotEdge& edge : kSlotEdges) {
        const std::string row = "| " + name(edge.from) + " | " + name(edge.to) + " | " +
                                std::string(edge.effect) + " |";
        EXPECT_NE(readme.find(row), std::string::npos) << row;
    }
}

TEST(Documents, ReadmeHoldsTheTransactionTable) {
    const std::string readme = read_file("contracts/README.md");
    for (const TxInfo& info : kTransactions) {
        const std::string row = "| " + std::to_string(static_cast<uint32_t>(info.type)) + " | `" +
                                std::string(info.name) + "` | " + std::string(info.doc) + " |";
        EXPECT_NE(readme.find(row), std::string::npos) << row;
    }
}

TEST(Documents, LimitsPageHoldsTheLimitsOfTheLedger) {
    using namespace ledger;
    const std::string page = read_file("docs/limits.md");
    const auto grouped = [](uint64_t number) {
        std::string text = std::to_string(number);
        for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
        return text;
    };
    const auto kib = [&](uint64_t bytes) { return grouped(bytes >> 10) + " KiB"; };
    const auto mib = [&](uint64_t bytes) { return grouped(bytes >> 20) + " MiB"; };
    const MempoolLimits mempool;
    for (const std::string& row :
         {"transaction; chain id | " + kib(kMaxTxBytes) + "; " + grouped(kMaxChainIdBytes) +
              " bytes",
          "block; its transactions | " + mib(kMaxBlockBytes) + "; " +
              grouped(kMaxBlockTransactions) + ", " + kib(kMaxBlockTxBytes),
          "genesis; accounts in it | " + mib(kMaxGenesisBytes) + "; " +
              grouped(kMaxGenesisAccounts),
          "validators; power of one; double votes reported in a block | " +
              grouped(kMaxValidators) + "; 10^12; " + grouped(kMaxMisbehaviors),
          "mempool: transactions, bytes, of one sender | " + grouped(mempool.transactions) + "; " +
              mib(mempool.bytes) + "; " + grouped(mempool.per_sender),
          "blocks in which a transaction that a node signs can be taken | " +
              grouped(kExpiryBlocks),
          "key and value of the state; event | " + grouped(kMaxStateKeyBytes) + " bytes, " +
              mib(kMaxStateValueBytes) + "; " + mib(kMaxEventBytes),
          "siblings of a state proof; of a log proof | " + grouped(kMaxStateSiblings) + "; " +
              grouped(kMaxLogSiblings),
          "keystore file | " + kib(kMaxKeystoreBytes)}) {
        EXPECT_NE(page.find("| " + row + " |"), std::string::npos) << row;
    }
    EXPECT_EQ(kMaxValidatorPower, 1'000'000'000'000U);
}

TEST(Documents, EventsPageHoldsTheEventTable) {
    const std::string page = read_file("docs/events.md");
    for (const EventInfo& info : kEvents) {
        std::string attributes = "`";
        for (const char c : info.attributes) attributes += c == ',' ? "`, `" : std::string(1, c);
        const std::string row = "| `" + std::string(info.type) + "` | " + attributes + "` | " +
                                std::string(info.doc) + " |";
        EXPECT_NE(page.find(row), std::string::npos) << row;
    }
    EXPECT_EQ(count_rows(page, "| `"), std::size(kEvents));
}

TEST(Documents, TransactionsAscendAndAreFound) {
    uint32_t previous = 0;
    std::set<std::string_view> names;
    for (const TxInfo& info : kTransactions) {
        const auto number = static_cast<uint32_t>(info.type);
        EXPECT_GT(number, previous);
        previous = number;
        EXPECT_EQ(find_transaction(number), &info);
        EXPECT_EQ(find_transaction(info.name), &info);
        EXPECT_TRUE(names.insert(info.name).second);
    }
    EXPECT_EQ(find_transaction(2U), nullptr);
    EXPECT_EQ(names.size(), 17U);
}

}  // namespace
}  // namespace assay::contracts
