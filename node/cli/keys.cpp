#include "node/cli/keys.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ledger/crypto/address_text.h"
#include "node/cli/passphrase.h"
#include "node/cli/report.h"
#include "node/core/config.h"
#include "node/keys/keyring.h"

namespace assay::node {
namespace {

using nlohmann::json;

struct KeyFlags {
    std::string name;
    std::string file;
};

Keyring open(const GlobalOptions& globals) {
    return value_or_fail(globals, Keyring::open(HomeLayout{globals.home}.keys()));
}

void print_key(const GlobalOptions& globals, const std::string& name,
               const ledger::Address& address) {
    const auto text = ledger::address_text(address);
    print_result(globals, {{"name", name}, {"address", text}}, name + "  " + text);
}

void import(const KeyFlags& flags, const GlobalOptions& globals) {
    auto keyring = open(globals);
    const auto text = value_or_fail(globals, read_text(flags.file, ledger::kMaxKeystoreBytes));
    // The file's passphrase becomes the entry's.
    const auto passphrase = value_or_fail(globals, ask_passphrase(globals));
    const auto key = value_or_fail(globals, ledger::decrypt_key(text, passphrase));
    print_key(globals, flags.name,
              value_or_fail(globals, keyring.import_key(flags.name, key, passphrase)));
}

}  // namespace

void add_keys_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group =
        app.add_subcommand("keys", "Create, list, import and export the keys of this home");
    group->require_subcommand(1);
    auto flags = std::make_shared<KeyFlags>();

    auto* create = group->add_subcommand("new", "Create a key, encrypted under a passphrase");
    create->add_option("name", flags->name, "Name of the entry")->required();
    create->footer("Example: assay keys new requester");
    create->callback([flags, &globals] {
        auto keyring = open(globals);
        const auto passphrase = value_or_fail(globals, ask_new_passphrase(globals));
        print_key(globals, flags->name,
                  value_or_fail(globals, keyring.create(flags->name, passphrase)));
    });

    auto* list = group->add_subcommand("list", "Names and addresses");
    list->footer("Example: assay keys list --json");
    list->callback([&globals] {
        json document = json::array();
        std::string text;
        for (const auto& key : value_or_fail(globals, open(globals).list())) {
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
        const auto text = value_or_fail(globals, open(globals).keystore_text(flags->name));
        ok_or_fail(globals, write_text(flags->file, text, 0600));
        print_result(globals, {{"file", flags->file}},
                     "wrote " + flags->file + " (still encrypted)");
    });
}

}  // namespace assay::node
