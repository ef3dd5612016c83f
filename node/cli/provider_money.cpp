// assay provider earnings, stake, history: what an operator has, gets and did.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "ledger/crypto/address_text.h"
#include "node/cli/cli.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr uint64_t kPageEvents = 1000;

struct MoneyFlags {
    std::string address;
    std::string amount;
    std::string key = "node";
    uint64_t from = 0;
    uint64_t limit = 50;
};

ledger::Address operator_of(const MoneyFlags& flags, Remote& remote, const GlobalOptions& globals) {
    const std::string text = flags.address.empty()
                                 ? remote.call("node_getInfo", json::object()).value("address", "")
                                 : flags.address;
    return value_or_fail(globals, ledger::parse_address(text));
}

uint64_t amount_of(const json& object, const char* name) {
    if (!object.is_object() || !object.contains(name) || !object[name].is_string()) return 0;
    return std::strtoull(object[name].get<std::string>().c_str(), nullptr, 10);
}

// Of one operator, in order; `types` as ledger_getEvents takes them.
std::vector<json> events_of(Remote& remote, const ledger::Address& owner, const json& types,
                            uint64_t from) {
    const std::string bare = to_hex(owner.view());
    std::vector<json> found;
    for (uint64_t height = from;;) {
        const auto page = remote.call(
            "ledger_getEvents", {{"fromHeight", height}, {"types", types}, {"limit", kPageEvents}});
        for (const auto& event : page.at("events"))
            if (event.at("attributes").value("operator", "") == bare) found.push_back(event);
        const auto next = page.at("nextHeight").get<uint64_t>();
        if (next > page.at("height").get<uint64_t>() || next <= height) return found;
        height = next;
    }
}

// Rewards of agreeing votes whose dispute time still runs.
uint64_t pending_rewards(Remote& remote, const ledger::Address& owner) {
    const std::string text = ledger::address_text(owner);
    uint64_t pending = 0;
    for (json offset = 0; !offset.is_null();) {
        const auto jobs = remote.call("job_list", {{"state", "running"}, {"offset", offset}});
        for (const auto& job : jobs.at("jobs")) {
            for (json at = 0; !at.is_null();) {
                const auto tasks =
                    remote.call("task_list",
                                {{"jobId", job.at("jobId")}, {"state", "tallied"}, {"offset", at}});
                for (const auto& task : tasks.at("tasks"))
                    for (const auto& slot : task.at("slots"))
                        if (slot.value("state", "") == "agreed" &&
                            slot.value("operator", "") == text)
                            pending +=
                                amount_of(slot, "price") * task.value("workUnits", uint64_t{0});
                at = tasks.value("nextOffset", json());
            }
        }
        offset = jobs.value("nextOffset", json());
    }
    return pending;
}

void earnings(const MoneyFlags& flags, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto owner = operator_of(flags, remote, globals);
    const auto address = ledger::address_text(owner);
    const auto provider = remote.call("provider_get", {{"operator", address}});
    std::map<std::string, std::pair<uint64_t, uint64_t>> jobs;  // tasks, micro-units
    uint64_t paid = 0;
    for (const auto& event : events_of(remote, owner, {"payment"}, flags.from)) {
        const auto& attributes = event.at("attributes");
        auto& [count, amount] = jobs[attributes.value("job", "")];
        count += 1;
        amount += amount_of(attributes, "amount");
        paid += amount_of(attributes, "amount");
    }
    uint64_t slashed = 0;
    for (const auto& event : events_of(remote, owner, {"stake.slashed"}, flags.from))
        slashed += amount_of(event.at("attributes"), "amount");
    const uint64_t pending = pending_rewards(remote, owner);
    json list = json::array();
    std::string text;
    for (const auto& [job, sum] : jobs) {
        list.push_back(
            {{"jobId", "0x" + job}, {"tasks", sum.first}, {"paid", std::to_string(sum.second)}});
        text += "  0x" + job + "  " + std::to_string(sum.first) + " tasks  " +
                format_amount(sum.second) + "\n";
    }
    print_result(globals,
                 {{"operator", address},
                  {"paid", std::to_string(paid)},
                  {"pending", std::to_string(pending)},
                  {"slashed", std::to_string(slashed)},
                  {"paidEver", provider.value("earned", "0")},
                  {"fromHeight", flags.from},
                  {"jobs", list}},
                 "operator  " + address + "\npaid      " + format_amount(paid) + "\npending   " +
                     format_amount(pending) +
                     " (votes that agreed, dispute time running)\nslashed   " +
                     format_amount(slashed) + "\n" + text);
}

void stake_show(const MoneyFlags& flags, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto address = ledger::address_text(operator_of(flags, remote, globals));
    const auto reply = remote.call("stake_get", {{"operator", address}});
    const json stake = reply.value("stake", json::object());
    const uint64_t bonded = amount_of(stake, "bonded");
    const uint64_t locked = amount_of(stake, "locked");
    uint64_t leaving = 0;
    for (const auto& entry : stake.value("unbonding", json::array()))
        leaving += amount_of(entry, "amount");
    print_result(globals, reply,
                 "operator   " + address + "\nbonded     " + format_amount(bonded) +
                     "\nlocked     " + format_amount(locked) + " (in live slots)\nfree       " +
                     format_amount(bonded - std::min(bonded, locked)) + "\nunbonding  " +
                     format_amount(leaving) + "\nslashed    " +
                     format_amount(amount_of(stake, "slashedTotal")));
}

void spend(const char* method, const char* done, const MoneyFlags& flags,
           const GlobalOptions& globals) {
    if (flags.amount.empty() || flags.amount.find_first_not_of("0123456789") != std::string::npos) {
        fail_command(globals, fail(Code::kInvalidArgument,
                                   "amount '" + flags.amount +
                                       "' must be a whole number of micro-units, as in 1000000000 "
                                       "for 1000 coins"));
    }
    Remote remote(globals);
    const auto reply =
        remote.call(method, {{"amount", flags.amount}, {"key", flags.key}}, kSpendTimeoutMs);
    print_result(globals, reply, std::string(done) + " " + flags.amount + " micro-units");
}

void history(const MoneyFlags& flags, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto owner = operator_of(flags, remote, globals);
    auto events = events_of(remote, owner, {"task.", "payment", "stake.", "provider."}, flags.from);
    const size_t all = events.size();
    if (flags.limit != 0 && all > flags.limit)
        events.erase(events.begin(), events.end() - static_cast<std::ptrdiff_t>(flags.limit));
    std::string text;
    for (const auto& event : events) {
        text += event.at("height").dump() + "  " + event.value("type", "");
        for (const auto& [key, value] : event.at("attributes").items())
            if (key != "operator") text += " " + key + "=" + value.get<std::string>();
        text += "\n";
    }
    print_result(globals,
                 {{"operator", ledger::address_text(owner)}, {"total", all}, {"events", events}},
                 text + std::to_string(events.size()) + " of " + std::to_string(all) + " events");
}

void add_stake_commands(CLI::App& group, const GlobalOptions& globals) {
    auto flags = std::make_shared<MoneyFlags>();
    auto* stake = group.add_subcommand("stake", "Show, bond or unbond stake");
    stake->require_subcommand(1);
    stake->footer("Example: assay provider stake show");
    auto* show = stake->add_subcommand("show", "Bonded, locked, free and unbonding stake");
    show->add_option("address", flags->address, "Operator address (default: this home's node)");
    show->footer("Example: assay provider stake show --json");
    show->callback([flags, &globals] { stake_show(*flags, globals); });
    auto* bond = stake->add_subcommand("bond", "Turn balance into stake");
    bond->add_option("amount", flags->amount, "Micro-units")->required();
    bond->add_option("--key", flags->key, "Keyring entry of the operator")->capture_default_str();
    bond->footer("Example: assay provider stake bond 1000000000");
    bond->callback([flags, &globals] { spend("stake_bond", "bonded", *flags, globals); });
    auto* unbond = stake->add_subcommand("unbond", "Take free stake out; paid after the delay");
    unbond->add_option("amount", flags->amount, "Micro-units")->required();
    unbond->add_option("--key", flags->key, "Keyring entry of the operator")->capture_default_str();
    unbond->footer("Example: assay provider stake unbond 1000000000");
    unbond->callback([flags, &globals] { spend("stake_unbond", "unbonding", *flags, globals); });
}

}  // namespace

void add_provider_money_commands(CLI::App& group, const GlobalOptions& globals) {
    auto flags = std::make_shared<MoneyFlags>();
    auto* earnings_command =
        group.add_subcommand("earnings", "Paid, pending and slashed, job by job");
    earnings_command->add_option("address", flags->address,
                                 "Operator address (default: this home's node)");
    earnings_command->add_option("--from", flags->from,
                                 "First height (default: the first that the node has)");
    earnings_command->footer("Example: assay provider earnings --json");
    earnings_command->callback([flags, &globals] { earnings(*flags, globals); });

    add_stake_commands(group, globals);

    auto* history_command = group.add_subcommand(
        "history", "What happened to an operator: slots, votes, payments, stake");
    history_command->add_option("address", flags->address,
                                "Operator address (default: this home's node)");
    history_command->add_option("--from", flags->from,
                                "First height (default: the first that the node has)");
    history_command->add_option("--limit", flags->limit, "The last N events; 0: all")
        ->capture_default_str();
    history_command->footer("Example: assay provider history --limit 20");
    history_command->callback([flags, &globals] { history(*flags, globals); });
}

}  // namespace assay::node
