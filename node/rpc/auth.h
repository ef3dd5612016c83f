// Bearer tokens with roles, kept as hashes, and the cookie file of the local command line.
//
// Purpose: what may spend or stop needs a token; reads are open while the server is on loopback.
// <home>/tokens.json (0600) holds {name, role, sha256} of each created token, never the token.
// <home>/rpc.cookie (0600) holds an admin token that lives as long as the process.
// Ownership: owns the table in memory; the file is rewritten atomically. Threads: any. Errors:
// kCorrupt for an unreadable token file, kUnauthorized for one that others may read, kIo.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "node/rpc/method.h"

namespace assay::node {

inline constexpr size_t kMaxTokens = 256;

class Auth {
public:
    // Loads <home>/tokens.json if it exists.
    static Result<Auth> open(const std::filesystem::path& home);
    Auth(Auth&& other) noexcept;

    // A new token, shown once; its hash goes to the file.
    Result<std::string> create_token(const std::string& name, Role role);
    Status revoke_token(const std::string& name);
    struct TokenInfo {
        std::string name;
        Role role;
    };
    [[nodiscard]] std::vector<TokenInfo> tokens() const;

    // Writes <home>/rpc.cookie with a fresh admin token; remove_cookie at the end of the process.
    Status write_cookie();
    void remove_cookie();

    // Compares with every entry in constant time. nullopt: no such token.
    [[nodiscard]] std::optional<Role> role_of(std::string_view token) const;

private:
    struct Entry {
        std::string name;
        Role role = Role::kNone;
        Hash256 hash;
    };
    explicit Auth(std::filesystem::path home) : home_(std::move(home)) {}
    Status load();
    [[nodiscard]] Status save() const;

    std::filesystem::path home_;
    mutable std::mutex mutex_;
    // Guarded by mutex_.
    std::vector<Entry> entries_;
    std::optional<Entry> cookie_;
};

// The token in <home>/rpc.cookie of a running node; kUnavailable when there is none.
Result<std::string> read_cookie(const std::filesystem::path& home);

}  // namespace assay::node
