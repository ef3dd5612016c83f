// A process that commits blocks is killed at random moments; whatever it reported as committed must
// be there, whole, and the next process must go on from it.
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "ledger/state/database.h"
#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::Random;
using test::TempDirectory;

constexpr int kKills = 60;

// Block `height` is a function of its height alone, so that any process can continue the chain.
State::Changes changes_at(uint64_t height) {
    Random random(height);
    State::Changes changes;
    for (int i = 0; i < 20; ++i) {
        const Bytes key = bytes_of("key " + std::to_string(random.below(300)));
        changes[key] = random.below(4) == 0 ? std::nullopt : std::optional(random.bytes(40));
    }
    changes[bytes_of("height")] = bytes_of(std::to_string(height));
    return changes;
}

std::vector<Bytes> events_at(uint64_t height) {
    Random random(height + 1'000'000);
    std::vector<Bytes> events;
    for (uint64_t i = random.below(5); i > 0; --i) events.push_back(random.bytes(30));
    return events;
}

Hash256 tx_hash(uint64_t height) {
    return plain_hash(bytes_of(std::to_string(height)));
}

// Commits until killed, writing each height to `report` once its commit has returned.
[[noreturn]] void write_until_killed(const std::string& path, int report) {
    auto database = Database::open(path);
    if (!database.ok()) ::_exit(2);
    while (true) {
        const uint64_t height = (*database)->empty() ? 0 : (*database)->height() + 1;
        const auto prepared =
            (*database)->prepare(height, changes_at(height), events_at(height), tx_hash(height));
        if (!prepared.ok()) ::_exit(3);
        BlockRecord block;
        block.encoded_block = bytes_of("block " + std::to_string(height));
        block.tx_hashes = {tx_hash(height)};
        if (!(*database)->commit(*prepared, block).ok()) ::_exit(4);
        if (::write(report, &height, sizeof height) != sizeof height) ::_exit(5);
    }
}

// Runs a writer for `microseconds` after its first commit; returns the last height it reported.
std::optional<uint64_t> run_and_kill(const std::string& path, uint64_t microseconds) {
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0) return std::nullopt;
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(pipe_ends[0]);
        write_until_killed(path, pipe_ends[1]);
    }
    ::close(pipe_ends[1]);
    std::optional<uint64_t> last;
    uint64_t height = 0;
    if (::read(pipe_ends[0], &height, sizeof height) == sizeof height) {
        last = height;
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer failed with " << WEXITSTATUS(status);
    while (::read(pipe_ends[0], &height, sizeof height) == sizeof height) last = height;
    ::close(pipe_ends[0]);
    return last;
}

TEST(Crash, AKilledWriterLosesNothingItReportedAndLeavesNothingHalfWritten) {
    const TempDirectory directory;
    Random random(99);
    std::map<Bytes, Bytes> model;
    uint64_t modelled = 0;  // heights below this are in the model
    uint64_t log_size = 0;
    for (int kill = 0; kill < kKills; ++kill) {
        const auto reported = run_and_kill(directory.path(), random.below(20'000));
        ASSERT_TRUE(reported.has_value());
        const auto database = Database::open(directory.path());
        ASSERT_TRUE(database.ok()) << database.error().message;
        const uint64_t height = (*database)->height();
        ASSERT_GE(height, *reported);
        ASSERT_LE(height, *reported + 1);  // at most the commit under way
        for (; modelled <= height; ++modelled) {
            for (const auto& [key, value] : changes_at(modelled)) {
                model.erase(key);
                if (value) model[key] = *value;
            }
            log_size += events_at(modelled).size();
            ASSERT_EQ(*(*database)->events_at(modelled), events_at(modelled));
        }
        ASSERT_TRUE((*database)->verify_contents().ok());
        ASSERT_EQ((*database)->last().parts.log_size, log_size);
        ASSERT_EQ((*database)->last().parts.params_hash, tx_hash(height));
        std::map<Bytes, Bytes> found;
        (*database)->snapshot()->scan({}, [&](ByteView key, ByteView value) {
            found[bytes_of(key)] = bytes_of(value);
            return true;
        });
        ASSERT_EQ(found, model);
        ASSERT_EQ((*database)->find_tx(tx_hash(height))->height, height);
        ASSERT_EQ((*database)->find_tx(tx_hash(height + 1)).has_value(), false);
        ASSERT_TRUE((*database)->block(height).ok());
        ASSERT_FALSE((*database)->block(height + 1).ok());
    }
    EXPECT_GT(modelled, static_cast<uint64_t>(kKills));
}

}  // namespace
}  // namespace assay::ledger
