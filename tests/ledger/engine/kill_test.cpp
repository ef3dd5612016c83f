// Kill -9 at random moments under load: what was reported as committed is there after the restart,
// and the whole chain replays to the same root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "ledger/audit/export.h"
#include "ledger/audit/replay.h"
#include "tests/ledger/engine/toy_chain.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

struct Reported {
    uint64_t height = 0;
    std::string hash;
};

// The child process and the pipe from its standard output.
class Child {
public:
    Child(const std::string& directory, uint64_t asked_height) {
        int ends[2] = {};
        if (pipe(ends) != 0) std::abort();
        pid_ = fork();
        if (pid_ < 0) std::abort();  // kill(-1) would reach every process
        if (pid_ == 0) {
            dup2(ends[1], STDOUT_FILENO);
            close(ends[0]);
            const std::string height = std::to_string(asked_height);
            execl(ASSAY_KILL_CHILD, ASSAY_KILL_CHILD, directory.c_str(), height.c_str(), nullptr);
            _exit(127);
        }
        close(ends[1]);
        out_ = fdopen(ends[0], "r");
    }
    ~Child() { static_cast<void>(fclose(out_)); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // The next line, split; false at the end of the output.
    bool next(std::string& word, Reported& reported) {
        char text[256] = {};
        if (fgets(text, sizeof(text), out_) == nullptr) return false;
        const std::string line(text);
        const size_t first = line.find(' ');
        const size_t second = line.find(' ', first + 1);
        if (line.back() != '\n' || second == std::string::npos) return false;
        word = line.substr(0, first);
        reported.height = std::strtoull(line.c_str() + first, nullptr, 10);
        reported.hash = line.substr(second + 1, line.size() - second - 2);
        return true;
    }
    // True if the signal, and not an error of its own, ended it.
    bool kill_now() {
        kill(pid_, SIGKILL);
        int status = 0;
        waitpid(pid_, &status, 0);
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }

private:
    pid_t pid_ = -1;
    FILE* out_ = nullptr;
};

void sleep_us(uint64_t micros) {
    std::this_thread::sleep_for(std::chrono::microseconds(micros));
}

TEST(Kill, NothingReportedAsCommittedIsLost) {
    constexpr int kKillsUnderLoad = 200;
    constexpr int kKillEveryNthStart = 10;  // besides: killed while it opens
    constexpr uint64_t kMaxDelayUs = 15'000;
    const TempDirectory directory;
    const std::string node = directory.file("node");
    std::mt19937_64 random(7);
    Reported last;
    for (int round = 0; round < kKillsUnderLoad; ++round) {
        if (round % kKillEveryNthStart == 0) {
            Child starting(node, last.height);
            sleep_us(random() % (2 * kMaxDelayUs));
            ASSERT_TRUE(starting.kill_now());
        }
        Child child(node, last.height);
        std::string word;
        Reported reported;
        ASSERT_TRUE(child.next(word, reported)) << "round " << round;
        ASSERT_EQ(word, "open");
        ASSERT_GE(reported.height, last.height) << "round " << round;
        if (last.height > 0) {
            ASSERT_EQ(reported.hash, last.hash) << "round " << round;
        }

        ASSERT_TRUE(child.next(word, reported)) << "round " << round;
        sleep_us(random() % kMaxDelayUs);
        ASSERT_TRUE(child.kill_now()) << "round " << round;
        last = reported;
        while (child.next(word, reported)) last = reported;
    }

    Hash256 root;
    const std::string file = directory.file("export");
    {
        ToyNode survivor(node);
        ASSERT_GE(survivor.database->height(), last.height);
        EXPECT_TRUE(survivor.database->verify_contents().ok());
        root = survivor.app->info().app_hash;
        ASSERT_TRUE(export_ledger(*survivor.database, file).ok());
    }
    const auto replayed = replay_export(file, ToyRules());
    ASSERT_TRUE(replayed.ok()) << replayed.error().message;
    EXPECT_EQ(replayed->app_hash, root);
    EXPECT_GT(replayed->transactions, static_cast<uint64_t>(kKillsUnderLoad));
}

}  // namespace
}  // namespace assay::ledger
