#include "tests/node/cli/assay_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "node/core/free_port.h"

namespace assay::test {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string joined(const Words& words) {
    std::string text = "assay";
    for (const auto& word : words) text += " " + word;
    return text;
}

Workplace::Workplace() {
    std::string name = (fs::temp_directory_path() / "assay-cli-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    directory_ = name;
}

Workplace::~Workplace() {
    stop_node();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

pid_t Workplace::spawn(const std::vector<std::string>& words, const std::string& out,
                       const std::string& err) const {
    const std::string home = (directory_ / "home").string();
    std::vector<std::string> all = {ASSAY_PROGRAM};
    all.insert(all.end(), words.begin(), words.end());
    const pid_t child = ::fork();
    if (child != 0) return child;
    std::vector<char*> argv;
    for (auto& word : all) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::setenv("ASSAY_HOME", home.c_str(), 1);
    ::unsetenv("ASSAY_PASSPHRASE");
    ::unsetenv("ASSAY_TOKEN");
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    if (::setsid() < 0 || ::chdir(directory_.c_str()) != 0) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

Outcome Workplace::run(const std::vector<std::string>& words) const {
    const std::string out = directory_.string() + ".out";
    const std::string err = directory_.string() + ".err";
    const pid_t child = spawn(words, out, err);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) std::abort();
    Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), slurp(out),
                    slurp(err)};
    fs::remove(out);
    fs::remove(err);
    return outcome;
}

std::string Workplace::file(const std::string& name) const {
    return (directory_ / name).string();
}

std::string Workplace::write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return file(name);
}

std::string Workplace::read(const std::string& name) const {
    return slurp(directory_ / name);
}

std::vector<std::string> Workplace::contents() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(directory_))
        found.push_back(entry.path().string());
    std::sort(found.begin(), found.end());
    return found;
}

void Workplace::make_home() {
    const std::string passphrase = write("passphrase", "correct horse battery\n");
    fs::permissions(passphrase, fs::perms::owner_read | fs::perms::owner_write);
    const auto made = run({"--passphrase-file", passphrase, "init", "--producer"});
    ASSERT_EQ(made.status, 0) << made.err;
    fs::copy_file(passphrase, file("home/passphrase"));
    auto config = nlohmann::json::parse(read("home/config.json"));
    config["rpcPort"] = *node::free_port();
    config["peerPort"] = *node::free_port();
    (void)write("home/config.json", config.dump(2));
}

void Workplace::start_node(const std::vector<std::string>& words) {
    node_ = spawn(words, file("node.out"), file("node.err"));
    for (int i = 0; i < 300; ++i) {
        if (run({"status"}).status == 0) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    FAIL() << "the node did not come up: " << read("node.err");
}

void Workplace::stop_node() {
    if (node_ <= 0) return;
    ::kill(node_, SIGTERM);
    int status = 0;
    ::waitpid(node_, &status, 0);
    node_ = 0;
}

}  // namespace assay::test
