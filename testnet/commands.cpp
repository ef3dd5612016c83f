#include "testnet/commands.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "ledger/codec/block.h"
#include "node/cli/report.h"
#include "node/core/home.h"
#include "testnet/load.h"
#include "testnet/network.h"

namespace assay::testnet {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct UpFlags {
    std::string directory = "assay-testnet";
    uint32_t providers = 5;
    std::vector<std::string> faults;
    uint32_t accounts = 0;
    uint32_t threads = 1;
    uint32_t interval_ms = 200;
    std::string engine = "embedded";
    uint32_t validators = 4;
};

json describe(const Network& network) {
    json nodes = json::array();
    for (const auto& node : network.nodes) {
        nodes.push_back({{"name", node.name},
                         {"home", node.home.string()},
                         {"rpc", node.rpc},
                         {"peer", node.peer},
                         {"address", node.address},
                         {"fault", node.fault},
                         {"running", is_running(node)}});
    }
    return {
        {"chainId", network.chain_id}, {"directory", network.directory.string()}, {"nodes", nodes}};
}

std::string table(const Network& network) {
    std::string text = "chain " + network.chain_id + "\n";
    for (const auto& node : network.nodes) {
        char line[256];
        std::snprintf(line, sizeof line, "  %-12s %-8s rpc %-16s peer %-16s %s%s\n",
                      node.name.c_str(), is_running(node) ? "running" : "stopped", node.rpc.c_str(),
                      node.peer.c_str(), node.address.c_str(),
                      node.fault.empty() ? "" : ("  fault: " + node.fault).c_str());
        text += line;
    }
    return text;
}

void up(const UpFlags& flags, const node::GlobalOptions& globals) {
    const auto executable = node::value_or_fail(globals, node::own_executable());
    Network network;
    if (fs::exists(fs::path(flags.directory) / "testnet.json")) {
        network = node::value_or_fail(globals, load(flags.directory));
    } else {
        Options options;
        options.directory = flags.directory;
        options.providers = flags.providers;
        options.accounts = flags.accounts;
        options.threads_per_slot = flags.threads;
        options.block_interval_ms = flags.interval_ms;
        if (flags.engine == "cometbft") {
            (void)node::value_or_fail(globals, node::find_cometbft({}, executable));
            options.validators = flags.validators;
        }
        options.now_ms =
            static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::system_clock::now().time_since_epoch())
                                      .count());
        for (const auto& text : flags.faults) {
            options.faults.push_back(node::value_or_fail(globals, parse_fault(text)));
        }
        network = node::value_or_fail(globals, create(options));
    }
    const auto started = start(network, executable);
    if (!started.ok()) {
        (void)stop(network).ok();
        node::fail_command(globals, started.error());
    }
    node::print_result(globals, describe(network), table(network));
}

}  // namespace

void add_testnet_commands(CLI::App& app, const node::GlobalOptions& globals) {
    auto* group = app.add_subcommand("testnet", "Run a local network in one directory");
    group->require_subcommand(1);
    group->footer("Example: assay testnet up --dir /tmp/net --nodes 5");
    auto flags = std::make_shared<UpFlags>();

    auto* up_command =
        group->add_subcommand("up", "Create and start a network, or start a stopped one again");
    up_command->add_option("--dir", flags->directory, "Directory of the network")
        ->capture_default_str();
    up_command
        ->add_option("--nodes", flags->providers,
                     "Providers besides the producer or validators: 3 to 31, or 0")
        ->capture_default_str();
    up_command->add_option(
        "--fault", flags->faults,
        "NAME=COUNT: wrong-result, silent, late, copy-commit or crash; repeatable");
    up_command
        ->add_option("--engine", flags->engine,
                     "What orders the blocks: one embedded producer, or validators of CometBFT")
        ->check(CLI::IsMember({"embedded", "cometbft"}))
        ->capture_default_str();
    up_command->add_option("--validators", flags->validators, "Validators under CometBFT")
        ->check(CLI::Range(1U, kMaxNodes - 4))
        ->capture_default_str();
    up_command
        ->add_option("--accounts", flags->accounts,
                     "Accounts at genesis in all, for measurements of a large state")
        ->check(CLI::Range(0U, static_cast<uint32_t>(ledger::kMaxGenesisAccounts)));
    up_command->add_option("--threads", flags->threads, "Training threads per slot")
        ->capture_default_str();
    up_command
        ->add_option("--block-interval", flags->interval_ms, "Minimum block interval, milliseconds")
        ->capture_default_str();
    up_command->footer("Example: assay testnet up --dir /tmp/net --nodes 5 --fault wrong-result=1");
    up_command->callback([flags, &globals] { up(*flags, globals); });

    auto* status = group->add_subcommand("status", "Show the nodes and whether they run");
    status->add_option("--dir", flags->directory, "Directory of the network")
        ->capture_default_str();
    status->footer("Example: assay testnet status --dir /tmp/net --json");
    status->callback([flags, &globals] {
        const auto network = node::value_or_fail(globals, load(flags->directory));
        node::print_result(globals, describe(network), table(network));
    });

    auto* load_command = group->add_subcommand(
        "load", "Sign transactions of the first nodes' keys, for tools/bench_comet");
    auto type = std::make_shared<std::string>("transfer");
    auto out = std::make_shared<std::string>();
    auto count = std::make_shared<uint64_t>(20'000);
    auto senders = std::make_shared<uint32_t>(4);
    load_command->add_option("--dir", flags->directory, "Directory of the network")
        ->capture_default_str();
    load_command->add_option("--type", *type, "130 bytes each, or 256 (the result of no task)")
        ->check(CLI::IsMember({"transfer", "task_reveal"}))
        ->capture_default_str();
    load_command->add_option("--count", *count, "How many")->capture_default_str();
    load_command->add_option("--senders", *senders, "Of how many nodes")->capture_default_str();
    load_command->add_option("--out", *out, "File to write")->required();
    load_command->footer("Example: assay testnet load --dir /tmp/net --out /tmp/transactions");
    load_command->callback([flags, type, out, count, senders, &globals] {
        const auto network = node::value_or_fail(globals, load(flags->directory));
        const auto kind = *type == "transfer" ? LoadKind::kTransfer : LoadKind::kReveal;
        node::ok_or_fail(globals, write_load(network, kind, *senders, *count, *out));
        node::print_result(globals, {{"written", *out}}, "wrote " + *out);
    });

    auto* down = group->add_subcommand("down", "Stop every node of a network");
    auto remove = std::make_shared<bool>(false);
    down->add_option("--dir", flags->directory, "Directory of the network")->capture_default_str();
    down->add_flag("--remove", *remove, "Delete the directory too");
    down->footer("Example: assay testnet down --dir /tmp/net");
    down->callback([flags, remove, &globals] {
        auto network = node::value_or_fail(globals, load(flags->directory));
        node::ok_or_fail(globals, stop(network));
        if (*remove) {
            std::error_code error;
            fs::remove_all(network.directory, error);
            if (error) {
                node::fail_command(
                    globals, fail(Code::kIo, "cannot remove " + network.directory.string() + ": " +
                                                 error.message()));
            }
        }
        node::print_result(globals, {{"stopped", network.nodes.size()}},
                           "stopped " + std::to_string(network.nodes.size()) + " nodes");
    });
}

}  // namespace assay::testnet
