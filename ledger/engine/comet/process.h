// EngineProcess: the CometBFT program under supervision: started, restarted when it ends by itself,
// ended with us.
//
// Its output goes line by line to `log`. Ownership: owns the process and one thread. Threads:
// start and stop by one thread. Errors: kNotFound when the program cannot be run;
// on_failure when it ended five times in a row within ten seconds of its start.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

namespace assay::ledger::comet {

class EngineProcess {
public:
    struct Options {
        std::vector<std::string> command;  // the program first
        std::filesystem::path socket;  // what a killed one leaves behind: removed before a start
        std::function<void(const std::string&)> log;
        std::function<void(const std::string&)> on_failure;
    };
    explicit EngineProcess(Options options);
    ~EngineProcess();
    Status start();
    void stop();  // SIGTERM, then SIGKILL; idempotent
    [[nodiscard]] int pid() const { return pid_; }

private:
    Result<int> spawn();  // the read end of its output
    void supervise();
    void drain(int output);
    void note(const std::string& line);

    const Options options_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> pid_{0};
    std::string last_words_;
    std::string broken_off_;  // what it said when it gave up, and went on running
    std::thread thread_;
};

}  // namespace assay::ledger::comet
