// assay init --engine cometbft: the homes of a new network's validators.
#include <chrono>
#include <nlohmann/json.hpp>

#include "ledger/codec/block.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/address_text.h"
#include "ledger/engine/comet/home.h"
#include "node/cli/home_setup.h"
#include "node/cli/passphrase.h"
#include "node/cli/report.h"
#include "node/core/home.h"
#include "node/keys/keyring.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kSupply = 1'000'000'000ull * 1'000'000;  // micro-units, shared by the validators
constexpr uint64_t kPower = 100'000;                        // units of stake bonded to each
constexpr uint16_t kPortStep = 10;                          // between validators on one machine

struct Validator {
    HomeLayout home;
    NodeConfig config;
    std::string endpoint;  // NODEID@host:port
    std::string address;
};

void check_flags(const InitFlags& flags, const GlobalOptions& globals) {
    const auto refuse = [&](const std::string& why) {
        fail_command(globals, fail(Code::kInvalidArgument, why));
    };
    if (flags.producer || !flags.genesis.empty() || !flags.peers.empty() ||
        !flags.engine_peers.empty() || !flags.state_sync.empty() || flags.provider)
        refuse(
            "--engine cometbft makes a network of its own: leave out --producer, --genesis, "
            "--peer, --engine-peer and --provider");
    if (!flags.hosts.empty() && flags.hosts.size() != flags.validators)
        refuse("--host is given " + std::to_string(flags.hosts.size()) +
               " times, and --validators is " + std::to_string(flags.validators));
    if (!ledger::is_valid_chain_id(flags.chain_id))
        refuse("--chain-id '" + flags.chain_id + "' must be 1 to 48 of a-z, 0-9 and '-'");
    if (fs::exists(HomeLayout{globals.home / "validator-1"}.config()))
        fail_command(globals,
                     fail(Code::kAlreadyExists,
                          globals.home.string() + "/validator-1 is set up already. Remedy: another "
                                                  "--home, or remove it first"));
}

Validator make_validator(const InitFlags& flags, uint32_t index, const std::string& passphrase,
                         pb::Genesis& genesis, const GlobalOptions& globals) {
    Validator made;
    made.home.root = globals.home / ("validator-" + std::to_string(index + 1));
    std::error_code error;
    fs::create_directories(made.home.root, error);
    if (error)
        fail_command(globals, fail(Code::kIo, "cannot create " + made.home.root.string() + ": " +
                                                  error.message()));
    auto keyring = value_or_fail(globals, Keyring::open(made.home.keys(), KeyringCost::kStandard));
    const auto address = value_or_fail(globals, keyring.create("node", passphrase));
    const auto identity =
        value_or_fail(globals, ledger::comet::create_identity(made.home.engine()));
    auto* account = genesis.add_accounts();
    account->set_address(address.bytes.data(), address.bytes.size());
    account->set_balance(kSupply / flags.validators);
    auto* validator = genesis.add_validators();
    validator->set_consensus_key(identity.consensus_key.data(), identity.consensus_key.size());
    validator->set_power(kPower);
    validator->set_operator_(address.bytes.data(), address.bytes.size());

    made.address = ledger::address_text(address);
    made.config.engine = EngineKind::kCometbft;
    made.config.keep_artifacts = true;
    if (flags.hosts.empty()) {
        const auto step = static_cast<uint16_t>(index * kPortStep);
        made.config.rpc_port = static_cast<uint16_t>(made.config.rpc_port + step);
        made.config.peer_port = static_cast<uint16_t>(made.config.peer_port + step);
        made.config.engine_port = static_cast<uint16_t>(made.config.engine_port + step);
    } else {
        made.config.engine_host = made.config.peer_host = flags.hosts[index];
    }
    made.endpoint = identity.node_id + "@" + made.config.engine_host + ":" +
                    std::to_string(made.config.engine_port);
    return made;
}

}  // namespace

void init_validators(const InitFlags& flags, const GlobalOptions& globals) {
    check_flags(flags, globals);
    const auto passphrase = value_or_fail(globals, ask_new_passphrase(globals));
    pb::Genesis genesis;
    genesis.set_chain_id(flags.chain_id);
    genesis.set_time_ms(
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count()));
    genesis.set_app_version(ledger::kAppVersion);
    std::vector<Validator> validators;
    for (uint32_t i = 0; i < flags.validators; ++i)
        validators.push_back(make_validator(flags, i, passphrase, genesis, globals));
    const auto encoded = value_or_fail(globals, ledger::encode_genesis(genesis));
    json homes = json::array();
    std::string text;
    for (size_t i = 0; i < validators.size(); ++i) {
        Validator& own = validators[i];
        for (size_t j = 0; j < validators.size(); ++j) {
            if (i == j) continue;
            const NodeConfig& other = validators[j].config;
            own.config.engine_peers.push_back(validators[j].endpoint);
            own.config.peers.push_back(other.peer_host + ":" + std::to_string(other.peer_port));
        }
        ok_or_fail(globals, write_text(own.home.genesis(), text_of(encoded), 0644));
        ok_or_fail(globals, save_config(own.config, own.home.config()));
        const std::string home = own.home.root.string();
        homes.push_back({{"home", home}, {"address", own.address}, {"engine", own.endpoint}});
        text += home + "  " + own.address + "\n  " + own.endpoint + "\n";
    }
    print_result(globals, {{"chainId", flags.chain_id}, {"validators", homes}},
                 text +
                     "Next: bring each folder to its machine, then assay --home FOLDER node\n"
                     "Others join with assay init --genesis FOLDER/genesis.bin --engine-peer " +
                     validators.front().endpoint);
}

}  // namespace assay::node
