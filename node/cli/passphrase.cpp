#include "node/cli/passphrase.h"

#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <optional>

#include "node/core/home.h"

namespace assay::node {
namespace {

Result<std::string> prompt(const GlobalOptions& globals, const char* text) {
    if (!::isatty(STDIN_FILENO)) {
        return fail(
            Code::kInvalidArgument,
            "no passphrase and no terminal to ask on. Remedy: --passphrase-file FILE (chmod "
            "600) or the environment variable ASSAY_PASSPHRASE");
    }
    *globals.err << text << std::flush;
    termios shown{};
    ::tcgetattr(STDIN_FILENO, &shown);
    termios hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    std::string line;
    const bool read = static_cast<bool>(std::getline(std::cin, line));
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    *globals.err << "\n";
    if (!read) return fail(Code::kInvalidArgument, "no passphrase was entered");
    return line;
}

std::optional<Result<std::string>> given(const GlobalOptions& globals) {
    if (!globals.passphrase_file.empty()) return read_passphrase_file(globals.passphrase_file);
    if (const char* text = std::getenv("ASSAY_PASSPHRASE")) return Result<std::string>(text);
    return std::nullopt;
}

}  // namespace

Result<std::string> ask_passphrase(const GlobalOptions& globals) {
    if (auto passphrase = given(globals)) return *passphrase;
    return prompt(globals, "Passphrase: ");
}

Result<std::string> ask_new_passphrase(const GlobalOptions& globals) {
    if (auto passphrase = given(globals)) return *passphrase;
    ASSAY_ASSIGN(const auto first, prompt(globals, "New passphrase: "));
    ASSAY_ASSIGN(const auto second, prompt(globals, "Once more: "));
    if (first != second) return fail(Code::kInvalidArgument, "the two passphrases differ");
    return first;
}

}  // namespace assay::node
