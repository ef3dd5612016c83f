#include <CLI/CLI.hpp>
#include <ctime>
#include <nlohmann/json.hpp>

#include "node/cli/cli.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"
#include "node/core/config.h"

namespace assay::node {
namespace {

using nlohmann::json;

std::string text_of_field(const json& object, const char* name) {
    if (!object.contains(name)) return "-";
    return object[name].is_string() ? object[name].get<std::string>() : object[name].dump();
}

std::string amount_of(const json& object, const char* name) {
    const auto text = text_of_field(object, name);
    return text == "-" ? text : format_amount(std::stoull(text));
}

std::string standing(const json& provider) {
    if (provider.value("tombstoned", false)) return "tombstoned";
    if (provider.value("jailed", false)) return "jailed";
    if (provider.value("suspended", false)) return "suspended";
    return provider.value("active", false) ? "active" : "draining";
}

void list(uint64_t limit, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto reply = remote.pages("provider_list", json::object(), "providers", limit);
    char line[200];
    std::snprintf(line, sizeof line, "%-14s %-11s %9s %10s %10s %10s  %s\n", "provider", "state",
                  "score", "stake", "earned", "slashed", "operator");
    std::string text = line;
    for (const auto& p : reply.at("providers")) {
        std::snprintf(line, sizeof line, "%-14s %-11s %9s %10s %10s %10s  %s\n",
                      text_of_field(p, "moniker").c_str(), standing(p).c_str(),
                      text_of_field(p, "score").c_str(), amount_of(p, "bonded").c_str(),
                      amount_of(p, "earned").c_str(), amount_of(p, "slashed").c_str(),
                      text_of_field(p, "operator").c_str());
        text += line;
    }
    print_result(globals, reply, text);
}

// What runs on the node asked, when the provider is its own.
json slots_of(Remote& remote, const std::string& own, const json& provider) {
    if (provider.value("operator", "") != own) return nullptr;
    const auto reply = remote.try_call("provider_getSlots", json::object());
    return reply.ok() ? reply->at("slots") : json(nullptr);
}

std::string slots_text(const json& provider, const json& slots) {
    std::string text = "slots       " + text_of_field(provider, "busy") + " of " +
                       text_of_field(provider, "capacity") + " in use";
    for (const auto& slot : slots) {
        text += "\n  " + slot.value("taskId", "").substr(0, 14) + "  " + slot.value("phase", "");
        if (slot.value("localSteps", uint64_t{0}) != 0)
            text += "  step " + text_of_field(slot, "localStep") + "/" +
                    text_of_field(slot, "localSteps");
        if (slot.contains("loss") && slot["loss"].is_string())
            text += "  loss " + slot["loss"].get<std::string>().substr(0, 6);
        if (slot.contains("secondsLeft") && slot["secondsLeft"].is_number())
            text += "  due in " + slot["secondsLeft"].dump() + " s";
        if (!slot.value("error", "").empty()) text += "  " + slot.value("error", "");
    }
    return text;
}

// When the jail ends, in UTC, and what to do then.
std::string jail_text(const json& provider) {
    if (standing(provider) != "jailed") return "";
    const json until = provider.value("stake", json::object()).value("jailedUntilMs", json());
    const auto seconds =
        static_cast<std::time_t>(until.is_number_unsigned() ? until.get<uint64_t>() / 1000 : 0);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
    return std::string(" until ") + text + "; then: assay provider unjail";
}

void show_status(const std::string& address, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto info = remote.call("node_getInfo", json::object());
    const std::string own = info.value("address", "");
    auto reply = remote.call("provider_get", {{"operator", address.empty() ? own : address}});
    const json slots = slots_of(remote, own, reply);
    reply["slots"] = slots;
    const json sample = reply.value("sample", json::object());
    const json reputation = reply.value("reputation", json::object());
    print_result(
        globals, reply,
        "provider    " + text_of_field(reply, "moniker") + "  " + text_of_field(reply, "operator") +
            "\nstate       " + standing(reply) + jail_text(reply) + "\nendpoint    " +
            text_of_field(reply, "endpoint") + "\nbid         " +
            text_of_field(reply, "priceFloor") + " micro-units a work unit\nscore       " +
            text_of_field(reply, "score") + " on " + text_of_field(sample, "backend") + ", " +
            text_of_field(sample, "device") + "\nstake       " + amount_of(reply, "bonded") +
            ", free " + amount_of(reply, "free") + "\nearned      " + amount_of(reply, "earned") +
            ", slashed " + amount_of(reply, "slashed") + "\nreputation  " +
            text_of_field(reputation, "tasksAgreed") + " tasks agreed, " +
            text_of_field(reputation, "tasksWrong") + " wrong, " +
            text_of_field(reputation, "tasksSilent") + " silent\n" + slots_text(reply, slots));
}

}  // namespace

void add_provider_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group =
        app.add_subcommand("provider", "Offer this machine, measure it, see what it earns");
    group->require_subcommand(1);
    group->footer("Example: assay provider list");

    auto* list_command =
        group->add_subcommand("list", "Every provider: state, score, stake, earnings");
    list_command->footer("Example: assay provider list --json");
    auto limit = std::make_shared<uint64_t>(0);
    list_command->add_option("--limit", *limit, "The first N only (default: all)");
    list_command->callback([limit, &globals] { list(*limit, globals); });

    auto address = std::make_shared<std::string>();
    auto* status =
        group->add_subcommand("status", "One provider: standing, stake, reputation, live slots");
    status->add_option("address", *address, "Operator address (default: this home's node)");
    status->footer("Example: assay provider status 0x52908400098527886E0F7030069857D2E4169EE7");
    status->callback([address, &globals] { show_status(*address, globals); });

    add_provider_bench_command(*group, globals);
    add_provider_home_commands(*group, globals);
    add_provider_bid_commands(*group, globals);
    add_provider_money_commands(*group, globals);
}

}  // namespace assay::node
