#include <CLI/CLI.hpp>
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

void list(const GlobalOptions& globals) {
    Remote remote(globals);
    const auto reply = remote.call("provider_list", json::object());
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

}  // namespace

void add_provider_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group =
        app.add_subcommand("provider", "Offer this machine, measure it, see what it earns");
    group->require_subcommand(1);
    group->footer("Example: assay provider list");

    auto* list_command =
        group->add_subcommand("list", "Every provider: state, score, stake, earnings");
    list_command->footer("Example: assay provider list --json");
    list_command->callback([&globals] { list(globals); });

    auto address = std::make_shared<std::string>();
    auto* status =
        group->add_subcommand("status", "One provider: standing, stake, reputation, live slots");
    status->add_option("address", *address, "Operator address (default: this home's node)");
    status->footer("Example: assay provider status 0x52908400098527886E0F7030069857D2E4169EE7");
    status->callback([address, &globals] {
        Remote remote(globals);
        json params = json::object();
        if (!address->empty()) {
            params["operator"] = *address;
        } else {
            params["operator"] = remote.call("node_getInfo", json::object()).at("address");
        }
        const auto reply = remote.call("provider_get", params);
        print_result(globals, reply, reply.dump(2));
    });

    add_provider_bench_command(*group, globals);
    add_provider_home_commands(*group, globals);
    add_provider_money_commands(*group, globals);

    auto drain = group->add_subcommand("drain", "Take no new slots; finish the live ones");
    drain->footer("Example: assay --home ~/.assay provider drain");
    drain->callback([&globals] {
        Remote remote(globals);
        const auto reply = remote.call("provider_update", {{"active", false}}, 60'000);
        print_result(globals, reply, "draining: no new slots");
    });
    auto resume =
        group->add_subcommand("resume", "Take slots again, also after a suspension for silence");
    resume->footer("Example: assay --home ~/.assay provider resume");
    resume->callback([&globals] {
        Remote remote(globals);
        const auto reply = remote.call("provider_update", {{"active", true}}, 60'000);
        print_result(globals, reply, "taking slots");
    });
}

}  // namespace assay::node
