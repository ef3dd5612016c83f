#include "node/core/key_store.h"

#include "ledger/codec/transaction.h"

namespace assay::node {

Result<std::unique_ptr<KeyStore>> KeyStore::open(const std::filesystem::path& folder,
                                                 std::string passphrase) {
    ASSAY_ASSIGN(auto keyring, Keyring::open(folder));
    return std::unique_ptr<KeyStore>(new KeyStore(std::move(keyring), std::move(passphrase)));
}

Result<ledger::PrivateKey> KeyStore::unlock(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto found = unlocked_.find(name);
    if (found == unlocked_.end()) {
        ASSAY_ASSIGN(auto key, keyring_.unlock(name, passphrase_));
        found = unlocked_.emplace(name, std::move(key)).first;
    }
    return found->second.clone();
}

std::set<ledger::Address> KeyStore::addresses() const {
    std::set<ledger::Address> all;
    if (const auto keys = keyring_.list(); keys.ok())
        for (const KeyInfo& key : *keys) all.insert(key.address);
    return all;
}

Result<Bytes> KeyStore::sign(const std::string& name, const pb::TxBody& body) {
    ASSAY_ASSIGN(const auto key, unlock(name));
    return ledger::sign_transaction(body, key);
}

}  // namespace assay::node
