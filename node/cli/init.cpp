#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "compute/kernels/backend.h"
#include "contracts/params.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/address_text.h"
#include "ledger/engine/comet/home.h"
#include "node/cli/cli.h"
#include "node/cli/home_setup.h"
#include "node/cli/passphrase.h"
#include "node/cli/report.h"
#include "node/core/home.h"
#include "node/keys/keyring.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kProducerBalance = 1'000'000'000ull * 1'000'000;  // micro-units
constexpr uint64_t kSomeFees = 1'000'000;                            // of a first day

uint64_t now_ms() {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
}

Result<Bytes> new_genesis(const InitFlags& flags, const ledger::Address& producer) {
    pb::Genesis genesis;
    genesis.set_chain_id(flags.chain_id);
    genesis.set_time_ms(now_ms());
    genesis.set_app_version(ledger::kAppVersion);
    genesis.set_producer(producer.bytes.data(), producer.bytes.size());
    auto* account = genesis.add_accounts();
    account->set_address(producer.bytes.data(), producer.bytes.size());
    account->set_balance(kProducerBalance);
    return ledger::encode_genesis(genesis);
}

// HEIGHT:HASH of --trust.
Status read_trust(const InitFlags& flags, NodeConfig& config) {
    if (flags.state_sync.empty() != flags.trust.empty() ||
        (!flags.state_sync.empty() && flags.engine_peers.empty()))
        return fail(Code::kInvalidArgument,
                    "--state-sync, --trust and --engine-peer go together: a snapshot is believed "
                    "because a block of the chain is known. Remedy: assay ledger trust on a node "
                    "that you trust prints HEIGHT:HASH");
    if (flags.trust.empty()) return {};
    const size_t colon = std::min(flags.trust.find(':'), flags.trust.size());
    uint64_t height = 0;
    const auto* end = flags.trust.data() + colon;
    const auto parsed = std::from_chars(flags.trust.data(), end, height);
    const auto hash = hash_from_hex(
        std::string_view(flags.trust).substr(std::min(colon + 1, flags.trust.size())));
    if (parsed.ec != std::errc() || parsed.ptr != end || height == 0 || !hash)
        return fail(Code::kInvalidArgument, "--trust '" + flags.trust +
                                                "' is not HEIGHT:HASH as assay ledger trust "
                                                "prints it");
    config.state_sync = flags.state_sync;
    config.trust_height = height;
    config.trust_hash = to_hex(*hash);
    return {};
}

NodeConfig make_config(const InitFlags& flags) {
    NodeConfig config;
    config.engine = flags.producer ? EngineKind::kProducer : EngineKind::kFollower;
    if (!flags.engine_peers.empty()) config.engine = EngineKind::kCometbft;
    config.engine_peers = flags.engine_peers;
    config.peers = flags.peers;
    config.rpc_port = flags.rpc_port;
    config.peer_port = flags.peer_port;
    config.announce = flags.announce;
    config.keep_artifacts = flags.producer || flags.keep_artifacts;
    config.provider.enabled = flags.provider;
    config.provider.moniker = flags.moniker;
    config.provider.stake = flags.stake;
    config.provider.price_floor = flags.price;
    config.provider.capacity = flags.capacity;
    config.provider.threads = flags.threads;
    config.provider.devices = flags.devices;
    config.provider.backend = flags.backend;
    return config;
}

void check_ports(const InitFlags& flags, const GlobalOptions& globals) {
    if (!flags.announce.empty() && port_of(flags.announce) == 0)
        fail_command(globals,
                     fail(Code::kInvalidArgument, "--announce '" + flags.announce +
                                                      "' is no host:port as others connect to it"));
    if (flags.rpc_port != flags.peer_port || flags.rpc_port == 0) return;
    fail_command(globals, fail(Code::kInvalidArgument, "--rpc-port and --peer-port are both " +
                                                           std::to_string(flags.rpc_port) +
                                                           ": each needs its own"));
}

// What a new home prints: where it is reached, and what to do next.
void print_home(const InitFlags& flags, const HomeLayout& home, const NodeConfig& config,
                const std::string& address, uint64_t stake, const GlobalOptions& globals) {
    const std::string root = home.root.string();
    const std::string rpc = config.rpc_host + ":" + std::to_string(config.rpc_port);
    const std::string peer = config.peer_host + ":" + std::to_string(config.peer_port);
    std::string text = "home    " + root + "\naddress " + address + "\nrpc     " + rpc +
                       "\npeers   " + peer + "\nNext: assay --home " + root +
                       (flags.provider ? " provider run" : " node");
    if (flags.provider && !flags.producer)
        text += "\nIt registers once its address has the stake of " + format_amount(stake) +
                " and some fees. From a home with money: assay ledger transfer " + address + " " +
                std::to_string(stake + kSomeFees);
    print_result(globals, {{"home", root}, {"address", address}, {"rpc", rpc}, {"peer", peer}},
                 text);
}

}  // namespace

void check_stake(uint64_t stake, const pb::Genesis& genesis, const GlobalOptions& globals) {
    const auto params = value_or_fail(globals, contracts::params_from_genesis(genesis.params()));
    if (stake == 0 || stake >= params.min_stake()) return;
    const std::string least = std::to_string(params.min_stake());
    fail_command(globals, fail(Code::kInvalidArgument,
                               "--stake " + std::to_string(stake) + " is below the " + least +
                                   " micro-units (" + format_amount(params.min_stake()) +
                                   " coins) that this chain asks of a provider. Remedy: --stake " +
                                   least + ", or leave it out"));
}

void init_home(const InitFlags& flags, const GlobalOptions& globals) {
    const HomeLayout home{globals.home};
    if (fs::exists(home.config())) {
        fail_command(globals,
                     fail(Code::kAlreadyExists, home.config().string() +
                                                    " exists: this home is set up already. "
                                                    "Remedy: another --home, or remove it first"));
    }
    if (flags.producer == !flags.genesis.empty()) {
        fail_command(globals,
                     fail(Code::kInvalidArgument,
                          "give either --producer (start a network) or --genesis FILE with "
                          "--peer HOST:PORT (join one)"));
    }
    check_ports(flags, globals);
    Bytes joined;
    pb::Genesis network;  // its parameters; a new one has the default ones
    if (!flags.genesis.empty()) {
        const auto text =
            value_or_fail(globals, read_text(flags.genesis, ledger::kMaxGenesisBytes));
        network = value_or_fail(globals, ledger::decode_genesis(view_of(text)));
        if ((network.validators_size() > 0) == flags.engine_peers.empty()) {
            fail_command(globals,
                         fail(Code::kInvalidArgument,
                              network.validators_size() > 0
                                  ? "this network is ordered by CometBFT. Remedy: --engine-peer "
                                    "NODEID@HOST:PORT of one of its nodes"
                                  : "--engine-peer is for networks under CometBFT; this one has a "
                                    "producer. Remedy: --peer HOST:PORT"));
        }
        joined = bytes_of(view_of(text));
    }
    check_stake(flags.stake, network, globals);
    NodeConfig config = make_config(flags);
    ok_or_fail(globals, read_trust(flags, config));
    // Before anything is written: a bad chain id or passphrase leaves no half a home.
    if (flags.producer && !ledger::is_valid_chain_id(flags.chain_id)) {
        fail_command(globals,
                     fail(Code::kInvalidArgument, "--chain-id '" + flags.chain_id +
                                                      "' must be 1 to 48 of a-z, 0-9 and '-'"));
    }
    const auto passphrase = value_or_fail(globals, ask_new_passphrase(globals));
    std::error_code error;
    fs::create_directories(home.root, error);
    if (error) {
        fail_command(globals, fail(Code::kIo,
                                   "cannot create " + home.root.string() + ": " + error.message()));
    }
    auto keyring = value_or_fail(globals, Keyring::open(home.keys(), KeyringCost::kStandard));
    const auto address = value_or_fail(globals, keyring.create("node", passphrase));
    const auto genesis =
        flags.producer ? value_or_fail(globals, new_genesis(flags, address)) : joined;
    ok_or_fail(globals, write_text(home.genesis(), text_of(genesis), 0644));
    if (!flags.engine_peers.empty())
        (void)value_or_fail(globals, ledger::comet::create_identity(home.engine()));
    ok_or_fail(globals, save_config(config, home.config()));
    const auto params = value_or_fail(globals, contracts::params_from_genesis(network.params()));
    print_home(flags, home, config, ledger::address_text(address),
               std::max(flags.stake, params.min_stake()), globals);
}

void add_provider_options(CLI::App& command, InitFlags& flags) {
    command.add_option("--moniker", flags.moniker, "Provider: name shown to others");
    command.add_option("--stake", flags.stake,
                       "Provider: micro-units to bond (default: the least that the chain asks)");
    command.add_option("--price", flags.price, "Provider: micro-units per work unit (10^9 MACs)")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command.add_option("--capacity", flags.capacity, "Provider: slots at a time")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    command.add_option("--threads", flags.threads, "Provider: threads per slot")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    command.add_option("--devices", flags.devices, "Provider: GPUs that share each batch (0: all)")
        ->check(CLI::Range(0, compute::kMaxDevices))
        ->capture_default_str();
    command.add_option("--backend", flags.backend, "Provider: compute backend (default: the best)");
}

void add_port_options(CLI::App& command, InitFlags& flags) {
    command.add_option("--rpc-port", flags.rpc_port, "Port of JSON-RPC, on loopback")
        ->capture_default_str();
    command.add_option("--announce", flags.announce,
                       "host:port by which others reach this node, where it is not the address it "
                       "listens on (NAT)");
    command.add_option("--peer-port", flags.peer_port, "Port for other nodes")
        ->capture_default_str();
}

void add_init_command(CLI::App& app, const GlobalOptions& globals) {
    auto flags = std::make_shared<InitFlags>();
    auto* command = app.add_subcommand("init", "Set up a home folder: key, configuration, genesis");
    command->add_flag("--producer", flags->producer,
                      "Start a network of its own with this node as producer");
    command->add_option("--chain-id", flags->chain_id, "With --producer: name of the chain")
        ->capture_default_str();
    command->add_option("--genesis", flags->genesis, "Join the network of this genesis file");
    command
        ->add_option("--engine", flags->engine,
                     "With cometbft: one home for each validator of a new network, in folders of "
                     "--home")
        ->check(CLI::IsMember({"embedded", "cometbft"}))
        ->capture_default_str();
    command->add_option("--validators", flags->validators, "With --engine cometbft: how many")
        ->check(CLI::Range(1U, static_cast<unsigned>(ledger::kMaxValidators)))
        ->capture_default_str();
    command->add_option("--host", flags->hosts,
                        "With --engine cometbft: a validator's address, in order; repeatable "
                        "(default: all here, on ports of their own)");
    command->add_option("--engine-peer", flags->engine_peers,
                        "With --genesis of a network under CometBFT: NODEID@host:port; repeatable");
    command->add_option(
        "--state-sync", flags->state_sync,
        "With --engine-peer: HOST:PORT of an engine's RPC (engineRpc); begin with a "
        "snapshot instead of every block; repeatable");
    command->add_option("--trust", flags->trust,
                        "With --state-sync: HEIGHT:HASH, as assay ledger trust prints it");
    command->add_option("--peer", flags->peers, "host:port of a node to follow; repeatable");
    add_port_options(*command, *flags);
    command->add_flag("--keep-artifacts", flags->keep_artifacts,
                      "Keep the checkpoints of every job, not only of those posted from this home");
    command->add_flag("--provider", flags->provider, "Offer this machine for training");
    add_provider_options(*command, *flags);
    command->footer(
        "Example: assay --home n1 init --producer\n"
        "         assay --home n2 init --genesis n1/genesis.bin --peer 127.0.0.1:8651 "
        "--rpc-port 8660 --peer-port 8661\n"
        "         assay --home net init --engine cometbft --validators 4");
    command->callback([flags, &globals] {
        if (flags->engine == "cometbft") {
            init_validators(*flags, globals);
        } else {
            init_home(*flags, globals);
        }
    });
}

}  // namespace assay::node
