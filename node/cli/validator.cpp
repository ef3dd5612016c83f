// assay validator: take part in ordering blocks under CometBFT.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "ledger/engine/comet/home.h"
#include "node/cli/cli.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"
#include "node/core/home.h"

namespace assay::node {
namespace {

using nlohmann::json;

void list(const GlobalOptions& globals) {
    Remote remote(globals);
    const json all =
        remote.pages("validator_list", json::object(), "validators", 0).at("validators");
    std::string text;
    for (const auto& each : all)
        text += each.value("operator", "") + "  power " + each.value("power", "") +
                (each.value("inSet", false) ? "  orders blocks  " : "  waits          ") +
                each.value("consensusKey", "") + "\n";
    print_result(globals, {{"validators", all}}, text + std::to_string(all.size()) + " validators");
}

void register_home(const std::string& bond, const std::string& key, const GlobalOptions& globals) {
    const auto consensus_key =
        value_or_fail(globals, ledger::comet::consensus_key(HomeLayout{globals.home}.engine()));
    Remote remote(globals);
    if (!bond.empty())
        (void)remote.call("stake_bond", {{"amount", bond}, {"key", key}, {"mode", "wait"}},
                          kSpendTimeoutMs);
    const std::string text = "0x" + to_hex(consensus_key);
    const auto reply =
        remote.call("validator_register", {{"consensusKey", text}, {"key", key}, {"mode", "wait"}},
                    kSpendTimeoutMs);
    print_result(globals, reply,
                 "registered " + text +
                     "\nIts bond counts two blocks later. Keep the node running: assay validator "
                     "list shows who orders blocks");
}

}  // namespace

void add_validator_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group = app.add_subcommand("validator", "Take part in ordering blocks under CometBFT");
    group->require_subcommand(1);
    group->footer("Example: assay validator list");
    auto* list_command = group->add_subcommand("list", "Operators with voting power");
    list_command->footer("Example: assay validator list --json");
    list_command->callback([&globals] { list(globals); });

    auto key = std::make_shared<std::string>("node");
    auto bond = std::make_shared<std::string>();
    auto* join = group->add_subcommand(
        "register", "Turn this home's stake into voting power, under its engine's key");
    join->add_option("--bond", *bond, "First bond so many micro-units");
    join->add_option("--key", *key, "Keyring entry of the operator")->capture_default_str();
    join->footer("Example: assay --home n validator register --bond 10000000000");
    join->callback([key, bond, &globals] { register_home(*bond, *key, globals); });

    auto version = std::make_shared<uint32_t>(0);
    auto* upgrade = group->add_subcommand(
        "upgrade", "Signal that this node's program knows the next version of the rules");
    upgrade->add_option("--version", *version, "The next version; the present one takes it back")
        ->required();
    upgrade->add_option("--key", *key, "Keyring entry of the operator or producer")
        ->capture_default_str();
    upgrade->footer("Example: assay --home n validator upgrade --version 3");
    upgrade->callback([key, version, &globals] {
        Remote remote(globals);
        const auto reply =
            remote.call("validator_signalUpgrade",
                        {{"version", *version}, {"key", *key}, {"mode", "wait"}}, kSpendTimeoutMs);
        const auto status = remote.call("ledger_getStatus", json::object());
        const json due = status.value("upgrade", json());
        print_result(globals, reply,
                     due.is_null() ? "signalled. No upgrade is due yet: it takes more than two "
                                     "thirds of the voting power"
                                   : "signalled. Rules of version " + due.at("version").dump() +
                                         " begin at height " + due.at("height").dump());
    });

    auto* leave = group->add_subcommand("leave", "Give the voting power up; the stake stays");
    leave->add_option("--key", *key, "Keyring entry of the operator")->capture_default_str();
    leave->footer("Example: assay --home n validator leave");
    leave->callback([key, &globals] {
        Remote remote(globals);
        const auto reply =
            remote.call("validator_leave", {{"key", *key}, {"mode", "wait"}}, kSpendTimeoutMs);
        print_result(globals, reply,
                     "left. Keep the node running for two more blocks; the stake is still bonded");
    });
}

}  // namespace assay::node
