#include "node/peer/server.h"

#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "ledger/codec/transaction.h"
#include "node/peer/credentials.h"
#include "node/peer/limits.h"
#include "node/peer/rate_limit.h"
#include "peer.grpc.pb.h"

namespace assay::node {
namespace {

using grpc::ServerContext;
using grpc::ServerWriter;

Result<Hash256> root_of(const std::string& bytes) {
    const auto root = hash_from(view_of(bytes));
    if (!root) return fail(Code::kInvalidArgument, "root must be 32 bytes");
    return *root;
}

}  // namespace

class PeerServer::Impl final : public pb::Peer::Service {
public:
    Impl(PeerServerConfig config, ledger::Engine& engine, BlobStore& blobs)
        : config_(std::move(config)), engine_(engine), blobs_(blobs) {}

    assay::Status start() {
        ASSAY_ASSIGN(const auto credentials,
                     server_credentials(config_.identity, config_.chain_id));
        grpc::ServerBuilder builder;
        builder.AddListeningPort(config_.host + ":" + std::to_string(config_.port), credentials,
                                 &port_);
        set_limits(builder);
        builder.RegisterService(this);
        server_ = builder.BuildAndStart();
        if (!server_ || port_ == 0) {
            return fail(Code::kUnavailable, "the peer service cannot listen on " + config_.host +
                                                ":" + std::to_string(config_.port) +
                                                ". Remedy: another peerPort, or stop what uses it");
        }
        subscription_ = engine_.subscribe([this](const ledger::CommittedBlock& committed) {
            set_height(committed.block.header().height());
        });
        set_height(engine_.height());
        return {};
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
            stopping_ = true;
            changed_.notify_all();
        }
        if (!server_) return;
        engine_.unsubscribe(subscription_);
        server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
        server_->Wait();
    }
    uint16_t port() const { return static_cast<uint16_t>(port_); }

    grpc::Status Status(ServerContext* context, const pb::StatusRequest*,
                        pb::StatusReply* reply) override {
        if (auto refused = admit(*context); !refused.ok()) return refused;
        const auto head = engine_.head_hash();
        reply->set_chain_id(config_.chain_id);
        reply->set_height(engine_.height());
        reply->set_head_hash(head.bytes.data(), head.bytes.size());
        reply->set_genesis_hash(config_.genesis_hash.bytes.data(),
                                config_.genesis_hash.bytes.size());
        reply->set_version("0.1.0");
        return grpc::Status::OK;
    }

    grpc::Status Blocks(ServerContext* context, const pb::BlocksRequest* request,
                        ServerWriter<pb::BlockReply>* writer) override {
        if (auto refused = admit(*context); !refused.ok()) return refused;
        const StreamSlot slot(*this, *context);
        if (!slot.granted) return too_many_streams();
        // Tells the caller that the stream is open, also while there is no block to send.
        context->AddInitialMetadata(kBlockStreamOpen, "1");
        writer->SendInitialMetadata();
        uint64_t next = std::max<uint64_t>(1, request->from_height());
        for (uint32_t sent = 0; sent < kMaxBlocksPerPeerStream; ++sent, ++next) {
            if (!wait_for_height(*context, next, request->follow())) return grpc::Status::OK;
            const auto block = engine_.encoded_block(next);
            if (!block.ok()) return status_of(block.error());
            pb::BlockReply reply;
            reply.set_block(block->data(), block->size());
            if (!writer->Write(reply)) return grpc::Status::OK;  // the caller left
        }
        return grpc::Status::OK;
    }

    grpc::Status Relay(ServerContext* context, const pb::RelayRequest* request,
                       pb::RelayReply* reply) override {
        if (auto refused = admit(*context); !refused.ok()) return refused;
        if (request->transaction().size() > ledger::kMaxTxBytes) {
            return {grpc::StatusCode::INVALID_ARGUMENT,
                    "a transaction has at most " + std::to_string(ledger::kMaxTxBytes) + " bytes"};
        }
        const auto check = engine_.submit(view_of(request->transaction()));
        reply->set_code(static_cast<uint32_t>(check.code));
        reply->set_log(check.log);
        return grpc::Status::OK;
    }

    grpc::Status Manifest(ServerContext* context, const pb::ArtifactRequest* request,
                          pb::ManifestReply* reply) override {
        if (auto refused = admit(*context); !refused.ok()) return refused;
        const auto root = root_of(request->root());
        if (!root.ok()) return status_of(root.error());
        const auto manifest = blobs_.manifest(*root);
        if (!manifest.ok()) return status_of(manifest.error());
        const auto encoded = compute::encode(*manifest);
        if (encoded.size() > kMaxPeerManifestBytes) {
            return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the manifest is larger than a message"};
        }
        reply->set_manifest(encoded.data(), encoded.size());
        return grpc::Status::OK;
    }

    grpc::Status Chunks(ServerContext* context, const pb::ChunkRequest* request,
                        ServerWriter<pb::ChunkReply>* writer) override {
        if (auto refused = admit(*context); !refused.ok()) return refused;
        if (request->index_size() > static_cast<int>(kMaxChunksPerRequest)) {
            return {grpc::StatusCode::INVALID_ARGUMENT,
                    "at most " + std::to_string(kMaxChunksPerRequest) + " chunks a request"};
        }
        const StreamSlot slot(*this, *context);
        if (!slot.granted) return too_many_streams();
        const auto root = root_of(request->root());
        if (!root.ok()) return status_of(root.error());
        for (const uint32_t index : request->index()) {
            const auto chunk = blobs_.read_chunk(*root, index);
            if (!chunk.ok()) return status_of(chunk.error());
            pb::ChunkReply reply;
            reply.set_index(index);
            reply.set_data(chunk->data(), chunk->size());
            if (context->IsCancelled() || !writer->Write(reply)) return grpc::Status::OK;
        }
        return grpc::Status::OK;
    }

    // Only to where the call comes from: nobody can send this node to a third party.
    grpc::Status Offer(ServerContext* context, const pb::OfferRequest* request,
                       pb::OfferReply* reply) override {
        if (auto refused = admit(*context); !refused.ok()) return refused;
        const auto root = root_of(request->root());
        if (!root.ok()) return status_of(root.error());
        const auto host = caller_host(context->peer());
        if (!host || request->port() == 0 || request->port() > 65'535)
            return {grpc::StatusCode::INVALID_ARGUMENT, "port must be 1 to 65535, over TCP"};
        if (!config_.on_offer) {
            reply->set_log("this node takes no offers");
            return grpc::Status::OK;
        }
        const OfferSlot slot(*this, *host);
        if (!slot.granted) return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many offers"};
        const auto taken =
            config_.on_offer(*root, request->size(), *host + ":" + std::to_string(request->port()));
        reply->set_reachable(taken.ok());
        if (!taken.ok()) reply->set_log(taken.error().message);
        return grpc::Status::OK;
    }

private:
    // "ipv4:10.0.0.1:5678" and "ipv6:%5B::1%5D:5678" without the port.
    static std::optional<std::string> caller_host(std::string peer) {
        for (const auto& [code, sign] : {std::pair{"%5B", "["}, {"%5D", "]"}})
            if (const auto at = peer.find(code); at != std::string::npos) peer.replace(at, 3, sign);
        const auto begin = peer.find(':');
        const auto end = peer.rfind(':');
        if (!peer.starts_with("ipv") || begin == end) return std::nullopt;
        return peer.substr(begin + 1, end - begin - 1);
    }

    // Counts an offer under way by its caller's host: a ledger key to offer with costs nothing.
    struct OfferSlot {
        OfferSlot(Impl& impl, std::string caller) : server(impl), host(std::move(caller)) {
            const std::lock_guard lock(server.mutex_);
            const auto found = server.offers_of_.find(host);
            const auto of_host = found == server.offers_of_.end() ? 0 : found->second;
            granted = server.offers_ < kMaxOffersAtOnce && of_host < kMaxOffersAtOncePerHost;
            if (!granted) return;
            server.offers_ += 1;
            server.offers_of_[host] += 1;
        }
        ~OfferSlot() {
            if (!granted) return;
            const std::lock_guard lock(server.mutex_);
            server.offers_ -= 1;
            if (--server.offers_of_[host] == 0) server.offers_of_.erase(host);
        }
        OfferSlot(const OfferSlot&) = delete;
        OfferSlot& operator=(const OfferSlot&) = delete;
        Impl& server;
        const std::string host;
        bool granted = false;
    };

    // Counts a stream against the limits of the server and of its caller for as long as it lives.
    struct StreamSlot {
        StreamSlot(Impl& impl, const ServerContext& context) : server(impl) {
            const auto found = caller_address(context, impl.config_.chain_id);
            if (!found.ok()) return;
            caller = *found;
            const std::lock_guard lock(server.mutex_);
            granted = server.streams_ < kMaxStreamsPerServer &&
                      server.streams_of_[caller] < kMaxStreamsPerPeer;
            if (!granted) return;
            server.streams_ += 1;
            server.streams_of_[caller] += 1;
        }
        ~StreamSlot() {
            if (!granted) return;
            const std::lock_guard lock(server.mutex_);
            server.streams_ -= 1;
            if (--server.streams_of_[caller] == 0) server.streams_of_.erase(caller);
        }
        StreamSlot(const StreamSlot&) = delete;
        StreamSlot& operator=(const StreamSlot&) = delete;
        Impl& server;
        ledger::Address caller;
        bool granted = false;
    };
    static grpc::Status too_many_streams() {
        return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many open streams"};
    }

    static void set_limits(grpc::ServerBuilder& builder) {
        builder.SetMaxReceiveMessageSize(kMaxPeerMessageBytes);
        builder.SetMaxSendMessageSize(kMaxPeerMessageBytes);
        grpc::ResourceQuota quota("assay-peer");
        quota.SetMaxThreads(kMaxPeerServerThreads).Resize(kMaxPeerServerBytes);
        builder.SetResourceQuota(quota);
        builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
        builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
        builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kKeepaliveTimeoutMs);
        builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
        builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
        builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
        // Clients watch a quiet block stream by pings; the default takes that for an attack.
        builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                                   kLeastPingIntervalMs);
    }

    void set_height(uint64_t height) {
        const std::lock_guard lock(mutex_);
        height_ = std::max(height_, height);
        changed_.notify_all();
    }

    grpc::Status admit(const ServerContext& context) {
        const auto caller = caller_address(context, config_.chain_id);
        if (!caller.ok()) return status_of(caller.error());
        if (config_.allow && !config_.allow(*caller)) {
            return {grpc::StatusCode::PERMISSION_DENIED,
                    "this node does not serve that ledger key"};
        }
        if (!limiter_.allow(*caller)) {
            return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many requests: slow down"};
        }
        return grpc::Status::OK;
    }

    // False when the stream should end: stopped, the caller left, or no such block and no follow.
    bool wait_for_height(const ServerContext& context, uint64_t height, bool follow) {
        constexpr auto kCancelPoll = std::chrono::milliseconds(250);
        std::unique_lock lock(mutex_);
        for (;;) {
            if (stopping_ || context.IsCancelled()) return false;
            if (height_ >= height) return true;
            if (!follow) return false;
            changed_.wait_for(lock, kCancelPoll);
        }
    }

    const PeerServerConfig config_;
    ledger::Engine& engine_;
    BlobStore& blobs_;
    RateLimiter limiter_{kPeerRequestsPerSecond, kPeerRequestBurst};
    std::unique_ptr<grpc::Server> server_;
    int port_ = 0;
    uint64_t subscription_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;                           // guarded by mutex_
    uint64_t height_ = 0;                             // committed; guarded by mutex_
    uint32_t streams_ = 0;                            // guarded by mutex_
    std::map<ledger::Address, uint32_t> streams_of_;  // guarded by mutex_
    uint32_t offers_ = 0;                             // under way; guarded by mutex_
    std::map<std::string, uint32_t> offers_of_;       // by host; guarded by mutex_
};

PeerServer::PeerServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PeerServer::~PeerServer() {
    stop();
}

Result<std::unique_ptr<PeerServer>> PeerServer::start(PeerServerConfig config,
                                                      ledger::Engine& engine, BlobStore& blobs) {
    auto impl = std::make_unique<Impl>(std::move(config), engine, blobs);
    ASSAY_RETURN_IF_ERROR(impl->start());
    return std::unique_ptr<PeerServer>(new PeerServer(std::move(impl)));
}

uint16_t PeerServer::port() const {
    return impl_->port();
}
void PeerServer::stop() {
    impl_->stop();
}

}  // namespace assay::node
