#include "ledger/engine/comet/comet_engine.h"

#include <algorithm>

#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/crypto/base64.h"
#include "ledger/engine/comet/signed_header.h"

namespace assay::ledger::comet {
namespace {

constexpr std::string_view kSoftware = "assay 0.1.0";
constexpr uint32_t kQueryFailed = 1;

uint64_t milliseconds(const abci::Timestamp& time) {
    constexpr int32_t kNanosPerMs = 1'000'000;
    if (time.seconds() < 0 || time.nanos() < 0) return 0;
    return static_cast<uint64_t>(time.seconds()) * 1000 +
           static_cast<uint64_t>(time.nanos() / kNanosPerMs);
}

template <typename Request>
std::vector<Misbehavior> misbehavior_of(const Request& request) {
    std::vector<Misbehavior> all;
    for (const abci::Misbehavior& each : request.misbehavior()) {
        if (all.size() == kMaxMisbehaviors) break;
        all.push_back({bytes_of(each.validator().address()),
                       static_cast<uint64_t>(std::max<int64_t>(each.height(), 0))});
    }
    return all;
}

// ProcessProposal and FinalizeBlock ask about the same block.
template <typename Request>
ProposedBlock proposal_from(const Request& request, const ChainTip& tip) {
    ProposedBlock proposal = proposal_after(tip);
    proposal.height = static_cast<uint64_t>(request.height());
    proposal.time_ms = milliseconds(request.time());
    proposal.transactions.reserve(static_cast<size_t>(request.txs_size()));
    for (const std::string& tx : request.txs()) proposal.transactions.push_back(bytes_of(tx));
    proposal.misbehavior = misbehavior_of(request);
    return proposal;
}

uint64_t total_bytes(const std::vector<Bytes>& transactions) {
    uint64_t sum = 0;
    for (const Bytes& tx : transactions) sum += tx.size();
    return sum;
}

}  // namespace

CometEngine::CometEngine(LocalApplication& app, Database& database, CometOptions options)
    : ChainEngine(app, database, std::nullopt),
      options_(std::move(options)),
      rpc_(rpc_socket(options_.config.home).string()) {}

Result<std::unique_ptr<CometEngine>> CometEngine::create(LocalApplication& app, Database& database,
                                                         const pb::Genesis& genesis,
                                                         CometOptions options) {
    if (genesis.validators_size() == 0)
        return fail(Code::kInvalidArgument,
                    "the genesis names no validators: its blocks do not come from CometBFT");
    std::unique_ptr<CometEngine> engine(new CometEngine(app, database, std::move(options)));
    ASSAY_RETURN_IF_ERROR(engine->open_chain(genesis));
    return engine;
}

CometEngine::~CometEngine() {
    CometEngine::stop();
}

Status CometEngine::start() {
    EngineConfig config = options_.config;
    // With a block of its own after the snapshot, the engine has its own state too.
    if (height() != 0 && height() != database_.restored_height()) config.state_sync = {};
    if (config.state_sync.servers.size() == 1)
        note(
            "stateSync names one server, which is asked twice: it could show this node another "
            "fork. Name a second one, of another operator, on networks that are not your own");
    ASSAY_RETURN_IF_ERROR(write_config(config, genesis()));
    ASSAY_ASSIGN(server_, AbciServer::listen(
                              app_socket(options_.config.home).string(),
                              [this](const abci::Request& request) { return handle(request); }));
    if (options_.program.empty()) return {};
    EngineProcess::Options process;
    process.command = {options_.program, "node", "--home", options_.config.home.string()};
    process.socket = rpc_socket(options_.config.home);
    process.log = options_.log;
    process.on_failure = [this](const std::string& why) {
        set_failure(fail(Code::kUnavailable, why));
    };
    process_ = std::make_unique<EngineProcess>(std::move(process));
    return process_->start();
}

void CometEngine::stop() {
    if (process_) process_->stop();
    if (server_) server_->stop();
}

CheckResult CometEngine::submit(ByteView tx) {
    const DecodedTx decoded = app_.verifier().verify(tx, genesis().chain_id());
    CheckResult result;
    result.code = decoded.code;
    result.log = decoded.log;
    result.hash = decoded.tx.hash;
    if (decoded.code != TxCode::kOk) {
        if (result.log.empty()) result.log = tx_code_remedy(result.code);
        return result;
    }
    result.sender = decoded.tx.sender;
    result.nonce = decoded.tx.body.nonce();
    result.fee = decoded.tx.body.fee();
    result.code = TxCode::kNotAccepting;
    if (const std::string why = failure(); !why.empty()) {
        result.log = "the engine has stopped: " + why;
        return result;
    }
    const auto answer = rpc_.call("broadcast_tx_sync", {{"tx", to_base64(tx)}});
    if (answer.ok()) {
        result.code = static_cast<TxCode>(answer->value("code", 0U));
        result.log = answer->value("log", std::string());
        return result;
    }
    result.log = answer.error().message;
    if (result.log.find("already exists in cache") != std::string::npos) {
        result.code = TxCode::kAlreadyPending;
    } else if (result.log.find("mempool is full") != std::string::npos) {
        result.code = TxCode::kMempoolFull;
    }
    return result;
}

size_t CometEngine::mempool_size() const {
    const auto answer = rpc_.call("num_unconfirmed_txs", nlohmann::json::object());
    if (!answer.ok()) return 0;
    const std::string count = answer->value("n_txs", std::string("0"));
    return static_cast<size_t>(std::strtoull(count.c_str(), nullptr, 10));
}

std::vector<std::string> CometEngine::engine_peers() const {
    std::vector<std::string> endpoints;
    const auto answer = rpc_.call("net_info", nlohmann::json::object());
    if (!answer.ok()) return endpoints;
    for (const auto& peer : answer->value("peers", nlohmann::json::array())) {
        const auto node = peer.value("node_info", nlohmann::json::object());
        const std::string address = node.value("listen_addr", "");
        endpoints.push_back(node.value("id", "") + "@" + peer.value("remote_ip", "") +
                            address.substr(std::min(address.rfind(':'), address.size())));
    }
    return endpoints;
}

Result<Bytes> CometEngine::certificate(uint64_t height) const {
    ASSAY_ASSIGN(const auto answer, rpc_.call("commit", {{"height", std::to_string(height)}}));
    ASSAY_ASSIGN(const abci::Certificate certificate, certificate_from(answer));
    return encode_message(certificate);
}

abci::Response CometEngine::stopped(const Error& error) {
    set_failure(error);
    abci::Response response;
    response.mutable_exception()->set_error(error.message);
    return response;
}

abci::Response CometEngine::handle(const abci::Request& request) {
    abci::Response response;
    switch (request.value_case()) {
        case abci::Request::kEcho:
            response.mutable_echo()->set_message(request.echo().message());
            return response;
        case abci::Request::kFlush:
            response.mutable_flush();
            return response;
        case abci::Request::kCheckTx:
            return check_tx(request.check_tx());
        case abci::Request::kQuery:
            return query(request.query());
        case abci::Request::kListSnapshots:
            return list_snapshots();
        case abci::Request::kLoadSnapshotChunk:
            return load_snapshot_chunk(request.load_snapshot_chunk());
        default:
            break;
    }
    const std::lock_guard lock(consensus_mutex_);
    switch (request.value_case()) {
        case abci::Request::kInfo:
            app_.forget_pending();  // CometBFT starts, with an empty mempool
            return info();
        case abci::Request::kInitChain:
            return init_chain(request.init_chain());
        case abci::Request::kPrepareProposal:
            return prepare_proposal(request.prepare_proposal());
        case abci::Request::kProcessProposal:
            return process_proposal(request.process_proposal());
        case abci::Request::kFinalizeBlock:
            return finalize_block(request.finalize_block());
        case abci::Request::kCommit:
            return commit();
        case abci::Request::kOfferSnapshot:
            return offer_snapshot(request.offer_snapshot());
        case abci::Request::kApplySnapshotChunk:
            return apply_snapshot_chunk(request.apply_snapshot_chunk());
        default:
            response.mutable_exception()->set_error("this ABCI method is not known here");
            return response;
    }
}

abci::Response CometEngine::info() const {
    const AppInfo head = app_.info();
    abci::Response response;
    abci::ResponseInfo& answer = *response.mutable_info();
    answer.set_data("assay");
    answer.set_version(std::string(kSoftware));
    answer.set_app_version(head.app_version);
    answer.set_last_block_height(static_cast<int64_t>(head.height));
    if (head.height > 0) answer.set_last_block_app_hash(std::string(text_of(head.app_hash.view())));
    return response;
}

abci::Response CometEngine::init_chain(const abci::RequestInitChain& request) {
    abci::Response response;
    const auto refuse = [&](const std::string& why) {
        return stopped(fail(Code::kConflict, "CometBFT's genesis is not this chain's: " + why));
    };
    if (request.chain_id() != genesis().chain_id())
        return refuse("its chain id is '" + request.chain_id() + "'");
    if (request.initial_height() != 1) return refuse("its first height is not 1");
    if (request.validators_size() != genesis().validators_size())
        return refuse("it has " + std::to_string(request.validators_size()) + " validators");
    for (const abci::ValidatorUpdate& given : request.validators()) {
        const bool known = std::any_of(genesis().validators().begin(), genesis().validators().end(),
                                       [&](const pb::GenesisValidator& v) {
                                           return v.consensus_key() == given.pub_key().ed25519() &&
                                                  v.power() == static_cast<uint64_t>(given.power());
                                       });
        if (!known) return refuse("a validator differs");
    }
    const AppInfo head = app_.info();
    if (head.height != 0) return refuse("this node has blocks already");
    response.mutable_init_chain()->set_app_hash(std::string(text_of(head.app_hash.view())));
    return response;
}

abci::Response CometEngine::check_tx(const abci::RequestCheckTx& request) {
    const CheckResult result =
        check(view_of(request.tx()), request.type() == abci::CheckTxType::RECHECK);
    abci::Response response;
    abci::ResponseCheckTx& answer = *response.mutable_check_tx();
    answer.set_code(static_cast<uint32_t>(result.code));
    answer.set_log(result.log);
    answer.set_codespace("assay");
    return response;
}

abci::Response CometEngine::prepare_proposal(const abci::RequestPrepareProposal& request) {
    std::vector<Bytes> candidates;
    candidates.reserve(static_cast<size_t>(request.txs_size()));
    for (const std::string& tx : request.txs()) candidates.push_back(bytes_of(tx));
    const uint64_t room =
        std::min(static_cast<uint64_t>(std::max<int64_t>(request.max_tx_bytes(), 0)),
                 uint64_t{kMaxBlockTxBytes});
    const auto execution = execute_candidates(std::move(candidates), milliseconds(request.time()),
                                              room, misbehavior_of(request));
    if (!execution.ok()) return stopped(execution.error());
    abci::Response response;
    abci::ResponsePrepareProposal& answer = *response.mutable_prepare_proposal();
    for (const Bytes& tx : execution->proposal.transactions)
        answer.add_txs(std::string(text_of(tx)));
    return response;
}

// A pure function of the block and the last committed state: what an honest proposer never makes.
abci::Response CometEngine::process_proposal(const abci::RequestProcessProposal& request) {
    const ChainTip head = tip();
    const ProposedBlock proposal = proposal_from(request, head);
    bool good = proposal.height == head.height + 1 && proposal.time_ms > head.time_ms &&
                proposal.transactions.size() <= kMaxBlockTransactions &&
                total_bytes(proposal.transactions) <= kMaxBlockTxBytes;
    if (good) {
        const auto accepted = app_.process_proposal(proposal);
        if (!accepted) return stopped(accepted.error());
        good = *accepted;
    }
    if (!good)
        note("a proposal of height " + std::to_string(proposal.height) + " with " +
             std::to_string(proposal.transactions.size()) + " transactions is refused; height " +
             std::to_string(head.height) + " was the last here");
    abci::Response response;
    response.mutable_process_proposal()->set_status(good ? abci::ResponseProcessProposal::ACCEPT
                                                         : abci::ResponseProcessProposal::REJECT);
    return response;
}

abci::Response CometEngine::finalize_block(const abci::RequestFinalizeBlock& request) {
    const ProposedBlock proposal = proposal_from(request, tip());
    auto outcome = app_.finalize_block(proposal);
    if (!outcome.ok()) return stopped(outcome.error());
    abci::Response response;
    abci::ResponseFinalizeBlock& answer = *response.mutable_finalize_block();
    for (const pb::TxResult& result : outcome->results) {
        abci::ExecTxResult& each = *answer.add_tx_results();
        each.set_code(result.code());
        each.set_gas_used(static_cast<int64_t>(result.fee_charged()));
    }
    for (const ValidatorPower& changed : outcome->validator_updates) {
        abci::ValidatorUpdate& update = *answer.add_validator_updates();
        update.mutable_pub_key()->set_ed25519(std::string(text_of(changed.consensus_key)));
        update.set_power(static_cast<int64_t>(changed.power));
    }
    // From the next header on.
    if (outcome->next_app_version != outcome->app_version)
        answer.mutable_consensus_param_updates()->mutable_version()->set_app(
            outcome->next_app_version);
    answer.set_app_hash(std::string(text_of(outcome->app_hash.view())));
    decided_ = Decided{block_of(proposal, *outcome), std::move(*outcome)};
    return response;
}

abci::Response CometEngine::commit() {
    if (!decided_) return stopped(fail(Code::kConflict, "Commit came without FinalizeBlock"));
    Decided decided = std::move(*decided_);
    decided_.reset();
    const auto committed = commit_block(std::move(decided.block), std::move(decided.outcome), {});
    if (!committed.ok()) return stopped(committed.error());
    abci::Response response;
    response.mutable_commit()->set_retain_height(static_cast<int64_t>(app_.retain_height()));
    return response;
}

abci::Response CometEngine::list_snapshots() const {
    abci::Response response;
    abci::ResponseListSnapshots& answer = *response.mutable_list_snapshots();
    for (const SnapshotInfo& each : app_.list_snapshots()) {
        abci::Snapshot& snapshot = *answer.add_snapshots();
        snapshot.set_height(each.height);
        snapshot.set_format(each.format);
        snapshot.set_chunks(each.chunks);
        snapshot.set_hash(std::string(text_of(each.hash.view())));
        snapshot.set_metadata(std::string(text_of(each.manifest)));
    }
    return response;
}

// Without a chunk: the snapshot was replaced by a newer one, and the asker looks elsewhere.
abci::Response CometEngine::load_snapshot_chunk(
    const abci::RequestLoadSnapshotChunk& request) const {
    abci::Response response;
    abci::ResponseLoadSnapshotChunk& answer = *response.mutable_load_snapshot_chunk();
    const auto chunk =
        app_.load_snapshot_chunk(request.height(), request.format(), request.chunk());
    if (chunk.ok()) answer.set_chunk(std::string(text_of(*chunk)));
    return response;
}

abci::Response CometEngine::offer_snapshot(const abci::RequestOfferSnapshot& request) {
    using Answer = abci::ResponseOfferSnapshot;
    abci::Response response;
    Answer& answer = *response.mutable_offer_snapshot();
    SnapshotInfo snapshot;
    snapshot.height = request.snapshot().height();
    snapshot.format = request.snapshot().format();
    snapshot.chunks = request.snapshot().chunks();
    snapshot.hash = hash_from(view_of(request.snapshot().hash())).value_or(Hash256{});
    snapshot.manifest = bytes_of(request.snapshot().metadata());
    const auto app_hash = hash_from(view_of(request.app_hash()));
    const Status accepted = app_hash ? app_.offer_snapshot(snapshot, *app_hash)
                                     : fail(Code::kCorrupt, "offer_snapshot: no app hash");
    answer.set_result(Answer::ACCEPT);
    if (accepted.ok()) return response;
    note(accepted.error().message);
    switch (accepted.error().code) {
        case Code::kUnsupported:
            answer.set_result(Answer::REJECT_FORMAT);
            return response;
        case Code::kInvalidArgument:
            answer.set_result(Answer::REJECT);
            return response;
        case Code::kCorrupt:
            answer.set_result(Answer::REJECT_SENDER);
            return response;
        default:
            return stopped(accepted.error());
    }
}

abci::Response CometEngine::apply_snapshot_chunk(const abci::RequestApplySnapshotChunk& request) {
    using Answer = abci::ResponseApplySnapshotChunk;
    abci::Response response;
    Answer& answer = *response.mutable_apply_snapshot_chunk();
    const auto applied = app_.apply_snapshot_chunk(request.index(), view_of(request.chunk()));
    if (applied.ok()) {
        answer.set_result(Answer::ACCEPT);
        if (!*applied) return response;
        if (const Status known = app_.check_version(); !known) return stopped(known.error());
        if (const Status found = find_head(); !found.ok()) return stopped(found.error());
        note("this node begins with the snapshot of height " + std::to_string(height()));
        return response;
    }
    note(applied.error().message + " (from " + request.sender() + ")");
    switch (applied.error().code) {
        case Code::kCorrupt:
            answer.set_result(Answer::RETRY);
            answer.add_refetch_chunks(request.index());
            answer.add_reject_senders(request.sender());
            return response;
        case Code::kConflict:
            answer.set_result(Answer::REJECT_SNAPSHOT);
            return response;
        default:
            return stopped(applied.error());
    }
}

void CometEngine::note(const std::string& text) const {
    if (options_.log) options_.log(text);
}

abci::Response CometEngine::query(const abci::RequestQuery& request) const {
    abci::Response response;
    abci::ResponseQuery& answer = *response.mutable_query();
    answer.set_codespace("assay");
    if (request.path().starts_with("/p2p/") || request.path().starts_with("p2p/")) return response;
    QueryRequest asked;
    asked.path = request.path();
    asked.data = bytes_of(request.data());
    asked.height = static_cast<uint64_t>(std::max<int64_t>(request.height(), 0));
    asked.prove = request.prove();
    const auto reply = app_.query(asked);
    answer.set_key(request.data());
    if (!reply.ok()) {
        answer.set_code(kQueryFailed);
        answer.set_log(reply.error().message);
        return response;
    }
    answer.set_height(static_cast<int64_t>(reply->height));
    if (reply->value) answer.set_value(std::string(text_of(*reply->value)));
    if (request.prove()) {
        abci::ProofOp& op = *answer.mutable_proof_ops()->add_ops();
        op.set_type("assay:" + request.path());
        op.set_key(request.data());
        op.set_data(std::string(text_of(reply->proof)));
    }
    return response;
}

}  // namespace assay::ledger::comet
