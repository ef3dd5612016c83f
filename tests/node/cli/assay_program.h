// Runs the real `assay` program and keeps what it printed.
//
// Ownership: a Workplace removes its directory and ends the node it started. Threads: one. Errors:
// abort the test.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace assay::test {

using Words = std::vector<std::string>;

// The command as a person would type it, for messages.
std::string joined(const Words& words);

// Some id that nothing has.
inline constexpr char kId[] = "0x1111111111111111111111111111111111111111111111111111111111111111";

struct Outcome {
    int status = -1;  // exit status; 128 + signal when one ended it
    std::string out;
    std::string err;
};

class Workplace {
public:
    Workplace();
    ~Workplace();
    Workplace(const Workplace&) = delete;
    Workplace& operator=(const Workplace&) = delete;

    // The words after `assay`; the home is <directory>/home unless they name another.
    [[nodiscard]] Outcome run(const std::vector<std::string>& words) const;
    [[nodiscard]] std::string file(const std::string& name) const;
    // Writes the file and returns its path.
    [[nodiscard]] std::string write(const std::string& name, const std::string& text) const;
    [[nodiscard]] std::string read(const std::string& name) const;
    // Every path below the directory, sorted: what a refused command must leave unchanged.
    [[nodiscard]] std::vector<std::string> contents() const;

    // `assay init --producer` with ports that are free, and its node in the background.
    void make_home();
    void start_node(const std::vector<std::string>& words = {"node"});
    void stop_node();

private:
    [[nodiscard]] pid_t spawn(const std::vector<std::string>& words, const std::string& out,
                              const std::string& err) const;

    std::filesystem::path directory_;
    pid_t node_ = 0;
};

}  // namespace assay::test
