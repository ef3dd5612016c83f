// One line of CometBFT's log, which is JSON: what it says to people, and whether consensus or state
// sync was given up.
//
// Peers can put words of theirs into values, so that only the message itself, whole, counts.
// Ownership: values. Threads: pure. Errors: none; a line that is no JSON is taken as it is.
#pragma once

#include <string>

namespace assay::ledger::comet {

struct LogLine {
    std::string text;
    std::string gave_up;  // why, and the remedy; empty: it goes on
};
[[nodiscard]] LogLine read_log_line(const std::string& line);

}  // namespace assay::ledger::comet
