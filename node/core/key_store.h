// The keys a running node holds, unlocked once and kept for signing.
//
// Ownership: owns the unlocked keys and the passphrase; both are wiped or dropped with it. Threads:
// any. Errors: kNotFound for an unknown entry, kUnauthorized for a wrong passphrase. Nothing here
// is ever logged.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "ledger.pb.h"
#include "node/keys/keyring.h"

namespace assay::node {

class KeyStore {
public:
    static Result<std::unique_ptr<KeyStore>> open(const std::filesystem::path& folder,
                                                  std::string passphrase);
    Result<ledger::PrivateKey> unlock(const std::string& name);
    Result<ledger::Address> address(const std::string& name) const {
        return keyring_.address(name);
    }
    // Of all keys, locked or not; read from their files.
    [[nodiscard]] std::set<ledger::Address> addresses() const;
    Result<Bytes> sign(const std::string& name, const pb::TxBody& body);

private:
    KeyStore(Keyring keyring, std::string passphrase)
        : keyring_(std::move(keyring)), passphrase_(std::move(passphrase)) {}

    const Keyring keyring_;
    const std::string passphrase_;
    std::mutex mutex_;
    std::map<std::string, ledger::PrivateKey> unlocked_;  // guarded by mutex_
};

}  // namespace assay::node
