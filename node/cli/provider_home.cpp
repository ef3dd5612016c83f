// assay provider init, run, self-test: this machine as a provider.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "compute/self_test.h"
#include "contracts.pb.h"
#include "node/agent/capability.h"
#include "node/cli/cli.h"
#include "node/cli/home_setup.h"
#include "node/cli/remote.h"
#include "node/cli/report.h"
#include "node/core/home.h"
#include "node/keys/keyring.h"

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t kMinMemoryMb = 1024;
constexpr uint64_t kMinScore = 1;          // milli work units a second
constexpr uint64_t kMinFreeDiskMb = 2048;  // chunks, ledger and work files of small jobs

// With an existing home: only its provider settings change.
void provider_init(const CLI::App& command, InitFlags flags, const GlobalOptions& globals) {
    const HomeLayout home{globals.home};
    flags.provider = true;
    if (!fs::exists(home.config())) {
        if (flags.genesis.empty()) {
            fail_command(globals, fail(Code::kInvalidArgument,
                                       "a new home joins a network: give --genesis FILE and --peer "
                                       "HOST:PORT of one of its nodes"));
        }
        return init_home(flags, globals);
    }
    if (!flags.genesis.empty() || !flags.peers.empty()) {
        fail_command(globals, fail(Code::kAlreadyExists,
                                   home.config().string() +
                                       " exists: --genesis and --peer are for a new home. Remedy: "
                                       "leave them out, or another --home"));
    }
    check_stake(flags.stake, value_or_fail(globals, load_genesis(home)), globals);
    auto config = value_or_fail(globals, load_config(home.config()));
    auto& provider = config.provider;
    provider.enabled = true;
    if (command.count("--moniker")) provider.moniker = flags.moniker;
    if (command.count("--stake")) provider.stake = flags.stake;
    if (command.count("--price")) provider.price_floor = flags.price;
    if (command.count("--capacity")) provider.capacity = flags.capacity;
    if (command.count("--threads")) provider.threads = flags.threads;
    if (command.count("--backend")) provider.backend = flags.backend;
    if (command.count("--rpc-port")) config.rpc_port = flags.rpc_port;
    if (command.count("--peer-port")) config.peer_port = flags.peer_port;
    if (command.count("--devices")) provider.devices = flags.devices;
    ok_or_fail(globals, save_config(config, home.config()));
    print_result(globals, {{"home", home.root.string()}, {"provider", true}},
                 "provider settings written to " + home.config().string() +
                     "\nNext: assay --home " + home.root.string() + " provider run");
}

struct Check {
    std::string name;
    std::string required;
    std::string actual;
    std::string remedy;  // empty: passed
};

class SelfTest {
public:
    SelfTest(std::string vectors, const GlobalOptions& globals)
        : vectors_(std::move(vectors)), globals_(globals) {}

    std::vector<Check> run() {
        check_home();
        check_arithmetic();
        check_capability();
        check_disk();
        check_network();
        return std::move(checks_);
    }

private:
    void add(const std::string& name, const std::string& required, const std::string& actual,
             bool passed, const std::string& remedy) {
        checks_.push_back({name, required, actual, passed ? "" : remedy});
    }

    void check_home() {
        const HomeLayout home{globals_.home};
        const auto config = load_config(home.config());
        if (config.ok()) config_ = *config;
        add("home", "a valid config.json", config.ok() ? "valid" : config.error().message,
            config.ok(), "assay provider init");
        add("provider", "enabled", config_.provider.enabled ? "enabled" : "not enabled",
            config_.provider.enabled, "assay provider init in this home");
        // Opening a keyring that is not there would make one.
        const Result<Keyring> keyring =
            fs::is_directory(home.keys())
                ? Keyring::open(home.keys())
                : Result<Keyring>(fail(Code::kNotFound, "no keys in " + home.keys().string()));
        const auto address =
            keyring.ok() ? keyring->address(config_.key) : Result<ledger::Address>(keyring.error());
        add("key", "entry '" + config_.key + "'",
            address.ok() ? to_hex(address->view()) : address.error().message, address.ok(),
            "assay keys new " + config_.key);
    }

    void check_arithmetic() {
        const auto backend = compute::make_backend(
            {config_.provider.backend, 0, static_cast<int>(config_.provider.devices)});
        std::string names;
        for (const auto& name : compute::available_backends()) names += " " + name;
        add("backend", config_.provider.backend.empty() ? "any" : config_.provider.backend,
            backend.ok() ? std::string((*backend)->name()) : backend.error().message, backend.ok(),
            "set provider.backend to one of:" + names);
        if (!backend.ok() || vectors_.empty()) return;
        const auto reports = compute::run_vectors(vectors_, **backend);
        int64_t cases = 0;
        int64_t failed = 0;
        std::string problem = reports.ok() ? "" : reports.error().message;
        if (reports.ok()) {
            for (const auto& report : *reports) {
                cases += report.cases;
                failed += report.failed;
                if (!report.first_failure.empty()) problem = report.first_failure;
            }
        }
        add("arithmetic", "every reference vector bit for bit",
            problem.empty() ? std::to_string(cases) + " cases equal" : problem,
            problem.empty() && failed == 0 && cases > 0,
            "do not stake on this machine: its results would be slashed");
    }

    void check_capability() {
        const auto sample = measure_capability({config_.provider.backend,
                                                static_cast<int>(config_.provider.threads),
                                                static_cast<int>(config_.provider.devices)});
        if (!sample.ok()) {
            add("score", "a training step", sample.error().message, false, "see the message");
            return;
        }
        add("score", "at least " + std::to_string(kMinScore),
            std::to_string(sample->score()) + " on " + sample->device(),
            sample->score() >= kMinScore, "more --threads, or a faster backend");
        add("memory", "at least " + std::to_string(kMinMemoryMb) + " MB",
            std::to_string(sample->memory_mb()) + " MB", sample->memory_mb() >= kMinMemoryMb,
            "close other programs, or a machine with more memory");
    }

    void check_disk() {
        fs::path place = globals_.home;
        while (!place.empty() && !fs::exists(place) && place != place.parent_path())
            place = place.parent_path();
        std::error_code error;
        const auto space = fs::space(place.empty() ? fs::path(".") : place, error);
        const uint64_t free_mb = error ? 0 : space.available >> 20;
        add("disk", "at least " + std::to_string(kMinFreeDiskMb) + " MB free",
            error ? error.message() : std::to_string(free_mb) + " MB free",
            free_mb >= kMinFreeDiskMb, "free some, or another --home");
    }

    // Only with a node that runs: its network, and whether the stake can be bonded.
    void check_network() {
        if (!fs::exists(HomeLayout{globals_.home}.config()) && globals_.rpc.empty()) return;
        Remote remote(globals_);
        const auto status = remote.try_call("ledger_getStatus", json::object());
        const auto info = remote.try_call("node_getInfo", json::object());
        if (!status.ok() || !info.ok()) {
            const auto& error = status.ok() ? info.error() : status.error();
            add("node", "running", error.message, error.code == Code::kUnavailable,
                "assay provider run");
            return;
        }
        const std::string failure = status->value("failure", "");
        add("node", "running and healthy",
            failure.empty() ? "height " + (*status)["height"].dump() : failure, failure.empty(),
            "look into the node's log, then start it again");
        const auto address = info->value("address", "");
        const auto account = remote.try_call("ledger_getAccount", {{"address", address}});
        const auto stake = remote.try_call("stake_get", {{"operator", address}});
        const auto amount = [](const Result<json>& reply, const char* name) -> uint64_t {
            if (!reply.ok()) return 0;
            const json& object = reply->contains("stake") ? reply->at("stake") : *reply;
            if (!object.is_object() || !object.contains(name) || !object[name].is_string())
                return 0;
            return std::strtoull(object[name].get<std::string>().c_str(), nullptr, 10);
        };
        const uint64_t have = amount(account, "balance") + amount(stake, "bonded");
        const json params = status->value("params", json::object());
        const uint64_t least =
            params.contains("minStake") && params["minStake"].is_string()
                ? std::strtoull(params["minStake"].get<std::string>().c_str(), nullptr, 10)
                : 0;
        const uint64_t wanted = std::max(config_.provider.stake, least);
        add("stake", format_amount(wanted) + " bonded or in the account", format_amount(have),
            have >= wanted, "send money to " + address);
    }

    const std::string vectors_;
    const GlobalOptions& globals_;
    NodeConfig config_;
    std::vector<Check> checks_;
};

void self_test(const std::string& vectors, const GlobalOptions& globals) {
    if (!vectors.empty() && !fs::is_directory(vectors)) {
        fail_command(globals, fail(Code::kNotFound, "--vectors " + vectors + " is no folder"));
    }
    json list = json::array();
    std::string text;
    bool failed = false;
    for (const auto& check : SelfTest(vectors, globals).run()) {
        const bool passed = check.remedy.empty();
        failed = failed || !passed;
        list.push_back({{"name", check.name},
                        {"passed", passed},
                        {"required", check.required},
                        {"actual", check.actual},
                        {"remedy", check.remedy}});
        text += (passed ? "ok    " : "FAIL  ") + check.name +
                std::string(check.name.size() < 11 ? 11 - check.name.size() : 1, ' ') +
                "required: " + check.required + "  actual: " + check.actual +
                (passed ? "" : "  remedy: " + check.remedy) + "\n";
    }
    print_result(globals, {{"verdict", failed ? "fail" : "pass"}, {"checks", list}},
                 text + (failed ? "FAIL" : "PASS"));
    if (failed) end_command(1);
}

}  // namespace

void add_provider_home_commands(CLI::App& group, const GlobalOptions& globals) {
    auto flags = std::make_shared<InitFlags>();
    auto* init = group.add_subcommand(
        "init", "Set up a home that offers this machine, or turn an existing one into a provider");
    init->add_option("--genesis", flags->genesis, "New home: join the network of this file");
    init->add_option("--engine-peer", flags->engine_peers,
                     "New home under CometBFT: NODEID@host:port of a node; repeatable");
    init->add_option("--peer", flags->peers, "New home: host:port of a node to follow; repeatable");
    add_port_options(*init, *flags);
    add_provider_options(*init, *flags);
    init->footer(
        "Example: assay --home p1 provider init --genesis n1/genesis.bin --peer 127.0.0.1:8651 "
        "--rpc-port 8670 --peer-port 8671 --stake 2000000000");
    init->callback([init, flags, &globals] { provider_init(*init, *flags, globals); });

    auto* run =
        group.add_subcommand("run", "Run this home's node and take tasks until interrupted");
    run->footer("Example: assay --home p1 provider run");
    run->callback([&globals] { run_home(globals, true); });

    auto vectors = std::make_shared<std::string>();
    auto* test = group.add_subcommand(
        "self-test", "Is this machine fit to be a provider? Required, actual and remedy of each");
    test->add_option("--vectors", *vectors,
                     "Folder of reference vectors: also check the arithmetic, bit for bit");
    test->footer("Example: assay --home p1 provider self-test --vectors tests/vectors");
    test->callback([vectors, &globals] { self_test(*vectors, globals); });
}

}  // namespace assay::node
