#include "node/peer/client.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <set>
#include <thread>

#include "node/peer/credentials.h"
#include "peer.grpc.pb.h"

namespace assay::node {
namespace {

using Clock = std::chrono::steady_clock;

grpc::ChannelArguments channel_arguments() {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxPeerMessageBytes);
    arguments.SetMaxSendMessageSize(kMaxPeerMessageBytes);
    // A dead peer behind a silent network is noticed within half a minute.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetSslTargetNameOverride(kPeerTlsName);
    return arguments;
}

}  // namespace

struct PeerClient::Connection {
    Status credentials;  // why there is no channel
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<pb::Peer::Stub> stub;
    std::mutex mutex;
    bool cancelled = false;                // guarded by mutex
    std::set<grpc::ClientContext*> calls;  // under way; guarded by mutex
};

// One call's context, known to the connection so that cancel() reaches it.
class PeerClient::Call {
public:
    explicit Call(Connection& connection) : connection_(connection) {
        const std::lock_guard lock(connection_.mutex);
        if (connection_.cancelled) context.TryCancel();
        connection_.calls.insert(&context);
    }
    Call(Connection& connection, uint64_t timeout_ms) : Call(connection) {
        context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::milliseconds(timeout_ms));
    }
    ~Call() {
        const std::lock_guard lock(connection_.mutex);
        connection_.calls.erase(&context);
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    grpc::ClientContext context;

private:
    Connection& connection_;
};

PeerClient::PeerClient(std::string endpoint, const TlsIdentity& identity,
                       const std::string& chain_id)
    : endpoint_(std::move(endpoint)), connection_(std::make_unique<Connection>()) {
    auto credentials = channel_credentials(identity, chain_id);
    if (!credentials.ok()) {
        connection_->credentials = credentials.error();
        return;
    }
    connection_->channel = grpc::CreateCustomChannel(endpoint_, *credentials, channel_arguments());
    connection_->stub = pb::Peer::NewStub(connection_->channel);
}

PeerClient::~PeerClient() = default;

void PeerClient::cancel() {
    const std::lock_guard lock(connection_->mutex);
    connection_->cancelled = true;
    for (auto* context : connection_->calls) context->TryCancel();
}

Result<PeerHead> PeerClient::status() {
    ASSAY_RETURN_IF_ERROR(connection_->credentials);
    Call call(*connection_, kPeerCallTimeoutMs);
    pb::StatusReply reply;
    const auto status = connection_->stub->Status(&call.context, {}, &reply);
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    const auto head = hash_from(view_of(reply.head_hash()));
    const auto genesis = hash_from(view_of(reply.genesis_hash()));
    if (!head || !genesis)
        return fail(Code::kCorrupt, "peer " + endpoint_ + " sent a malformed status");
    return PeerHead{reply.chain_id(), reply.height(), *head, *genesis};
}

Result<ledger::CheckResult> PeerClient::relay(ByteView transaction) {
    ASSAY_RETURN_IF_ERROR(connection_->credentials);
    Call call(*connection_, kPeerCallTimeoutMs);
    pb::RelayRequest request;
    request.set_transaction(transaction.data(), transaction.size());
    pb::RelayReply reply;
    const auto status = connection_->stub->Relay(&call.context, request, &reply);
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    if (reply.code() > std::numeric_limits<uint16_t>::max()) {
        return fail(Code::kCorrupt, "peer " + endpoint_ + " sent a malformed result");
    }
    ledger::CheckResult result;
    result.code = static_cast<ledger::TxCode>(reply.code());
    result.log = reply.log().substr(0, kMaxRelayLogBytes);
    return result;
}

Status PeerClient::offer(const Hash256& root, uint64_t size, uint16_t port) {
    ASSAY_RETURN_IF_ERROR(connection_->credentials);
    Call call(*connection_, kOfferTimeoutMs);
    pb::OfferRequest request;
    request.set_root(root.bytes.data(), root.bytes.size());
    request.set_size(size);
    request.set_port(port);
    pb::OfferReply reply;
    const auto status = connection_->stub->Offer(&call.context, request, &reply);
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    if (reply.reachable()) return {};
    return fail(Code::kUnavailable, "peer " + endpoint_ + ": " + printable(reply.log()));
}

Result<compute::Manifest> PeerClient::manifest(const Hash256& root, uint64_t timeout_ms) {
    ASSAY_RETURN_IF_ERROR(connection_->credentials);
    Call call(*connection_, timeout_ms);
    pb::ArtifactRequest request;
    request.set_root(root.bytes.data(), root.bytes.size());
    pb::ManifestReply reply;
    const auto status = connection_->stub->Manifest(&call.context, request, &reply);
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    auto manifest = compute::decode_manifest(view_of(reply.manifest()));
    if (!manifest.ok() || manifest->root() != root) {
        return fail(Code::kCorrupt,
                    "peer " + endpoint_ + " sent a manifest that is not of " + to_hex(root));
    }
    return manifest;
}

Status PeerClient::chunks(const Hash256& root, const std::vector<uint32_t>& indices,
                          const std::function<Status(uint32_t, ByteView)>& on_chunk) {
    ASSAY_RETURN_IF_ERROR(connection_->credentials);
    Call call(*connection_, kChunkStreamTimeoutMs);
    std::set<uint32_t> wanted(indices.begin(), indices.end());
    pb::ChunkRequest request;
    request.set_root(root.bytes.data(), root.bytes.size());
    for (const uint32_t index : wanted) request.add_index(index);
    const auto reader = connection_->stub->Chunks(&call.context, request);
    pb::ChunkReply reply;
    Status taken;
    while (taken.ok() && reader->Read(&reply)) {
        taken = wanted.erase(reply.index()) == 1
                    ? on_chunk(reply.index(), view_of(reply.data()))
                    : fail(Code::kCorrupt, "sent chunk " + std::to_string(reply.index()) +
                                               ", which was not asked for");
    }
    if (!taken.ok()) call.context.TryCancel();
    const auto status = reader->Finish();
    if (!taken.ok()) {
        return fail(taken.error().code, "peer " + endpoint_ + ": " + taken.error().message);
    }
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    if (!wanted.empty()) {
        return fail(Code::kUnavailable,
                    "peer " + endpoint_ + " left out " + std::to_string(wanted.size()) + " chunks");
    }
    return {};
}

Status PeerClient::follow_blocks(uint64_t from_height, const BlockStream& stream,
                                 const std::atomic<bool>& stop) {
    ASSAY_RETURN_IF_ERROR(connection_->credentials);
    Call call(*connection_);
    pb::BlocksRequest request;
    request.set_from_height(from_height);
    request.set_follow(true);
    // Read() blocks; a watcher turns the stop flag and long silence into a cancelled call.
    constexpr auto kPoll = std::chrono::milliseconds(50);
    const auto idle_limit = std::chrono::milliseconds(stream.idle_ms);
    std::atomic<bool> ended{false};
    std::atomic<bool> idle{false};
    std::atomic<Clock::time_point> active{Clock::now()};
    std::thread watcher([&] {
        while (!ended && !stop && !idle) {
            std::this_thread::sleep_for(kPoll);
            idle = Clock::now() - active.load() > idle_limit;
        }
        if (!ended) call.context.TryCancel();
    });
    const auto reader = connection_->stub->Blocks(&call.context, request);
    reader->WaitForInitialMetadata();
    const bool open = call.context.GetServerInitialMetadata().contains(kBlockStreamOpen);
    if (open && stream.on_open) stream.on_open();
    pb::BlockReply reply;
    Status taken;
    while (taken.ok() && reader->Read(&reply)) {
        taken = stream.on_block(view_of(reply.block()));
        active = Clock::now();  // after it: executing a block may take long
    }
    if (!taken.ok()) call.context.TryCancel();
    const auto status = reader->Finish();
    ended = true;
    watcher.join();
    if (!taken.ok()) {
        return fail(taken.error().code, "peer " + endpoint_ + ": " + taken.error().message);
    }
    if (stop) return {};
    if (idle) {
        return fail(Code::kTimeout, "peer " + endpoint_ + " sent no block for " +
                                        std::to_string(stream.idle_ms) + " ms");
    }
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    return fail(Code::kUnavailable, "peer " + endpoint_ + " ended the block stream");
}

}  // namespace assay::node
