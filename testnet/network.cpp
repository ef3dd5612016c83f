#include "testnet/network.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "contracts.pb.h"
#include "ledger.pb.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/crypto/address_text.h"
#include "ledger/crypto/hash.h"
#include "ledger/engine/comet/home.h"
#include "node/core/config.h"
#include "node/core/free_port.h"
#include "node/core/home.h"
#include "node/keys/keyring.h"

extern char** environ;

namespace assay::testnet {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t kUnit = 1'000'000;  // micro-units
constexpr uint64_t kRequesterBalance = 1'000'000 * kUnit;
constexpr uint64_t kProviderBalance = 10'000 * kUnit;
constexpr uint64_t kProviderStake = 5'000 * kUnit;
constexpr auto kStartTimeout = std::chrono::seconds(60);
constexpr auto kStopTimeout = std::chrono::seconds(15);
constexpr uint64_t kMaxFileBytes = 1 << 20;

json to_json(const Network& network) {
    json nodes = json::array();
    for (const auto& node : network.nodes) {
        nodes.push_back({{"name", node.name},
                         {"home", fs::relative(node.home, network.directory).string()},
                         {"rpc", node.rpc},
                         {"peer", node.peer},
                         {"address", node.address},
                         {"fault", node.fault},
                         {"pid", node.pid}});
    }
    return {{"chainId", network.chain_id}, {"nodes", nodes}};
}

Status save(const Network& network) {
    return node::write_text(network.directory / "testnet.json", to_json(network).dump(2) + "\n",
                            0644);
}

// Deadlines of a demo that ends in minutes, not of a network that spans the world.
pb::Params testnet_params() {
    pb::Params params;
    params.set_min_stake_age_ms(1);
    params.set_min_validator_stake(1'000 * kUnit);
    params.set_unbond_delay_ms(60'000);
    params.set_jail_ms(24 * 3'600'000);
    params.set_accept_ms(10'000);
    params.set_commit_floor_ms(30'000);
    params.set_reveal_ms(10'000);
    params.set_dispute_ms(1'000);
    params.set_final_floor_ms(20 * 60'000);
    return params;
}

struct Identity {
    ledger::Address address;
    std::string passphrase;
};

Result<Identity> create_home(const fs::path& home, const std::string& extra_key,
                             ledger::Address* extra_address) {
    std::error_code error;
    fs::create_directories(home, error);
    if (error) return fail(Code::kIo, "cannot create " + home.string() + ": " + error.message());
    fs::permissions(home, fs::perms::owner_all, error);
    ASSAY_ASSIGN(const auto passphrase, node::create_passphrase_file(home));
    const node::HomeLayout layout{home};
    ASSAY_ASSIGN(auto keyring, node::Keyring::open(layout.keys(), node::KeyringCost::kLight));
    ASSAY_ASSIGN(const auto address, keyring.create("node", passphrase));
    if (extra_address) {
        ASSAY_ASSIGN(*extra_address, keyring.create(extra_key, passphrase));
    }
    return Identity{address, passphrase};
}

// Names and keys of a network under CometBFT.
struct CometNetwork {
    std::vector<std::string> endpoints;  // NODEID@host:port, one a node
    std::vector<uint16_t> ports;
    std::vector<uint16_t> rpc_ports;  // of the validators, for light clients
    size_t validators = 0;
};

node::NodeConfig node_config(const Options& options, const Network& network, size_t index,
                             const CometNetwork& comet) {
    const Node& node = network.nodes[index];
    const bool is_first = index == 0;
    node::NodeConfig config;
    config.engine = is_first ? node::EngineKind::kProducer : node::EngineKind::kFollower;
    config.rpc_port = node::port_of(node.rpc);
    config.peer_port = node::port_of(node.peer);
    config.block_interval_ms = options.block_interval_ms;
    config.heartbeat_ms = 1000;
    config.keep_artifacts = is_first;
    if (!is_first) config.peers = {network.nodes.front().peer};
    if (comet.validators > 0) {
        config.engine = node::EngineKind::kCometbft;
        config.engine_port = comet.ports[index];
        for (size_t v = 0; v < comet.validators; ++v)
            if (v != index) config.engine_peers.push_back(comet.endpoints[v]);
        config.snapshot_interval = 20;
        if (index < comet.validators)
            config.engine_rpc = "127.0.0.1:" + std::to_string(comet.rpc_ports[index]);
    }
    if (index < std::max<size_t>(comet.validators, 1)) return config;
    config.provider.enabled = true;
    config.provider.moniker = node.name;
    config.provider.stake = kProviderStake;
    config.provider.capacity = 2;
    config.provider.threads = options.threads_per_slot;
    config.provider.fault = node.fault;
    // Who has a fault underbids: to be found out it must get work, however scores come out.
    if (!node.fault.empty()) config.provider.price_floor /= 2;
    return config;
}

// The engine's keys of one node; a validator's also into the genesis.
Status add_comet_node(const Node& node, const ledger::Address& op, bool is_validator,
                      CometNetwork& comet, pb::Genesis& genesis) {
    ASSAY_ASSIGN(const auto identity,
                 ledger::comet::create_identity(node::HomeLayout{node.home}.engine()));
    ASSAY_ASSIGN(const uint16_t port, node::free_port());
    comet.ports.push_back(port);
    comet.endpoints.push_back(identity.node_id + "@127.0.0.1:" + std::to_string(port));
    if (!is_validator) return {};
    ASSAY_ASSIGN(const uint16_t rpc_port, node::free_port());
    comet.rpc_ports.push_back(rpc_port);
    constexpr uint64_t kPower = 100'000;  // units of stake bonded to each
    auto* validator = genesis.add_validators();
    validator->set_consensus_key(identity.consensus_key.data(), identity.consensus_key.size());
    validator->set_power(kPower);
    validator->set_operator_(op.bytes.data(), op.bytes.size());
    return {};
}

std::vector<std::string> fault_list(const Options& options) {
    std::vector<std::string> faults(options.providers);
    size_t next = faults.size();
    for (const auto& spec : options.faults) {
        for (uint32_t i = 0; i < spec.count && next > 0; ++i) faults[--next] = spec.name;
    }
    return faults;
}

std::string last_log_line(const fs::path& home) {
    std::ifstream in(home / "stderr.log");
    std::string line;
    std::string last;
    while (std::getline(in, line)) {
        if (!line.empty()) last = line;
    }
    return last;
}

Result<pid_t> spawn_node(const Node& node, const fs::path& executable) {
    const std::string program = executable.string();
    const std::string home = node.home.string();
    const std::string passphrase = (node.home / "passphrase").string();
    const std::string log = (node.home / "stderr.log").string();
    const std::vector<std::string> args = {program,    "--home", home, "--passphrase-file",
                                           passphrase, "node"};
    std::vector<char*> argv;
    argv.reserve(args.size() + 1);
    for (const auto& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0644);
    ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    // Its own process group: an interrupt at the terminal ends the command, not the network.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    pid_t pid = 0;
    const int error =
        ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        return fail(Code::kUnavailable, "cannot start " + program + ": " + std::strerror(error));
    return pid;
}

Status wait_ready(const Node& node) {
    const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
    while (std::chrono::steady_clock::now() < deadline) {
        if (node::probe_ready(node.rpc)) return {};
        int status = 0;
        if (::waitpid(node.pid, &status, WNOHANG) == node.pid || !is_running(node)) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return fail(Code::kUnavailable,
                node.name + " did not come up; its last words: " + last_log_line(node.home) + " (" +
                    (node.home / "stderr.log").string() + ")");
}

}  // namespace

Result<FaultSpec> parse_fault(const std::string& text) {
    static const std::set<std::string> names = {"wrong-result", "silent", "late", "copy-commit",
                                                "crash"};
    const auto equals = text.find('=');
    FaultSpec spec{text.substr(0, equals), 1};
    if (equals != std::string::npos) {
        const auto digits = text.substr(equals + 1);
        if (digits.empty() || digits.size() > 3 ||
            digits.find_first_not_of("0123456789") != std::string::npos) {
            return fail(Code::kInvalidArgument,
                        "--fault " + text + ": the count must be a number up to 999");
        }
        spec.count = static_cast<uint32_t>(std::stoul(digits));
    }
    if (!names.contains(spec.name)) {
        return fail(Code::kInvalidArgument,
                    "--fault " + text +
                        ": it takes wrong-result, silent, late, copy-commit "
                        "or crash, as NAME=COUNT");
    }
    return spec;
}

Result<Network> create(const Options& options) {
    if ((options.providers != 0 && options.providers < 3) || options.providers >= kMaxNodes) {
        return fail(Code::kInvalidArgument,
                    "--nodes takes 3 to " + std::to_string(kMaxNodes - 1) +
                        " providers: a vote needs 3 distinct operators; or 0, for a ledger alone");
    }
    uint64_t faulty = 0;
    for (const auto& spec : options.faults) faulty += spec.count;
    if (faulty > options.providers) {
        return fail(Code::kInvalidArgument, "--fault: " + std::to_string(faulty) + " faults for " +
                                                std::to_string(options.providers) + " providers");
    }
    if (options.validators >= kMaxNodes - options.providers) {
        return fail(Code::kInvalidArgument, "--validators and --nodes: at most " +
                                                std::to_string(kMaxNodes - 1) + " together");
    }
    if (fs::exists(options.directory / "testnet.json")) {
        return fail(Code::kAlreadyExists,
                    options.directory.string() +
                        " already holds a network. Remedy: assay testnet down "
                        "--dir ... --remove, or another --dir");
    }
    std::error_code error;
    fs::create_directories(options.directory, error);
    if (error) {
        return fail(Code::kIo,
                    "cannot create " + options.directory.string() + ": " + error.message());
    }
    Network network;
    network.directory = fs::absolute(options.directory);
    network.chain_id = "assay-local-" + std::to_string(options.now_ms / 1000);

    pb::Genesis genesis;
    genesis.set_chain_id(network.chain_id);
    genesis.set_time_ms(options.now_ms);
    genesis.set_app_version(ledger::kAppVersion);
    const auto fund = [&](const ledger::Address& address, uint64_t balance) {
        auto* account = genesis.add_accounts();
        account->set_address(address.bytes.data(), address.bytes.size());
        account->set_balance(balance);
    };
    const auto faults = fault_list(options);
    CometNetwork comet;
    comet.validators = options.validators;
    const uint32_t others = std::max<uint32_t>(options.validators, 1);  // than providers
    for (uint32_t i = 0; i < others + options.providers; ++i) {
        Node node;
        node.name = i >= others               ? "provider-" + std::to_string(i - others + 1)
                    : options.validators == 0 ? "producer"
                                              : "validator-" + std::to_string(i + 1);
        node.home = network.directory / node.name;
        if (i >= others) node.fault = faults[i - others];
        ASSAY_ASSIGN(const auto rpc_port, node::free_port());
        ASSAY_ASSIGN(const auto peer_port, node::free_port());
        node.rpc = "127.0.0.1:" + std::to_string(rpc_port);
        node.peer = "127.0.0.1:" + std::to_string(peer_port);
        ledger::Address requester;
        ASSAY_ASSIGN(const auto identity,
                     create_home(node.home, "requester", i == 0 ? &requester : nullptr));
        node.address = ledger::address_text(identity.address);
        fund(identity.address, kProviderBalance);
        if (i == 0) fund(requester, kRequesterBalance);
        if (options.validators > 0) {
            ASSAY_RETURN_IF_ERROR(
                add_comet_node(node, identity.address, i < others, comet, genesis));
        } else if (i == 0) {
            genesis.set_producer(identity.address.bytes.data(), identity.address.bytes.size());
        }
        network.nodes.push_back(std::move(node));
    }
    for (auto i = static_cast<uint32_t>(genesis.accounts_size()); i < options.accounts; ++i) {
        const auto drawn = ledger::sha256(view_of("assay testnet account " + std::to_string(i)));
        fund(*ledger::Address::from(drawn.view().first(sizeof(ledger::Address::bytes))), kUnit);
    }
    const auto params = ledger::encode_message(testnet_params());
    genesis.set_params(params.data(), params.size());
    ASSAY_ASSIGN(const auto encoded, ledger::encode_genesis(genesis));
    for (size_t i = 0; i < network.nodes.size(); ++i) {
        const node::HomeLayout layout{network.nodes[i].home};
        ASSAY_RETURN_IF_ERROR(node::write_text(layout.genesis(), text_of(encoded), 0644));
        ASSAY_RETURN_IF_ERROR(
            node::save_config(node_config(options, network, i, comet), layout.config()));
    }
    ASSAY_RETURN_IF_ERROR(save(network));
    return network;
}

Result<Network> load(const fs::path& directory) {
    auto text = node::read_text(directory / "testnet.json", kMaxFileBytes);
    if (!text.ok()) {
        return fail(Code::kNotFound, "no network in " + directory.string() +
                                         ". Remedy: assay testnet up --dir " + directory.string());
    }
    Network network;
    network.directory = fs::absolute(directory);
    try {
        const auto document = json::parse(*text);
        network.chain_id = document.at("chainId").get<std::string>();
        for (const auto& item : document.at("nodes")) {
            Node node;
            node.name = item.at("name").get<std::string>();
            node.home = network.directory / item.at("home").get<std::string>();
            node.rpc = item.at("rpc").get<std::string>();
            node.peer = item.at("peer").get<std::string>();
            node.address = item.at("address").get<std::string>();
            node.fault = item.at("fault").get<std::string>();
            node.pid = item.at("pid").get<pid_t>();
            network.nodes.push_back(std::move(node));
        }
    } catch (const json::exception& e) {
        return fail(Code::kCorrupt, (directory / "testnet.json").string() + ": " + e.what());
    }
    return network;
}

bool is_running(const Node& node) {
    if (node.pid <= 0) return false;
    // The process must still be the node: a recycled pid belongs to somebody else.
    std::ifstream in("/proc/" + std::to_string(node.pid) + "/cmdline", std::ios::binary);
    const std::string command((std::istreambuf_iterator<char>(in)),
                              std::istreambuf_iterator<char>());
    return command.find(node.home.string()) != std::string::npos;
}

Status start(Network& network, const fs::path& executable) {
    for (auto& node : network.nodes) {
        if (is_running(node)) continue;
        ASSAY_ASSIGN(node.pid, spawn_node(node, executable));
    }
    ASSAY_RETURN_IF_ERROR(save(network));
    for (const auto& node : network.nodes) ASSAY_RETURN_IF_ERROR(wait_ready(node));
    return {};
}

Status stop(Network& network) {
    for (const auto& node : network.nodes) {
        if (is_running(node)) ::kill(node.pid, SIGTERM);
    }
    const auto deadline = std::chrono::steady_clock::now() + kStopTimeout;
    for (auto& node : network.nodes) {
        while (is_running(node)) {
            int status = 0;
            ::waitpid(node.pid, &status, WNOHANG);  // ours only when this program started it
            if (std::chrono::steady_clock::now() > deadline) ::kill(node.pid, SIGKILL);
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        node.pid = 0;
    }
    return save(network);
}

}  // namespace assay::testnet
