// assay provider set, drain, resume, unjail: the standing bid, and coming back from jail.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "node/cli/cli.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"
#include "node/core/config.h"

namespace assay::node {
namespace {

using nlohmann::json;

struct BidFlags {
    uint64_t price = 0;     // 0: stays
    uint32_t capacity = 0;  // 0: stays
    std::string key = "node";
};

// The home's configuration follows the ledger, or the next start would bring the old bid back.
std::string write_config(const BidFlags& flags, const GlobalOptions& globals) {
    const auto file = HomeLayout{globals.home}.config();
    if (!globals.rpc.empty() || !std::filesystem::exists(file)) return "";
    auto config = value_or_fail(globals, load_config(file));
    if (config.key != flags.key) return "";
    if (flags.price != 0) config.provider.price_floor = flags.price;
    if (flags.capacity != 0) config.provider.capacity = flags.capacity;
    ok_or_fail(globals, save_config(config, file));
    return file.string();
}

void set_bid(const BidFlags& flags, const GlobalOptions& globals) {
    if (flags.price == 0 && flags.capacity == 0)
        fail_command(globals, fail(Code::kInvalidArgument, "give --price, --capacity or both"));
    Remote remote(globals);
    json params = {{"key", flags.key}};
    if (flags.price != 0) params["priceFloor"] = std::to_string(flags.price);
    if (flags.capacity != 0) params["capacity"] = flags.capacity;
    auto reply = remote.call("provider_update", params, kSpendTimeoutMs);
    const std::string file = write_config(flags, globals);
    reply["config"] = file;
    std::string text = "bid changed on the ledger";
    if (!file.empty()) {
        text += " and in " + file;
    } else {
        text += "; the node's config.json keeps its own, which counts again at its next start";
    }
    print_result(globals, reply, text);
}

void set_active(bool active, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto reply = remote.call("provider_update", {{"active", active}}, kSpendTimeoutMs);
    print_result(globals, reply, active ? "taking slots" : "draining: no new slots");
}

uint64_t number_of(const json& object, const char* name) {
    if (!object.contains(name)) return 0;
    const json& value = object[name];
    if (value.is_number_unsigned()) return value.get<uint64_t>();
    return value.is_string() ? std::strtoull(value.get<std::string>().c_str(), nullptr, 10) : 0;
}

// Why the ledger would refuse, before its fee is spent; empty when it would not.
std::string obstacle(Remote& remote, const std::string& address) {
    const json stake =
        remote.call("stake_get", {{"operator", address}}).value("stake", json::object());
    const auto status = remote.call("ledger_getStatus", json::object());
    const auto block = remote.call("ledger_getBlock", {{"height", status.at("height")}});
    const uint64_t now_ms = number_of(block.at("block").at("header"), "timeMs");
    const uint64_t until_ms = number_of(stake, "jailedUntilMs");
    const uint64_t bonded = number_of(stake, "bonded");
    const uint64_t least = number_of(status.value("params", json::object()), "minStake");
    if (until_ms == 0) return address + " is not in jail";
    if (stake.value("tombstoned", false))
        return address + " gave wrong results too often: this identity gets no more slots";
    if (now_ms < until_ms)
        return address + " is in jail for another " +
               std::to_string((until_ms - now_ms + 59'999) / 60'000) +
               " minutes. Remedy: run assay provider self-test meanwhile, and try again then";
    if (bonded < least)
        return address + " has " + format_amount(bonded) + " coins bonded of at least " +
               format_amount(least) + ". Remedy: assay provider stake bond " +
               std::to_string(least - bonded);
    return "";
}

void unjail(const std::string& key, const GlobalOptions& globals) {
    Remote remote(globals);
    if (key == "node") {
        const auto info = remote.call("node_getInfo", json::object());
        const auto why = obstacle(remote, info.value("address", ""));
        if (!why.empty()) fail_command(globals, fail(Code::kRejected, why));
    }
    const auto reply = remote.call("stake_unjail", {{"key", key}}, kSpendTimeoutMs);
    print_result(globals, reply, "out of jail: slots are offered again");
}

}  // namespace

void add_provider_bid_commands(CLI::App& group, const GlobalOptions& globals) {
    auto flags = std::make_shared<BidFlags>();
    auto* set = group.add_subcommand(
        "set", "Change the standing bid, on the ledger and in this home's configuration");
    set->add_option("--price", flags->price, "Micro-units per work unit (10^9 MACs)")
        ->check(CLI::PositiveNumber);
    set->add_option("--capacity", flags->capacity, "Slots at a time")->check(CLI::Range(1, 64));
    set->add_option("--key", flags->key, "Keyring entry of the operator")->capture_default_str();
    set->footer("Example: assay --home p1 provider set --price 900 --capacity 2");
    set->callback([flags, &globals] { set_bid(*flags, globals); });

    auto* drain = group.add_subcommand("drain", "Take no new slots; finish the live ones");
    drain->footer("Example: assay --home ~/.assay provider drain");
    drain->callback([&globals] { set_active(false, globals); });
    auto* resume =
        group.add_subcommand("resume", "Take slots again, also after a suspension for silence");
    resume->footer("Example: assay --home ~/.assay provider resume");
    resume->callback([&globals] { set_active(true, globals); });

    auto key = std::make_shared<std::string>("node");
    auto* out = group.add_subcommand("unjail", "Leave the jail once its time is over");
    out->add_option("--key", *key, "Keyring entry of the operator")->capture_default_str();
    out->footer("Example: assay --home p1 provider unjail");
    out->callback([key, &globals] { unjail(*key, globals); });
}

}  // namespace assay::node
