#include "node/rpc/auth.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "node/rpc/json_text.h"

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kTokenBytes = 32;
constexpr size_t kMaxTokenText = 256;
constexpr size_t kMaxTokenFile = 1u << 20;
constexpr std::string_view kTokenFile = "tokens.json";
constexpr std::string_view kCookieFile = "rpc.cookie";

Hash256 hash_of(std::string_view token) {
    Hash256 hash;
    SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), hash.bytes.data());
    return hash;
}

Result<std::string> random_token() {
    std::array<uint8_t, kTokenBytes> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        return fail(Code::kUnavailable, "no secure random numbers from the system");
    return "assay_" + to_hex(ByteView(bytes));
}

Error io_error(const fs::path& path, const std::string& what) {
    return fail(Code::kIo, "cannot " + what + " " + path.string() + ": " +
                               std::generic_category().message(errno));
}

// Readable by the owner only from its first byte on; replaces the old file in one step.
Status write_private(const fs::path& path, std::string_view text) {
    const fs::path draft = path.string() + ".tmp";
    const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return io_error(draft, "create");
    const bool written =
        ::fchmod(file, 0600) == 0 &&
        ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(file) == 0;
    ::close(file);
    if (!written) return io_error(draft, "write");
    if (::rename(draft.c_str(), path.c_str()) != 0) return io_error(path, "replace");
    return {};
}

Result<std::string> read_private(const fs::path& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return io_error(path, "read");
    if ((info.st_mode & 077) != 0)
        return fail(Code::kUnauthorized, path.string() +
                                             " can be read by others: chmod 600 it, then replace "
                                             "its tokens");
    if (static_cast<size_t>(info.st_size) > kMaxTokenFile)
        return fail(Code::kLimit, path.string() + " is larger than 1 MiB");
    std::ifstream in(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in) return io_error(path, "read");
    return text;
}

}  // namespace

Auth::Auth(Auth&& other) noexcept
    : home_(std::move(other.home_)),
      entries_(std::move(other.entries_)),
      cookie_(std::move(other.cookie_)) {}

Result<Auth> Auth::open(const fs::path& home) {
    Auth auth(home);
    ASSAY_RETURN_IF_ERROR(auth.load());
    return auth;
}

Status Auth::load() {
    const fs::path path = home_ / kTokenFile;
    if (!fs::exists(path)) return {};
    ASSAY_ASSIGN(const auto text, read_private(path));
    const auto bad = [&](const std::string& what) {
        return fail(Code::kCorrupt, path.string() + ": " + what + "; restore or delete it");
    };
    const auto file = parse_json(text);
    if (!file.ok()) return bad(file.error().message);
    if (!file->is_object() || !file->contains("tokens") || !(*file)["tokens"].is_array())
        return bad("no list \"tokens\"");
    for (const json& item : (*file)["tokens"]) {
        if (!item.is_object() || !item.contains("name") || !item["name"].is_string() ||
            !item.contains("role") || !item["role"].is_string() || !item.contains("sha256") ||
            !item["sha256"].is_string())
            return bad("a token needs name, role and sha256");
        const auto role = role_from_name(item["role"].get<std::string>());
        const auto hash = hash_from_hex(item["sha256"].get<std::string>());
        if (!role || !hash) return bad("unknown role or malformed sha256");
        entries_.push_back({item["name"].get<std::string>(), *role, *hash});
    }
    if (entries_.size() > kMaxTokens) return bad("more than 256 tokens");
    return {};
}

Status Auth::save() const {
    json list = json::array();
    for (const Entry& entry : entries_)
        list.push_back({{"name", entry.name},
                        {"role", role_name(entry.role)},
                        {"sha256", to_hex(entry.hash)}});
    return write_private(home_ / kTokenFile, pretty_json({{"tokens", list}}) + "\n");
}

Result<std::string> Auth::create_token(const std::string& name, Role role) {
    if (!matches_format(Format::kName, name))
        return fail(Code::kInvalidArgument,
                    "a token name has 1 to 64 letters, digits, '-', '_' or '.'");
    ASSAY_ASSIGN(auto token, random_token());
    const std::lock_guard lock(mutex_);
    if (std::ranges::any_of(entries_, [&](const Entry& e) { return e.name == name; }))
        return fail(Code::kAlreadyExists, "a token named " + name + " exists: revoke it first");
    if (entries_.size() >= kMaxTokens)
        return fail(Code::kLimit, "there are 256 tokens already: revoke one");
    entries_.push_back({name, role, hash_of(token)});
    if (const Status saved = save(); !saved.ok()) {
        entries_.pop_back();
        return saved.error();
    }
    return token;
}

Status Auth::revoke_token(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (std::erase_if(entries_, [&](const Entry& e) { return e.name == name; }) == 0)
        return fail(Code::kNotFound, "no token named " + name);
    return save();
}

std::vector<Auth::TokenInfo> Auth::tokens() const {
    const std::lock_guard lock(mutex_);
    std::vector<TokenInfo> list;
    for (const Entry& entry : entries_) list.push_back({entry.name, entry.role});
    return list;
}

Status Auth::write_cookie() {
    ASSAY_ASSIGN(const auto token, random_token());
    ASSAY_RETURN_IF_ERROR(write_private(home_ / kCookieFile, token + "\n"));
    const std::lock_guard lock(mutex_);
    cookie_ = Entry{"cookie", Role::kAdmin, hash_of(token)};
    return {};
}

void Auth::remove_cookie() {
    std::error_code ignored;
    fs::remove(home_ / kCookieFile, ignored);
    const std::lock_guard lock(mutex_);
    cookie_.reset();
}

std::optional<Role> Auth::role_of(std::string_view token) const {
    if (token.empty() || token.size() > kMaxTokenText) return std::nullopt;
    const Hash256 hash = hash_of(token);
    std::optional<Role> role;
    const auto compare = [&](const Entry& entry) {
        if (CRYPTO_memcmp(entry.hash.bytes.data(), hash.bytes.data(), hash.bytes.size()) == 0)
            role = entry.role;
    };
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_) compare(entry);
    if (cookie_) compare(*cookie_);
    return role;
}

Result<std::string> read_cookie(const fs::path& home) {
    const fs::path path = home / kCookieFile;
    if (!fs::exists(path))
        return fail(Code::kUnavailable,
                    "no " + path.string() + ": start the node of this home, or pass a token");
    ASSAY_ASSIGN(auto text, read_private(path));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

}  // namespace assay::node
