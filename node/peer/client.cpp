#include "node/peer/client.h"

#include <chrono>
#include <thread>

#include "node/peer/credentials.h"
#include "node/peer/limits.h"
#include "peer.grpc.pb.h"

namespace assay::node {
namespace {

void set_deadline(grpc::ClientContext& context, uint64_t timeout_ms) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
}

grpc::ChannelArguments channel_arguments() {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxPeerMessageBytes);
    arguments.SetMaxSendMessageSize(kMaxPeerMessageBytes);
    // A dead peer behind a silent network is noticed within half a minute.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return arguments;
}

}  // namespace

struct PeerClient::Connection {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<pb::Peer::Stub> stub;
};

PeerClient::PeerClient(std::string endpoint, const TlsIdentity& identity,
                       const std::string& chain_id)
    : endpoint_(std::move(endpoint)), connection_(std::make_unique<Connection>()) {
    connection_->channel = grpc::CreateCustomChannel(
        endpoint_, channel_credentials(identity, chain_id), channel_arguments());
    connection_->stub = pb::Peer::NewStub(connection_->channel);
}

PeerClient::~PeerClient() = default;

Result<PeerHead> PeerClient::status() {
    grpc::ClientContext context;
    set_deadline(context, kPeerCallTimeoutMs);
    pb::StatusReply reply;
    const auto status = connection_->stub->Status(&context, {}, &reply);
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    const auto head = hash_from(view_of(reply.head_hash()));
    const auto genesis = hash_from(view_of(reply.genesis_hash()));
    if (!head || !genesis)
        return fail(Code::kCorrupt, "peer " + endpoint_ + " sent a malformed status");
    return PeerHead{reply.chain_id(), reply.height(), *head, *genesis};
}

Result<ledger::CheckResult> PeerClient::relay(ByteView transaction) {
    grpc::ClientContext context;
    set_deadline(context, kPeerCallTimeoutMs);
    pb::RelayRequest request;
    request.set_transaction(transaction.data(), transaction.size());
    pb::RelayReply reply;
    const auto status = connection_->stub->Relay(&context, request, &reply);
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    ledger::CheckResult result;
    result.code = static_cast<ledger::TxCode>(reply.code());
    result.log = reply.log();
    return result;
}

Result<compute::Manifest> PeerClient::manifest(const Hash256& root) {
    grpc::ClientContext context;
    set_deadline(context, kPeerCallTimeoutMs);
    pb::ArtifactRequest request;
    request.set_root(root.bytes.data(), root.bytes.size());
    pb::ManifestReply reply;
    const auto status = connection_->stub->Manifest(&context, request, &reply);
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
    grpc::ClientContext context;
    set_deadline(context, kChunkStreamTimeoutMs);
    pb::ChunkRequest request;
    request.set_root(root.bytes.data(), root.bytes.size());
    for (const uint32_t index : indices) request.add_index(index);
    const auto reader = connection_->stub->Chunks(&context, request);
    pb::ChunkReply reply;
    while (reader->Read(&reply)) {
        const auto taken = on_chunk(reply.index(), view_of(reply.data()));
        if (taken.ok()) continue;
        context.TryCancel();
        (void)reader->Finish();
        return fail(taken.error().code, "peer " + endpoint_ + ": " + taken.error().message);
    }
    const auto status = reader->Finish();
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    return {};
}

Status PeerClient::follow_blocks(uint64_t from_height,
                                 const std::function<Status(ByteView)>& on_block,
                                 const std::atomic<bool>& stop) {
    grpc::ClientContext context;
    pb::BlocksRequest request;
    request.set_from_height(from_height);
    request.set_follow(true);
    // Read() blocks; a watcher turns the stop flag into a cancelled call.
    std::atomic<bool> ended{false};
    std::thread watcher([&] {
        while (!ended && !stop) std::this_thread::sleep_for(std::chrono::milliseconds(50));
        if (!ended) context.TryCancel();
    });
    const auto reader = connection_->stub->Blocks(&context, request);
    pb::BlockReply reply;
    Status taken;
    while (reader->Read(&reply)) {
        taken = on_block(view_of(reply.block()));
        if (!taken.ok()) {
            context.TryCancel();
            break;
        }
    }
    const auto status = reader->Finish();
    ended = true;
    watcher.join();
    if (!taken.ok()) return taken;
    if (stop) return {};
    if (!status.ok()) return error_of(status, "peer " + endpoint_);
    return fail(Code::kUnavailable, "peer " + endpoint_ + " ended the block stream");
}

}  // namespace assay::node
