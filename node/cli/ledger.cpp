#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "ledger/audit/certificate.h"
#include "ledger/audit/export.h"
#include "ledger/codec/canonical.h"
#include "node/cli/cli.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"
#include "node/core/config.h"
#include "node/core/home.h"

namespace assay::node {
namespace {

using nlohmann::json;

void print_export(const ledger::ExportSummary& summary, const std::string& file,
                  const GlobalOptions& globals) {
    print_result(globals,
                 {{"file", file},
                  {"height", summary.height},
                  {"headHash", "0x" + to_hex(summary.head_hash)},
                  {"genesisHash", "0x" + to_hex(summary.genesis_hash)}},
                 "wrote " + file + ": " + std::to_string(summary.height) + " blocks, head " +
                     to_hex(summary.head_hash));
}

struct Payment {
    std::string to, amount;
    std::string key = "node";
    bool async = false;
};

void pay(const Payment& payment, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto reply = remote.call("bank_transfer",
                                   {{"to", payment.to},
                                    {"amount", payment.amount},
                                    {"key", payment.key},
                                    {"mode", payment.async ? "sync" : "wait"}},
                                   kSpendTimeoutMs);
    print_result(globals, reply,
                 (payment.async ? "sent " : "paid ") + payment.amount + " micro-units to " +
                     payment.to + "\n" + reply.value("hash", ""));
}

// The engine's header of a block, as its validators signed it.
abci::Header engine_header(Remote& remote, uint64_t height, const GlobalOptions& globals) {
    const auto reply = remote.call("ledger_getBlock", {{"height", height}, {"raw", true}});
    const auto bytes = from_hex(reply.value("certificate", ""));
    if (!bytes || bytes->empty())
        fail_command(globals,
                     fail(Code::kUnsupported,
                          "this chain has a producer: its nodes start from the genesis alone"));
    return value_or_fail(globals, ledger::decode_canonical<abci::Certificate>(
                                      *bytes, ledger::kMaxCertificateBytes, "certificate"))
        .header();
}

// Not above any snapshot that is offered: from a later block a light client goes back header by
// header. Without one here, or with one so old that its validators are not to be trusted any more,
// below those that others make by default.
abci::Header header_to_trust(Remote& remote, const GlobalOptions& globals) {
    constexpr uint64_t kBack = 3000;
    constexpr int64_t kMaxAgeSeconds = 24 * 3600;  // within the light client's 32 hours
    const auto status = remote.call("ledger_getStatus", json::object());
    const auto newest = std::max<uint64_t>(status.at("height").get<uint64_t>(), 2) - 1;  // signed
    const auto lowest = status.at("lowestHeight").get<uint64_t>();
    const json snapshots = status.value("snapshotHeights", json::array());
    if (!snapshots.empty() && snapshots.front().get<uint64_t>() >= lowest) {
        const auto oldest = snapshots.front().get<uint64_t>();
        auto header = engine_header(remote, std::min(oldest, newest), globals);
        const auto now = static_cast<int64_t>(status.value("timeMs", uint64_t{0}) / 1000);
        if (header.time().seconds() + kMaxAgeSeconds > now) return header;
    }
    // Where old blocks are deleted, the lowest will soon be gone.
    const uint64_t stays = lowest == 1 ? 1 : lowest + (newest - std::min(newest, lowest)) / 2;
    return engine_header(remote, std::max(newest - std::min(newest - 1, kBack), stays), globals);
}

// The engine's hash of a block: what a node that begins with a snapshot is told to believe.
void print_trust(uint64_t height, const GlobalOptions& globals) {
    Remote remote(globals);
    const auto header =
        height == 0 ? header_to_trust(remote, globals) : engine_header(remote, height, globals);
    const std::string hash = to_hex(ledger::engine_header_hash(header));
    print_result(globals, {{"height", header.height()}, {"hash", hash}},
                 std::to_string(header.height()) + ":" + hash);
}

// In whole blocks, as the node gives them; the last may bring more than `limit`.
json all_events(uint64_t from, uint64_t limit, const GlobalOptions& globals) {
    Remote remote(globals);
    json events = json::array();
    for (uint64_t height = from;;) {
        auto reply = remote.call("ledger_getEvents", {{"fromHeight", height}, {"limit", 1000}});
        for (auto& event : reply.at("events")) {
            if (limit != 0 && events.size() >= limit) break;
            events.push_back(std::move(event));
        }
        const auto next = reply.at("nextHeight").get<uint64_t>();
        const bool at_end = next > reply.at("height").get<uint64_t>() || next <= height;
        if (at_end || (limit != 0 && events.size() >= limit)) {
            reply["events"] = std::move(events);
            return reply;
        }
        height = next;
    }
}

// From the running node over RPC; from the database itself when no node runs.
void export_to(const std::string& file, const GlobalOptions& globals) {
    const HomeLayout home{globals.home};
    // Opening a database that is not there would make one.
    if (globals.rpc.empty() && std::filesystem::exists(home.ledger() / "CURRENT")) {
        if (auto database = ledger::Database::open(home.ledger().string(), {}); database.ok()) {
            print_export(value_or_fail(globals, ledger::export_ledger(**database, file)), file,
                         globals);
            return;
        }
    }
    Remote remote(globals);
    const auto genesis = value_or_fail(globals, load_genesis(home));
    const auto status = remote.call("ledger_getStatus", json::object());
    const auto source = [&remote](uint64_t height) -> Result<ledger::ExportedBlock> {
        ASSAY_ASSIGN(const auto reply,
                     remote.try_call("ledger_getBlock",
                                     {{"height", height}, {"raw", true}, {"events", true}}));
        const auto raw = from_hex(reply.value("raw", ""));
        if (!raw)
            return fail(Code::kCorrupt, "the node sent no raw block " + std::to_string(height));
        const auto certificate = from_hex(reply.value("certificate", ""));
        ledger::ExportedBlock exported{*raw, {}, certificate.value_or(Bytes{})};
        for (const auto& event : reply.value("rawEvents", json::array())) {
            const auto bytes =
                event.is_string() ? from_hex(event.get<std::string>()) : std::nullopt;
            if (!bytes)
                return fail(Code::kCorrupt,
                            "the node sent a bad event of block " + std::to_string(height));
            exported.events.push_back(*bytes);
        }
        return exported;
    };
    print_export(
        value_or_fail(globals, ledger::export_chain(genesis, status.at("height").get<uint64_t>(),
                                                    source, file)),
        file, globals);
}

}  // namespace

void add_ledger_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* group = app.add_subcommand("ledger", "Blocks, events, accounts, export");
    group->require_subcommand(1);
    group->footer("Example: assay ledger export chain.assay");

    auto file = std::make_shared<std::string>();
    auto* export_command =
        group->add_subcommand("export", "Write genesis and every block to one file, for audits");
    export_command->add_option("file", *file, "File to write")->required();
    export_command->footer("Example: assay ledger export chain.assay");
    export_command->callback([file, &globals] { export_to(*file, globals); });

    auto height = std::make_shared<uint64_t>(0);
    auto* block = group->add_subcommand("block", "One block with its transactions and results");
    block->add_option("height", *height, "Height")->required();
    block->footer("Example: assay ledger block 17");
    block->callback([height, &globals] {
        Remote remote(globals);
        const auto reply = remote.call("ledger_getBlock", {{"height", *height}});
        print_result(globals, reply, reply.dump(2));
    });

    auto from = std::make_shared<uint64_t>(0);
    auto* events = group->add_subcommand("events", "Events from a height on");
    events->add_option("--from", *from, "First height (default: the first that the node has)");
    events->footer("Example: assay ledger events --from 100 --json");
    auto limit = std::make_shared<uint64_t>(0);
    events->add_option("--limit", *limit, "The first N only (default: all)");
    events->callback([from, limit, &globals] {
        const auto reply = all_events(*from, *limit, globals);
        std::string text;
        for (const auto& event : reply.at("events")) text += event.dump() + "\n";
        print_result(globals, reply, text.empty() ? "no events" : text);
    });

    auto known = std::make_shared<uint64_t>(0);
    auto* trust = group->add_subcommand(
        "trust", "HEIGHT:HASH of a block under CometBFT, for assay init --trust");
    trust->add_option("height", *known, "Height (default: that of the oldest snapshot kept here)");
    trust->footer("Example: assay ledger trust");
    trust->callback([known, &globals] { print_trust(*known, globals); });

    auto address = std::make_shared<std::string>();
    auto* account = group->add_subcommand("account", "Balance and nonce of an address");
    account->add_option("address", *address, "Address")->required();
    account->footer("Example: assay ledger account 0x52908400098527886E0F7030069857D2E4169EE7");
    account->callback([address, &globals] {
        Remote remote(globals);
        const auto reply = remote.call("ledger_getAccount", {{"address", *address}});
        print_result(globals, reply, reply.dump(2));
    });

    auto payment = std::make_shared<Payment>();
    auto* transfer = group->add_subcommand("transfer", "Pay from a key of this home's node");
    transfer->add_option("to", payment->to, "Recipient's address")->required();
    transfer->add_option("amount", payment->amount, "Micro-units")->required();
    transfer->add_option("--key", payment->key, "Keyring entry that pays")->capture_default_str();
    transfer->add_flag("--async", payment->async, "Do not wait for the block");
    transfer->footer(
        "Example: assay ledger transfer 0x52908400098527886E0F7030069857D2E4169EE7 1000000");
    transfer->callback([payment, &globals] { pay(*payment, globals); });
}

}  // namespace assay::node
