#include "ledger/engine/comet/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "ledger/engine/comet/log_line.h"

namespace assay::ledger::comet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxQuickEnds = 5;
constexpr size_t kMaxLineBytes = size_t{1} << 20;  // of its log; the rest of a line is dropped
constexpr auto kQuick = std::chrono::seconds(10);
constexpr auto kPatience = std::chrono::seconds(10);  // after SIGTERM
constexpr auto kPause = std::chrono::milliseconds(500);

std::string how_it_ended(int status) {
    if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
    return "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

EngineProcess::EngineProcess(Options options) : options_(std::move(options)) {}

EngineProcess::~EngineProcess() {
    stop();
}

Result<int> EngineProcess::spawn() {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
        return fail(Code::kUnavailable, std::string("no pipe: ") + std::strerror(errno));
    std::vector<char*> words;
    for (const std::string& word : options_.command)
        words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        // An engine without its application can do nothing but wait for it.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::dup2(pipe[1], STDOUT_FILENO);
        ::dup2(pipe[1], STDERR_FILENO);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::execvp(words[0], words.data());
        ::_exit(127);
    }
    ::close(pipe[1]);
    if (child < 0) {
        ::close(pipe[0]);
        return fail(Code::kUnavailable, std::string("cannot fork: ") + std::strerror(errno));
    }
    pid_ = child;
    return pipe[0];
}

Status EngineProcess::start() {
    if (::access(options_.command.front().c_str(), X_OK) != 0) {
        return fail(Code::kNotFound, options_.command.front() +
                                         " is no program. Remedy: tools/deps --cometbft, or "
                                         "\"cometbft\" in config.json");
    }
    stopping_ = false;
    // Spawned by the thread that waits for it: PDEATHSIG follows the thread that forked.
    thread_ = std::thread([this] { supervise(); });
    return {};
}

// Lines to the log until the other side closes.
void EngineProcess::drain(int output) {
    std::string line;
    std::array<char, 4096> buffer{};
    while (true) {
        const ssize_t count = ::read(output, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        for (ssize_t i = 0; i < count; ++i) {
            const char c = buffer[static_cast<size_t>(i)];
            if (c != '\n') {
                if (line.size() < kMaxLineBytes) line += c;
                continue;
            }
            note(line);
            line.clear();
        }
    }
}

// It says that it gave up, and stays: no block comes any more.
void EngineProcess::note(const std::string& line) {
    const LogLine said = read_log_line(line);
    last_words_ = said.text;
    if (options_.log) options_.log(said.text);
    if (said.gave_up.empty() || !broken_off_.empty()) return;
    broken_off_ = said.gave_up;
    ::kill(pid_, SIGTERM);
}

void EngineProcess::supervise() {
    int quick_ends = 0;
    while (!stopping_) {
        const auto begin = Clock::now();
        std::error_code ignored;
        std::filesystem::remove(options_.socket, ignored);
        const auto output = spawn();
        if (!output.ok()) {
            options_.on_failure(output.error().message);
            return;
        }
        drain(*output);
        ::close(*output);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = 0;
        if (stopping_) return;
        if (!broken_off_.empty()) {
            options_.on_failure("CometBFT gave up: " + broken_off_);
            return;
        }
        quick_ends = Clock::now() - begin < kQuick ? quick_ends + 1 : 0;
        const std::string ended = "the CometBFT engine " + how_it_ended(status);
        if (quick_ends >= kMaxQuickEnds) {
            options_.on_failure(ended + ", " + std::to_string(quick_ends) +
                                " times in a row; its last words: " + last_words_);
            return;
        }
        if (options_.log) options_.log(ended + "; starting it again");
        for (auto waited = Clock::duration{}; waited < kPause && !stopping_;
             waited += std::chrono::milliseconds(50))
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

void EngineProcess::stop() {
    stopping_ = true;
    if (!thread_.joinable()) return;
    const auto begin = Clock::now();
    bool told = false, killed = false;
    while (const int pid = pid_) {
        if (!told) ::kill(pid, SIGTERM);
        told = true;
        if (!killed && Clock::now() - begin > kPatience) {
            ::kill(pid, SIGKILL);
            killed = true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    thread_.join();
}

}  // namespace assay::ledger::comet
