#include "node/cli/keys.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ledger/crypto/address_text.h"
#include "ledger/crypto/bip32.h"
#include "ledger/crypto/bip39.h"
#include "node/cli/passphrase.h"
#include "node/cli/report.h"
#include "node/core/config.h"
#include "node/core/home.h"
#include "node/keys/keyring.h"

namespace assay::node {
namespace {

using nlohmann::json;

struct KeyFlags {
    std::string name;
    std::string file;
    bool mnemonic = false;
    uint32_t account = 0;
};

// Opening a keyring that is not there makes one: whoever only reads must not.
Keyring open_existing(const GlobalOptions& globals) {
    const auto folder = HomeLayout{globals.home}.keys();
    if (!std::filesystem::is_directory(folder)) {
        fail_command(globals, fail(Code::kNotFound, "no keys in " + folder.string() +
                                                        ". Remedy: assay init, or assay keys new"));
    }
    return value_or_fail(globals, Keyring::open(folder));
}

Keyring open(const GlobalOptions& globals) {
    return value_or_fail(globals, Keyring::open(HomeLayout{globals.home}.keys()));
}

void print_key(const GlobalOptions& globals, const std::string& name,
               const ledger::Address& address) {
    const auto text = ledger::address_text(address);
    print_result(globals, {{"name", name}, {"address", text}}, name + "  " + text);
}

void import(const KeyFlags& flags, const GlobalOptions& globals) {
    const auto text = value_or_fail(globals, read_text(flags.file, ledger::kMaxKeystoreBytes));
    // The file's passphrase becomes the entry's.
    const auto passphrase = value_or_fail(globals, ask_passphrase(globals));
    const auto key = value_or_fail(globals, ledger::decrypt_key(text, passphrase));
    auto keyring = open(globals);
    print_key(globals, flags.name,
              value_or_fail(globals, keyring.import_key(flags.name, key, passphrase)));
}

// A key that 24 words restore: m/44'/9741'/0'/0/0.
void create_from_words(const KeyFlags& flags, const GlobalOptions& globals) {
    std::array<uint8_t, 32> entropy{};
    if (!ledger::system_random(entropy.data(), entropy.size())) {
        fail_command(globals, fail(Code::kIo, "the operating system gave no random bytes"));
    }
    const auto passphrase = value_or_fail(globals, ask_new_passphrase(globals));
    const auto words = value_or_fail(globals, ledger::mnemonic_from_entropy(entropy));
    const auto seed = value_or_fail(globals, ledger::seed_from_mnemonic(words, ""));
    const auto key = value_or_fail(globals, ledger::derive_account(seed, 0));
    auto keyring = open(globals);
    const auto address = value_or_fail(globals, keyring.import_key(flags.name, key, passphrase));
    const auto text = ledger::address_text(address);
    print_result(
        globals, {{"name", flags.name}, {"address", text}, {"mnemonic", words}},
        flags.name + "  " + text + "\n\n" + words +
            "\n\nWrite these words down now and keep them offline: they are shown once, and "
            "whoever has them has the key.");
}

void recover_from_words(const KeyFlags& flags, const GlobalOptions& globals) {
    // The file is as secret as a passphrase: the same rule on who may read it.
    const auto words = value_or_fail(globals, read_passphrase_file(flags.file));
    const auto seed = value_or_fail(globals, ledger::seed_from_mnemonic(words, ""));
    const auto key = value_or_fail(globals, ledger::derive_account(seed, flags.account));
    const auto passphrase = value_or_fail(globals, ask_new_passphrase(globals));
    auto keyring = open(globals);
    print_key(globals, flags.name,
              value_or_fail(globals, keyring.import_key(flags.name, key, passphrase)));
}

}  // namespace

void add_keys_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group =
        app.add_subcommand("keys", "Create, list, import and export the keys of this home");
    group->require_subcommand(1);
    group->footer("Example: assay keys new requester --mnemonic");
    auto flags = std::make_shared<KeyFlags>();

    auto* create = group->add_subcommand("new", "Create a key, encrypted under a passphrase");
    create->add_option("name", flags->name, "Name of the entry")->required();
    create->add_flag("--mnemonic", flags->mnemonic, "Derive it from 24 words and print them once");
    create->footer("Example: assay keys new requester --mnemonic");
    create->callback([flags, &globals] {
        if (flags->mnemonic) return create_from_words(*flags, globals);
        const auto passphrase = value_or_fail(globals, ask_new_passphrase(globals));
        auto keyring = open(globals);
        print_key(globals, flags->name,
                  value_or_fail(globals, keyring.create(flags->name, passphrase)));
    });

    auto* recover = group->add_subcommand("recover", "Restore a key from its mnemonic words");
    recover->add_option("name", flags->name, "Name of the entry")->required();
    recover
        ->add_option("--mnemonic-file", flags->file, "File with the words on one line, chmod 600")
        ->required();
    recover->add_option("--account", flags->account, "Index in m/44'/9741'/0'/0/INDEX")
        ->capture_default_str();
    recover->footer("Example: assay keys recover requester --mnemonic-file words.txt");
    recover->callback([flags, &globals] { recover_from_words(*flags, globals); });

    auto* list = group->add_subcommand("list", "Names and addresses");
    list->footer("Example: assay keys list --json");
    list->callback([&globals] {
        json document = json::array();
        std::string text;
        for (const auto& key : value_or_fail(globals, open_existing(globals).list())) {
            const auto address = ledger::address_text(key.address);
            document.push_back({{"name", key.name}, {"address", address}});
            text += key.name + "  " + address + "\n";
        }
        print_result(globals, document, text.empty() ? "no keys" : text);
    });

    auto* import_command =
        group->add_subcommand("import", "Take in a Web3 keystore (version 3) file");
    import_command->add_option("name", flags->name, "Name of the entry")->required();
    import_command->add_option("file", flags->file, "Keystore file")->required();
    import_command->footer("Example: assay keys import wallet UTC--2026-01-01T00-00-00Z--5290...");
    import_command->callback([flags, &globals] { import(*flags, globals); });

    auto* export_command =
        group->add_subcommand("export", "Copy an entry's encrypted keystore file");
    export_command->add_option("name", flags->name, "Name of the entry")->required();
    export_command->add_option("--out", flags->file, "File to write")->required();
    export_command->footer("Example: assay keys export node --out node-backup.json");
    export_command->callback([flags, &globals] {
        const auto text = value_or_fail(globals, open_existing(globals).keystore_text(flags->name));
        ok_or_fail(globals, write_text(flags->file, text, 0600));
        print_result(globals, {{"file", flags->file}},
                     "wrote " + flags->file + " (still encrypted)");
    });
}

}  // namespace assay::node
