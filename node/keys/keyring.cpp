#include "node/keys/keyring.h"

#include <algorithm>

#include "node/core/files.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxNameBytes = 64;

bool is_valid_name(const std::string& name) {
    return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.';
           });
}

}  // namespace

Result<Keyring> Keyring::open(const fs::path& folder, KeyringCost cost) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return fail(Code::kIo, "cannot create " + folder.string() + ": " + error.message());
    fs::permissions(folder, fs::perms::owner_all, error);
    return Keyring(folder, cost);
}

Result<fs::path> Keyring::file_of(const std::string& name) const {
    if (!is_valid_name(name)) {
        return fail(Code::kInvalidArgument,
                    "key name '" + name.substr(0, kMaxNameBytes) +
                        "' must be 1 to 64 letters, digits, '-', '_' or '.'");
    }
    return folder_ / (name + ".json");
}

Result<std::vector<KeyInfo>> Keyring::list() const {
    std::vector<KeyInfo> keys;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        if (entry.path().extension() != ".json") continue;
        const auto name = entry.path().stem().string();
        ASSAY_ASSIGN(const auto found, address(name));
        keys.push_back({name, found});
    }
    if (error) return fail(Code::kIo, "cannot list " + folder_.string() + ": " + error.message());
    std::sort(keys.begin(), keys.end(),
              [](const KeyInfo& a, const KeyInfo& b) { return a.name < b.name; });
    return keys;
}

Result<std::string> Keyring::keystore_text(const std::string& name) const {
    ASSAY_ASSIGN(const auto file, file_of(name));
    auto text = read_text(file, ledger::kMaxKeystoreBytes);
    if (!text.ok() && text.error().code == Code::kNotFound) {
        return fail(Code::kNotFound, "no key named '" + name + "' in " + folder_.string() +
                                         ". Remedy: assay keys list, or assay keys new " + name);
    }
    return text;
}

Result<ledger::Address> Keyring::address(const std::string& name) const {
    ASSAY_ASSIGN(const auto text, keystore_text(name));
    return ledger::keystore_address(text);
}

Result<ledger::Address> Keyring::create(const std::string& name, const std::string& passphrase) {
    ASSAY_ASSIGN(const auto key, ledger::PrivateKey::generate());
    return import_key(name, key, passphrase);
}

Result<ledger::Address> Keyring::import_key(const std::string& name, const ledger::PrivateKey& key,
                                            const std::string& passphrase) {
    ASSAY_ASSIGN(const auto file, file_of(name));
    if (fs::exists(file)) {
        return fail(Code::kAlreadyExists, "a key named '" + name + "' exists in " +
                                              folder_.string() + "; choose another name");
    }
    const auto& cost = cost_ == KeyringCost::kLight ? ledger::kLightCost : ledger::kStandardCost;
    ASSAY_ASSIGN(const auto text, ledger::encrypt_key(key, passphrase, cost));
    ASSAY_RETURN_IF_ERROR(write_text(file, text + "\n", 0600));
    return key.address();
}

Result<ledger::PrivateKey> Keyring::unlock(const std::string& name,
                                           const std::string& passphrase) const {
    ASSAY_ASSIGN(const auto text, keystore_text(name));
    auto key = ledger::decrypt_key(text, passphrase);
    if (!key.ok()) return fail(key.error().code, "key '" + name + "': " + key.error().message);
    return key;
}

}  // namespace assay::node
