// The keyring: named, encrypted keys in a folder, one keystore file each (<home>/keys/NAME.json,
// mode 0600).
//
// Ownership: borrows nothing; a key exists in memory only while the PrivateKey that unlock()
// returned does. Threads: any; files are written whole or not at all. Errors: kNotFound names the
// entry and lists the others, kAlreadyExists rather than overwrite, kUnauthorized for a wrong
// passphrase.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/crypto/keystore.h"

namespace assay::node {

enum class KeyringCost : uint8_t { kStandard, kLight };  // of one passphrase guess

struct KeyInfo {
    std::string name;
    ledger::Address address;
};

class Keyring {
public:
    static Result<Keyring> open(const std::filesystem::path& folder,
                                KeyringCost cost = KeyringCost::kStandard);

    [[nodiscard]] Result<std::vector<KeyInfo>> list() const;  // by name
    [[nodiscard]] Result<ledger::Address> address(const std::string& name) const;
    Result<ledger::Address> create(const std::string& name, const std::string& passphrase);
    Result<ledger::Address> import_key(const std::string& name, const ledger::PrivateKey& key,
                                       const std::string& passphrase);
    [[nodiscard]] Result<ledger::PrivateKey> unlock(const std::string& name,
                                                    const std::string& passphrase) const;
    [[nodiscard]] Result<std::string> keystore_text(const std::string& name) const;

private:
    Keyring(std::filesystem::path folder, KeyringCost cost)
        : folder_(std::move(folder)), cost_(cost) {}
    [[nodiscard]] Result<std::filesystem::path> file_of(const std::string& name) const;

    std::filesystem::path folder_;
    KeyringCost cost_;
};

}  // namespace assay::node
