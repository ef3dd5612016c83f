#include "node/cli/report.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

namespace assay::node {

int exit_status(Code code) {
    switch (code) {
        case Code::kOk:
            return 0;
        case Code::kInvalidArgument:
            return 2;
        case Code::kCorrupt:
            return 3;
        case Code::kUnavailable:
        case Code::kNotFound:
        case Code::kTimeout:
            return 4;
        case Code::kUnauthorized:
        case Code::kRejected:
            return 5;
        default:
            return 1;
    }
}

void fail_command(const GlobalOptions& globals, const Error& whole) {
    // One line, whatever a library put into the message.
    Error error = whole;
    std::replace(error.message.begin(), error.message.end(), '\n', ' ');
    if (globals.json) {
        *globals.out << nlohmann::json{{"error",
                                        {{"code", code_name(error.code)},
                                         {"message", error.message}}}}
                            .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                     << "\n";
    } else {
        *globals.err << "assay: " << error.message << "\n";
    }
    throw CLI::RuntimeError(exit_status(error.code));
}

void end_command(int status) {
    throw CLI::RuntimeError(status);
}

void print_result(const GlobalOptions& globals, const nlohmann::json& document,
                  const std::string& text) {
    if (globals.json) {
        *globals.out << document.dump(2) << "\n";
        return;
    }
    *globals.out << text;
    if (!text.empty() && text.back() != '\n') *globals.out << "\n";
}

std::unique_ptr<ProgressLine> progress_line(const GlobalOptions& globals) {
    const bool on_terminal = ::isatty(STDERR_FILENO) != 0;
    const auto style = globals.json  ? ProgressLine::Style::kSilent
                       : on_terminal ? ProgressLine::Style::kTerminal
                                     : ProgressLine::Style::kLines;
    return std::make_unique<ProgressLine>(*globals.err, style);
}

std::string format_amount(uint64_t micro_units) {
    std::string text = std::to_string(micro_units / 1'000'000);
    std::string fraction = std::to_string(1'000'000 + micro_units % 1'000'000).substr(1);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    return fraction.empty() ? text : text + "." + fraction;
}

}  // namespace assay::node
