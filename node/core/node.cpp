#include "node/core/node.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "contracts/queries.h"
#include "contracts/rules.h"
#include "ledger/codec/block.h"
#include "ledger/crypto/address_text.h"
#include "ledger/engine/comet/comet_engine.h"
#include "ledger/engine/embedded_producer.h"
#include "ledger/engine/follower.h"
#include "node/agent/capability.h"
#include "node/agent/provider_agent.h"
#include "node/core/artifact_files.h"
#include "node/core/artifact_keeper.h"
#include "node/core/home.h"
#include "node/core/key_store.h"
#include "node/core/log.h"
#include "node/core/metrics.h"
#include "node/core/offerer.h"
#include "node/peer/block_sync.h"
#include "node/peer/fetcher.h"
#include "node/peer/server.h"
#include "node/rpc/rpc_service.h"

namespace assay::node {
namespace {

uint64_t wall_clock_ms() {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
}

// First the operators whose results were accepted, then every provider, then the configured peers.
std::vector<std::string> artifact_sources(const ledger::ReadView& view, const pb::Task& task,
                                          const NodeConfig& config, const std::string& own) {
    std::vector<std::string> sources;
    const auto add = [&](const std::string& endpoint) {
        if (endpoint.empty() || endpoint == own) return;
        if (std::find(sources.begin(), sources.end(), endpoint) == sources.end()) {
            sources.push_back(endpoint);
        }
    };
    for (const auto& slot : task.slots()) {
        const auto operator_address = ledger::Address::from(slot.operator_());
        if (slot.state() != pb::SLOT_AGREED || !operator_address) continue;
        if (const auto provider = contracts::get_provider(view, *operator_address)) {
            add(provider->endpoint());
        }
    }
    for (const auto& peer : config.peers) add(peer);
    constexpr size_t kMaxProviders = 64;
    for (const auto& provider : contracts::list_providers(view, kMaxProviders, {}).items) {
        add(provider.endpoint());
    }
    return sources;
}

}  // namespace

struct Node::Parts {
    NodeStart options;
    std::shared_ptr<spdlog::logger> log;
    pb::Genesis genesis;
    std::unique_ptr<KeyStore> keys;
    std::optional<ledger::PrivateKey> key;
    TlsIdentity identity;
    contracts::ContractRules rules;
    std::unique_ptr<ledger::Database> database;
    std::unique_ptr<ledger::LocalApplication> application;
    std::unique_ptr<ledger::ChainEngine> engine;
    ledger::Follower* follower = nullptr;
    std::unique_ptr<BlobStore> blobs;
    std::unique_ptr<Fetcher> fetcher;
    std::unique_ptr<PeerServer> peer_server;
    std::vector<std::shared_ptr<PeerClient>> relays;
    std::unique_ptr<BlockSync> sync;
    std::unique_ptr<ArtifactKeeper> keeper;
    std::unique_ptr<Offerer> offerer;
    std::unique_ptr<ArtifactFiles> files;
    std::unique_ptr<TxSender> sender;
    std::unique_ptr<ProviderAgent> agent;
    std::optional<Auth> auth;
    std::unique_ptr<RpcService> rpc;

    Status open_keys();
    Status open_ledger();
    Status open_producer();
    Status open_follower();
    Status open_comet();
    Status open_peers();
    Status open_rpc();
    Status open_agent();
    void open_offers();
    void open_keeper();
    void watch_upgrades();
    Status fetch(const pb::ArtifactRef& ref, const pb::Task& task,
                 const FetchWatch* watch = nullptr);
    ledger::CheckResult relay(ByteView tx);
    std::string peer_endpoint() const;
    Services services();
    void stop();
};

Status Node::Parts::open_keys() {
    ASSAY_ASSIGN(keys, KeyStore::open(options.home.keys(), options.passphrase));
    ASSAY_ASSIGN(auto unlocked, keys->unlock(options.config.key));
    key.emplace(std::move(unlocked));
    ASSAY_ASSIGN(identity, make_tls_identity(*key, genesis.chain_id()));
    return {};
}

Status Node::Parts::open_ledger() {
    ASSAY_ASSIGN(database, ledger::Database::open(options.home.ledger().string()));
    ledger::LocalApplicationOptions application_options;
    application_options.keep_blocks = options.config.keep_blocks;
    if (options.config.engine == EngineKind::kCometbft) {  // the others have nobody to ask for one
        application_options.snapshots.directory = options.home.snapshots();
        application_options.snapshots.interval = options.config.snapshot_interval;
        application_options.snapshots.log = [log = log](const std::string& text) {
            log->warn("{}", text);
        };
    }
    ASSAY_ASSIGN(application,
                 ledger::LocalApplication::open(rules, *database, application_options));
    switch (options.config.engine) {
        case EngineKind::kProducer:
            return open_producer();
        case EngineKind::kFollower:
            return open_follower();
        case EngineKind::kCometbft:
            return open_comet();
    }
    return fail(Code::kInternal, "an engine of no kind");
}

Status Node::Parts::open_producer() {
    ledger::ProducerOptions producer;
    producer.min_interval_ms = options.config.block_interval_ms;
    producer.heartbeat_ms = options.config.heartbeat_ms;
    producer.clock = wall_clock_ms;
    ASSAY_ASSIGN(engine, ledger::EmbeddedProducer::create(*application, *database, genesis,
                                                          key->clone(), producer));
    return {};
}

Status Node::Parts::open_follower() {
    if (options.config.peers.empty()) {
        return fail(Code::kInvalidArgument,
                    "a follower needs a peer to get blocks from. Remedy: add "
                    "\"peers\": [\"host:port\"] to " +
                        options.home.config().string());
    }
    for (const auto& peer : options.config.peers) {
        relays.push_back(std::make_shared<PeerClient>(peer, identity, genesis.chain_id()));
    }
    ledger::FollowerOptions follower_options;
    follower_options.relay = [this](ByteView tx) { return relay(tx); };
    ASSAY_ASSIGN(auto created,
                 ledger::Follower::create(*application, *database, genesis, follower_options));
    follower = created.get();
    engine = std::move(created);
    return {};
}

Status Node::Parts::open_comet() {
    const NodeConfig& config = options.config;
    ledger::comet::CometOptions comet;
    ASSAY_ASSIGN(const auto program, find_cometbft(config.cometbft, options.executable));
    comet.program = program.string();
    comet.config.home = std::filesystem::absolute(options.home.engine());
    comet.config.moniker = config.provider.moniker.empty() ? "assay" : config.provider.moniker;
    comet.config.p2p_host = config.engine_host;
    comet.config.p2p_port = config.engine_port;
    comet.config.peers = config.engine_peers;
    comet.config.block_interval_ms = config.block_interval_ms;
    comet.config.heartbeat_ms = config.heartbeat_ms;
    comet.config.rpc_listen = config.engine_rpc;
    comet.config.state_sync = {config.state_sync, config.trust_height, config.trust_hash};
    comet.log = [log = log](const std::string& line) {
        const bool told = line.starts_with("I[");  // what goes well, while a snapshot comes in
        log->log(told ? spdlog::level::info : spdlog::level::warn, "cometbft: {}", line);
    };
    ASSAY_ASSIGN(engine, ledger::comet::CometEngine::create(*application, *database, genesis,
                                                            std::move(comet)));
    return {};
}

ledger::CheckResult Node::Parts::relay(ByteView tx) {
    ledger::CheckResult result;
    result.code = ledger::TxCode::kNotAccepting;
    result.log = "no peer took the transaction";
    for (const auto& peer : relays) {
        auto answer = peer->relay(tx);
        if (answer.ok()) return *answer;
        result.log = answer.error().message;
    }
    return result;
}

Status Node::Parts::open_peers() {
    const auto& config = options.config;
    ASSAY_ASSIGN(blobs, BlobStore::open(options.home.blobs(), {config.blob_limit_mb << 20}));
    fetcher = std::make_unique<Fetcher>(*blobs, identity, genesis.chain_id());
    PeerServerConfig server;
    server.host = config.peer_host;
    server.port = config.peer_port;
    server.chain_id = genesis.chain_id();
    server.genesis_hash = ledger::genesis_hash(genesis);
    server.identity = identity;
    server.on_offer = [this](const Hash256& root, uint64_t size, const std::string& endpoint) {
        return fetcher->take_offer(root, size, endpoint);
    };
    ASSAY_ASSIGN(peer_server, PeerServer::start(std::move(server), *engine, *blobs));
    if (!follower) return {};
    BlockSyncHooks hooks;
    hooks.next_height = [this] { return engine->height() + 1; };
    hooks.apply = [this](ByteView block) { return follower->apply(block); };
    hooks.warn = [log = log](const std::string& text) { log->warn("{}", text); };
    sync = std::make_unique<BlockSync>(config.peers, identity, genesis.chain_id(), hooks);
    sync->start();
    return {};
}

// Whoever is offered a task of the job can then fetch from here.
void Node::Parts::open_offers() {
    OfferHooks hooks;
    hooks.targets = [this]() -> std::vector<std::string> {
        const auto view = application->committed_state();
        if (!view) return {};
        return offer_targets(*view, options.config.peers, peer_endpoint());
    };
    hooks.artifacts = [this]() -> std::vector<pb::ArtifactRef> {
        const auto view = application->committed_state();
        if (!view) return {};
        const auto held = keys->addresses();
        const auto mine = [&held](const ledger::Address& who) { return held.contains(who); };
        return running_inputs(*view, mine, *blobs);
    };
    hooks.ask = [this](const std::string& endpoint, const pb::ArtifactRef& ref) -> Status {
        const auto root = hash_from(view_of(ref.root()));
        if (!root) return fail(Code::kCorrupt, "an artifact reference without a root");
        return fetcher->offer(endpoint, *root, ref.size(), port_of(peer_endpoint()));
    };
    offerer = std::make_unique<Offerer>(std::move(hooks));
    offerer->start();
}

std::string Node::Parts::peer_endpoint() const {
    if (!options.config.announce.empty()) return options.config.announce;
    return options.config.peer_host + ":" + std::to_string(peer_server->port());
}

Status Node::Parts::fetch(const pb::ArtifactRef& ref, const pb::Task& task,
                          const FetchWatch* watch) {
    const auto root = hash_from(view_of(ref.root()));
    if (!root) return fail(Code::kCorrupt, "an artifact reference without a root");
    if (blobs->has(*root)) return {};
    const auto view = application->committed_state();
    const auto sources = artifact_sources(*view, task, options.config, peer_endpoint());
    if (!watch) return fetcher->fetch(*root, ref.size(), sources);
    return fetcher->fetch(
        *root, ref.size(), sources, [watch](uint64_t, uint64_t) { watch->on_progress(); },
        &watch->stop);
}

Services Node::Parts::services() {
    Services services{*engine, *application};
    services.info.version = "0.1.0";
    constexpr const char* kModes[] = {"producer", "follower", "cometbft"};
    services.info.mode = kModes[static_cast<size_t>(options.config.engine)];
    services.info.moniker = options.config.provider.moniker;
    services.info.peer_endpoint = peer_endpoint();
    services.info.address = key->address();
    services.key_address = [this](const std::string& name) { return keys->address(name); };
    services.sign = [this](const std::string& name, const pb::TxBody& body) {
        return keys->sign(name, body);
    };
    services.has_artifact = [this](const Hash256& root) { return blobs->has(root); };
    services.offer_artifact = [this](const pb::ArtifactRef& ref) { return offerer->offer({ref}); };
    services.read_artifact = [this](const Hash256& root, uint64_t limit) {
        return blobs->get_bytes(root, limit);
    };
    services.peers = [this] {
        std::vector<PeerStatus> peers;
        if (options.config.engine == EngineKind::kCometbft) {
            for (const auto& endpoint : engine->engine_peers()) {
                PeerStatus status;
                status.endpoint = endpoint;
                status.connected = true;
                peers.push_back(status);
            }
            return peers;
        }
        for (const auto& endpoint : options.config.peers) {
            PeerStatus status;
            status.endpoint = endpoint;
            status.connected = sync && sync->peer() == endpoint;
            status.error = sync ? sync->error_of(endpoint) : "";
            peers.push_back(status);
        }
        return peers;
    };
    if (agent) {
        services.slots = [this] {
            std::vector<SlotView> slots;
            for (const auto& slot : agent->slots())
                slots.push_back({slot.task_id, slot.phase, slot.error, slot.due_ms, slot.local_step,
                                 slot.local_steps, static_cast<double>(slot.loss)});
            return slots;
        };
    }
    return services;
}

Status Node::Parts::open_rpc() {
    ASSAY_ASSIGN(auto opened, Auth::open(options.home.root));
    auth.emplace(std::move(opened));
    HttpConfig http;
    http.host = options.config.rpc_host;
    http.port = options.config.rpc_port;
    ASSAY_ASSIGN(files, ArtifactFiles::open(*blobs, options.home.uploads()));
    http.upload_folder = files->folder();
    RpcHooks hooks;
    hooks.upload = [this](const std::filesystem::path& file, std::string_view query) {
        return files->take(file, query);
    };
    hooks.download = [this](std::string_view path) { return files->give(path); };
    hooks.download_size = [this](std::string_view path) { return files->size_of(path); };
    hooks.ready = [this]() -> RpcHooks::Readiness {
        const auto broken = engine->failure();
        if (!broken.empty()) return {false, broken + "\n"};
        if (sync && !sync->connected()) return {false, "not connected to a peer\n"};
        if (options.config.engine == EngineKind::kCometbft && engine->height() == 0)
            return {false, "the validators have made no block yet\n"};
        return {};
    };
    hooks.metrics = [this] {
        return metrics_text(*engine, *application, *blobs, keeper ? keeper->missing() : 0,
                            agent ? agent->slots().size() : 0);
    };
    ASSAY_ASSIGN(rpc, RpcService::start(http, services(), *auth, hooks));
    return {};
}

void Node::Parts::open_keeper() {
    const auto wants = [this]() -> WantsJob {
        if (options.config.keep_artifacts) return [](const pb::Job&) { return true; };
        return [held = keys->addresses()](const pb::Job& job) {
            const auto requester = ledger::Address::from(job.requester());
            return requester && held.contains(*requester);
        };
    };
    keeper = std::make_unique<ArtifactKeeper>(
        *engine, *application, *blobs,
        [this](const pb::ArtifactRef& ref, const pb::Task& task) { return fetch(ref, task); },
        wants, [log = log](const std::string& text) { log->warn("{}", text); });
    keeper->start();
}

Status Node::Parts::open_agent() {
    if (!options.config.provider.enabled) return {};
    ASSAY_RETURN_IF_ERROR(check_announced(options.config));
    std::error_code error;
    std::filesystem::create_directories(options.home.work(), error);
    if (error) return fail(Code::kIo, "cannot create " + options.home.work().string());
    TaskServices task_services{
        *blobs,
        [this](const pb::ArtifactRef& ref, const pb::Task& task, const FetchWatch& watch) {
            return fetch(ref, task, &watch);
        },
        []() -> Result<Hash256> {
            Hash256 salt;
            if (!ledger::system_random(salt.bytes.data(), salt.bytes.size()))
                return fail(Code::kIo, "the operating system gave no random bytes for a salt");
            return salt;
        },
        options.home.work(),
        options.executable,
        options.config.provider};
    sender = std::make_unique<TxSender>(*engine, *key);
    const auto& provider = options.config.provider;
    agent = std::make_unique<ProviderAgent>(
        *engine, *application, *sender, std::move(task_services), peer_endpoint(),
        [&provider] {
            return measure_capability({provider.backend, static_cast<int>(provider.threads),
                                       static_cast<int>(provider.devices)});
        },
        AgentLog{[log = log](const std::string& text) { log->info("{}", text); },
                 [log = log](const std::string& text) { log->warn("{}", text); }});
    agent->start();
    return {};
}

void Node::Parts::stop() {
    if (rpc) rpc->stop();
    if (fetcher) fetcher->stop();  // ends transfers that agent and keeper would wait for
    if (agent) agent->stop();
    if (offerer) offerer->stop();
    if (keeper) keeper->stop();
    if (sync) sync->stop();
    if (engine) engine->stop();
    if (peer_server) peer_server->stop();
}

// An operator has until the upgrade's height to change the program.
void Node::Parts::watch_upgrades() {
    engine->subscribe([log = log](const ledger::CommittedBlock& block) {
        for (const pb::Event& event : block.events) {
            if (event.type() != "upgrade.scheduled") continue;
            const std::string& version = event.attributes(0).value();
            log->warn("rules of version {} begin at height {}; this program knows up to {}",
                      version, event.attributes(1).value(), ledger::kAppVersion);
        }
    });
}

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() {
    stop();
}

Result<std::unique_ptr<Node>> Node::start(NodeStart options) {
    auto parts = std::make_unique<Parts>();
    parts->options = std::move(options);
    parts->log = make_log(parts->options.config, parts->options.log_to_stderr);
    ASSAY_ASSIGN(parts->genesis, load_genesis(parts->options.home));
    ASSAY_RETURN_IF_ERROR(parts->open_keys());
    // From here on a failure must stop what runs already: the Node's destructor does.
    std::unique_ptr<Node> node(new Node(std::move(parts)));
    auto& p = *node->parts_;
    ASSAY_RETURN_IF_ERROR(p.open_ledger());
    ASSAY_RETURN_IF_ERROR(p.open_peers());
    p.open_offers();
    p.open_keeper();
    p.watch_upgrades();
    ASSAY_RETURN_IF_ERROR(p.open_agent());
    ASSAY_RETURN_IF_ERROR(p.open_rpc());
    ASSAY_RETURN_IF_ERROR(p.engine->start());
    p.log->info("chain {} node {} rpc {}:{} peers {}", p.genesis.chain_id(),
                ledger::address_text(p.key->address()), p.options.config.rpc_host, p.rpc->port(),
                p.peer_endpoint());
    return node;
}

void Node::stop() {
    if (!parts_) return;
    parts_->stop();
}

std::string Node::failure() const {
    return parts_->engine->failure();
}
ledger::Address Node::address() const {
    return parts_->key->address();
}
const std::string& Node::chain_id() const {
    return parts_->genesis.chain_id();
}
uint16_t Node::rpc_port() const {
    return parts_->rpc->port();
}
uint16_t Node::peer_port() const {
    return parts_->peer_server->port();
}

}  // namespace assay::node
