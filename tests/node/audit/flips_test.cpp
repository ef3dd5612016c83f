// Every single changed bit of the export of a ledger with a job, votes and payments is found, and
// named with its height and field.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "node/audit/replayed_ledger.h"
#include "tests/ledger/audit/export_regions.h"
#include "tests/node/audit/audit_chain.h"

namespace assay::test {
namespace {

constexpr size_t kFlips = 1200;
constexpr size_t kWorkers = 4;  // most of a replay's time is waiting for the disk

Bytes read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
}

std::string problem_in(const Bytes& bytes, const std::string& path) {
    std::ofstream(path, std::ios::binary) << text_of(bytes);
    const contracts::ContractRules rules;
    ledger::ReplayOptions options;
    options.threads = 1;
    const auto report = ledger::replay_export(path, rules, options);
    return report ? "" : report.error().message;
}

TEST(AuditFlipsTest, EverySingleChangedBitIsFoundAndNamed) {
    const contracts::ContractRules rules;
    AuditChain chain(rules);
    chain.play_job();
    const Bytes whole = read_all(chain.export_file());
    ASSERT_EQ(problem_in(whole, chain.file("whole")), "");
    const ledger::testing::BitFlip map(whole);
    std::mt19937_64 random(20'261'123);
    std::vector<size_t> bits(kFlips);
    for (size_t& bit : bits) bit = random() % (whole.size() * 8);
    std::vector<std::string> wrong(kFlips);
    std::vector<std::thread> workers;
    for (size_t worker = 0; worker < kWorkers; ++worker) {
        workers.emplace_back([&, worker] {
            const std::string path = chain.file("changed" + std::to_string(worker));
            for (size_t i = worker; i < kFlips; i += kWorkers) {
                Bytes changed = whole;
                changed[bits[i] / 8] =
                    static_cast<uint8_t>(changed[bits[i] / 8] ^ (1U << (bits[i] % 8)));
                const std::string problem = problem_in(changed, path);
                const std::string expected = map.unnamed(bits[i] / 8, changed, problem);
                if (problem.empty()) wrong[i] = "was not noticed";
                if (!expected.empty()) wrong[i] = "expected " + expected + ", got " + problem;
            }
        });
    }
    for (std::thread& worker : workers) worker.join();
    for (size_t i = 0; i < kFlips; ++i) EXPECT_EQ(wrong[i], "") << "bit " << bits[i];
}

// The commands' own path, with the second count of votes, for what no file should do to it.
TEST(AuditFlipsTest, WrongFilesGiveOneClearError) {
    const contracts::ContractRules rules;
    AuditChain chain(rules);
    chain.play_job();
    const Bytes whole = read_all(chain.export_file());
    const auto problem_of = [&](const std::string& path) {
        const auto ledger = node::ReplayedLedger::open(path);
        return ledger.ok() ? std::string() : ledger.error().message;
    };
    const std::string empty = chain.file("empty");
    std::ofstream(empty, std::ios::binary).close();
    EXPECT_EQ(problem_of(empty), "file.magic: the file ends too early");
    EXPECT_TRUE(problem_of(chain.file("none")).starts_with("file: cannot read '"));
    std::filesystem::create_directory(chain.file("folder"));
    EXPECT_TRUE(problem_of(chain.file("folder")).starts_with("file: cannot read '"));
    for (size_t part = 1; part < 20; ++part) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(whole.size() * part / 20));
        const std::string problem = problem_in(cut, empty);
        EXPECT_NE(problem, "") << part;
        EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
    }
}

}  // namespace
}  // namespace assay::test
