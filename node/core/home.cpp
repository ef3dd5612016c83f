#include "node/core/home.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "base/bytes.h"
#include "ledger/codec/block.h"
#include "node/rpc/client.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxPassphraseBytes = 1024;
constexpr uint64_t kProbeTimeoutMs = 2000;

}  // namespace

fs::path default_home() {
    if (const char* home = std::getenv("ASSAY_HOME"); home && *home) return home;
    const char* user = std::getenv("HOME");
    return fs::path(user && *user ? user : ".") / ".assay";
}

Result<fs::path> own_executable() {
    std::error_code error;
    const auto path = fs::read_symlink("/proc/self/exe", error);
    if (error) return fail(Code::kIo, "cannot find this program's file: " + error.message());
    return path;
}

Result<fs::path> find_cometbft(const std::string& configured, const fs::path& executable) {
    std::vector<fs::path> places;
    if (configured.empty()) {
        // <root>/build/release/assay and <root>/build/cometbft/cometbft
        places.push_back(executable.parent_path().parent_path() / "cometbft" / "cometbft");
        const char* path = std::getenv("PATH");
        std::istringstream folders(path != nullptr ? path : "");
        for (std::string folder; std::getline(folders, folder, ':');)
            places.push_back(fs::path(folder) / "cometbft");
    } else {
        places.emplace_back(configured);
    }
    for (const fs::path& place : places)
        if (::access(place.c_str(), X_OK) == 0) return place;
    return fail(Code::kNotFound,
                "no program cometbft" +
                    (configured.empty() ? " beside the build or on PATH" : " at " + configured) +
                    ". Remedy: tools/deps --cometbft, or \"cometbft\" in config.json");
}

Result<std::string> create_passphrase_file(const fs::path& home) {
    std::array<uint8_t, 16> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
        return fail(Code::kIo, "the operating system gave no random bytes");
    }
    auto passphrase = to_hex(random);
    ASSAY_RETURN_IF_ERROR(write_text(home / "passphrase", passphrase + "\n", 0600));
    return passphrase;
}

Result<std::string> read_passphrase_file(const fs::path& file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
        return fail(Code::kUnauthorized,
                    file.string() + " can be read by others. Remedy: chmod 600 " + file.string());
    }
    ASSAY_ASSIGN(auto text, read_text(file, kMaxPassphraseBytes));
    if (const auto end = text.find_first_of("\r\n"); end != std::string::npos) text.resize(end);
    return text;
}

Result<pb::Genesis> load_genesis(const HomeLayout& home) {
    auto text = read_text(home.genesis(), ledger::kMaxGenesisBytes);
    if (!text.ok()) {
        if (text.error().code != Code::kNotFound) return text.error();
        return fail(Code::kNotFound, home.genesis().string() +
                                         " does not exist. Remedy: assay init --home " +
                                         home.root.string() + " (or copy the network's genesis)");
    }
    auto genesis = ledger::decode_genesis(view_of(*text));
    if (!genesis.ok()) {
        return fail(genesis.error().code, home.genesis().string() + ": " + genesis.error().message);
    }
    return std::move(genesis).value();
}

bool probe_ready(const std::string& endpoint) {
    auto target = parse_endpoint(endpoint);
    if (!target.ok()) return false;
    RpcClient client(*target);
    const auto reply = client.get("/ready", kProbeTimeoutMs);
    return reply.ok() && reply->status == 200;
}

}  // namespace assay::node
