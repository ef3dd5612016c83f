// What a long command says while it works: one line that is drawn again on a terminal, plain lines
// now and then in a pipe, nothing with --json.
//
// Ownership: borrows the stream. Threads: one. Errors: none.
#pragma once

#include <chrono>
#include <functional>
#include <ostream>
#include <string>

namespace assay::node {

class ProgressLine {
public:
    using Clock = std::chrono::steady_clock;
    enum class Style : uint8_t { kSilent, kTerminal, kLines };

    ProgressLine(std::ostream& out, Style style,
                 std::function<Clock::time_point()> now = Clock::now);
    ~ProgressLine();  // clears a line that is still drawn
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    // At most ten times a second on a terminal; in a pipe every five seconds, so that a short
    // command prints its result alone.
    void show(const std::string& text);
    void clear();

private:
    std::ostream& out_;
    const Style style_;
    const std::function<Clock::time_point()> now_;
    Clock::time_point next_;
    bool drawn_ = false;
};

// "41% of 12.5 GB"; the bytes alone when the total is not known (0).
std::string share_text(uint64_t done, uint64_t total);

}  // namespace assay::node
