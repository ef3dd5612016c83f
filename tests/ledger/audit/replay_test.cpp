// Replay of an export: the honest file passes; every single changed bit is found and named.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <thread>

#include "ledger/audit/export.h"
#include "ledger/audit/replay.h"
#include "tests/ledger/audit/export_regions.h"
#include "tests/ledger/engine/toy_chain.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

constexpr uint64_t kBlocks = 6;

Bytes read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
}
void write_all(const std::string& path, const Bytes& bytes) {
    std::ofstream(path, std::ios::binary) << text_of(bytes);
}

class ReplayTest : public ::testing::Test {
protected:
    ReplayTest() : chain_(directory_.file("node")) {
        for (uint64_t block = 0; block < kBlocks; ++block) {
            for (uint8_t from = 1; from <= 3 && block % 3 != 2; ++from) {
                const ToyTx tx{.from = from,
                               .nonce = chain_.producer->next_nonce(toy_address(from))};
                chain_.producer->submit(toy_transfer(tx, 4, block == 4 ? 2 * kToyBalance : block));
            }
            chain_.now_ms += 7000;
            chain_.close();
        }
        summary_ = export_ledger(*chain_.producer, file_).value();
    }
    std::string problem_in(const Bytes& bytes, size_t worker = 0) const {
        const std::string path = directory_.file("changed" + std::to_string(worker));
        write_all(path, bytes);
        ReplayOptions options;
        options.threads = 1;
        const auto report = replay_export(path, rules_, options);
        return report ? "" : report.error().message;
    }

    TempDirectory directory_;
    const std::string file_ = directory_.file("export");
    const ToyRules rules_;
    ToyChain chain_;
    ExportSummary summary_;
};

TEST_F(ReplayTest, HonestExportReplaysToTheSameHashes) {
    ReplayOptions options;
    options.directory = directory_.file("replayed");
    options.expected_genesis = genesis_hash(toy_genesis());
    uint64_t seen = 0;
    options.on_block = [&](const CommittedBlock& block) { seen += block.block.header().height(); };
    const auto report = replay_export(file_, rules_, options);
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(report->height, kBlocks);
    EXPECT_EQ(report->transactions, 12U);
    EXPECT_EQ(report->chain_id, "toy-1");
    EXPECT_EQ(report->head_hash, chain_.producer->head_hash());
    EXPECT_EQ(report->head_hash, summary_.head_hash);
    EXPECT_EQ(report->app_hash, chain_.node.app->info().app_hash);
    EXPECT_EQ(seen, kBlocks * (kBlocks + 1) / 2);
    // The directory stays and holds the chain.
    EXPECT_EQ(Database::open(options.directory).value()->height(), kBlocks);
    EXPECT_EQ(replay_export(file_, rules_, options).error().code, Code::kAlreadyExists);
}

TEST_F(ReplayTest, DatabaseAndEngineExportTheSameBytes) {
    const std::string other = directory_.file("other");
    ASSERT_TRUE(export_ledger(*chain_.node.database, other).ok());
    EXPECT_EQ(read_all(other), read_all(file_));
}

TEST_F(ReplayTest, RefusesTheExportOfAnotherChain) {
    ReplayOptions options;
    options.expected_genesis = Hash256{};
    EXPECT_EQ(replay_export(file_, rules_, options).error().code, Code::kConflict);
}

TEST_F(ReplayTest, EveryTruncationFails) {
    const Bytes whole = read_all(file_);
    for (size_t size = 0; size < whole.size(); size += 1 + whole.size() / 60) {
        EXPECT_NE(problem_in(Bytes(whole.begin(), whole.begin() + static_cast<long>(size))), "")
            << size;
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_EQ(problem_in(longer), "file.digest: bytes follow it");
}

TEST_F(ReplayTest, EverySingleChangedBitIsFoundAndNamed) {
    constexpr size_t kFlips = 1050;
    constexpr size_t kWorkers = 4;  // most of a replay's time is waiting for the disk
    const Bytes whole = read_all(file_);
    const BitFlip map(whole);
    std::mt19937_64 random(20'241'123);
    std::vector<size_t> bits(kFlips);
    for (size_t& bit : bits) bit = random() % (whole.size() * 8);
    std::vector<std::string> wrong(kFlips);
    std::vector<std::thread> workers;
    for (size_t worker = 0; worker < kWorkers; ++worker) {
        workers.emplace_back([&, worker] {
            for (size_t i = worker; i < kFlips; i += kWorkers) {
                Bytes changed = whole;
                changed[bits[i] / 8] =
                    static_cast<uint8_t>(changed[bits[i] / 8] ^ (1U << (bits[i] % 8)));
                const std::string problem = problem_in(changed, worker);
                const std::string expected = map.unnamed(bits[i] / 8, changed, problem);
                if (problem.empty()) wrong[i] = "was not noticed";
                if (!expected.empty()) wrong[i] = "expected " + expected + ", got " + problem;
            }
        });
    }
    for (std::thread& worker : workers) worker.join();
    for (size_t i = 0; i < kFlips; ++i) EXPECT_EQ(wrong[i], "") << "bit " << bits[i];
}

TEST_F(ReplayTest, NamesTheFieldOfChosenChanges) {
    const Bytes whole = read_all(file_);
    std::vector<Region> frames;
    const std::vector<Region> fields = regions_of(whole, frames);
    // First byte of each field of the block at height 2.
    const Region& frame = frames[4];  // genesis, events, block, events, block
    for (const Region& field : fields) {
        if (field.begin < frame.begin || field.begin >= frame.end) continue;
        Bytes changed = whole;
        changed[field.end - 1] ^= 1;
        const std::string problem = problem_in(changed);
        EXPECT_TRUE(problem.starts_with("height 2: ")) << field.field << ": " << problem;
        const auto block =
            decode_block(ByteView(changed).subspan(frame.begin + 5, frame.end - frame.begin - 5));
        if (block) {
            EXPECT_TRUE(problem.starts_with("height 2: " + field.field)) << problem;
        }
    }
}

TEST_F(ReplayTest, AnAuditorsOwnRulesDecide) {
    // The same blocks under rules with another law: the first difference is named.
    class StricterRules : public ToyRules {
    public:
        TxOutcome apply(const CheckedTx& tx, const BlockInfo& block, State& state,
                        Events& events) const override {
            const TxOutcome outcome = ToyRules::apply(tx, block, state, events);
            if (block.height == 4) events.push_back({"extra", {}});
            return outcome;
        }
    };
    const StricterRules stricter;
    const auto report = replay_export(file_, stricter);
    ASSERT_FALSE(report.ok());
    EXPECT_TRUE(report.error().message.starts_with("height 4: header.app_hash: "))
        << report.error().message;
}

}  // namespace
}  // namespace assay::ledger
