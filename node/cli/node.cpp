#include "node/core/node.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "ledger/crypto/address_text.h"
#include "node/agent/worker.h"
#include "node/cli/cli.h"
#include "node/cli/home_setup.h"
#include "node/cli/passphrase.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"
#include "node/core/home.h"

namespace assay::node {
namespace {

using nlohmann::json;

// Waits for SIGINT or SIGTERM, or for the engine to stop for good.
Status run_until_signal(const Node& node, sigset_t& signals) {
    for (;;) {
        timespec pause{0, 200'000'000};
        if (::sigtimedwait(&signals, nullptr, &pause) > 0) return {};
        const auto failure = node.failure();
        if (!failure.empty()) return fail(Code::kInternal, "the engine stopped: " + failure);
    }
}

}  // namespace

void run_home(const GlobalOptions& globals, bool as_provider) {
    // Blocked before any thread starts, so that every thread inherits it and only sigtimedwait sees
    // them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    // gRPC prints an error for every connection to a bare address; ours are reported by our own
    // log.
    ::setenv("GRPC_VERBOSITY", "NONE", 0);

    NodeStart options;
    options.home = HomeLayout{globals.home};
    options.config = value_or_fail(globals, load_config(options.home.config()));
    if (as_provider) options.config.provider.enabled = true;
    options.passphrase = value_or_fail(globals, ask_passphrase(globals));
    options.executable = value_or_fail(globals, own_executable());
    options.log_to_stderr = globals.json;
    const NodeConfig config = options.config;
    auto node = value_or_fail(globals, Node::start(std::move(options)));
    if (globals.json) {
        const auto at = [](const std::string& host, uint16_t port) {
            return host + ":" + std::to_string(port);
        };
        print_result(globals,
                     {{"ready", true},
                      {"home", globals.home.string()},
                      {"chainId", node->chain_id()},
                      {"address", ledger::address_text(node->address())},
                      {"rpc", at(config.rpc_host, node->rpc_port())},
                      {"peer", at(config.peer_host, node->peer_port())},
                      {"provider", config.provider.enabled}},
                     "");
        *globals.out << std::flush;
    }
    const auto ended = run_until_signal(*node, signals);
    node->stop();
    ok_or_fail(globals, ended);
}

namespace {

void status(const GlobalOptions& globals) {
    Remote remote(globals);
    const auto ledger = remote.call("ledger_getStatus", json::object());
    const auto info = remote.call("node_getInfo", json::object());
    std::string text;
    const auto add = [&text](const std::string& prefix, const json& object) {
        for (const auto& [name, value] : object.items()) {
            if (!value.is_primitive()) continue;
            text += prefix + name + std::string(name.size() < 22 ? 22 - name.size() : 1, ' ') +
                    (value.is_string() ? value.get<std::string>() : value.dump()) + "\n";
        }
    };
    add("ledger.", ledger);
    add("node.", info);
    // A hanging engine does not tell its peers.
    const auto peers = remote.try_call("node_getPeers", json::object());
    const json list = peers.ok() ? peers->value("peers", json::array()) : json::array();
    for (const auto& peer : list)
        text += "peer " + peer.value("endpoint", "") +
                (peer.value("connected", false) ? "" : "  not connected") +
                (peer.value("error", "").empty() ? "" : ": " + peer.value("error", "")) + "\n";
    print_result(globals, {{"ledger", ledger}, {"node", info}, {"peers", list}}, text);
}

}  // namespace

void add_node_commands(CLI::App& app, const GlobalOptions& globals) {
    auto* run = app.add_subcommand(
        "node",
        "Run this home's node until interrupted; for scripts, --json prints one document with its "
        "endpoints once it is ready, and the log goes to stderr");
    run->footer("Example: assay --home ~/.assay node");
    run->callback([&globals] { run_home(globals, false); });

    auto* show =
        app.add_subcommand("status", "Height, application hash, engine and peers of a node");
    show->footer("Example: assay status --json");
    show->callback([&globals] { status(globals); });

    auto folder = std::make_shared<std::string>();
    auto* worker = app.add_subcommand("worker", "");
    worker->group("");  // started by the provider agent, not by people
    worker->add_option("folder", *folder)->required();
    worker->callback([folder] { end_command(run_worker(*folder)); });
}

}  // namespace assay::node
