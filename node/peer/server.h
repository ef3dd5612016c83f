// The peer service of a node (proto/peer.proto): status, blocks, relay, artifacts, over mutual TLS.
//
// Ownership: borrows engine and blob store, which must outlive stop(). Threads: gRPC's own; public
// methods from any thread. Errors: start fails when the address cannot be bound. Callers get a
// status with a sentence.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ledger/engine/engine.h"
#include "node/blobs/blob_store.h"
#include "node/peer/certificate.h"

namespace assay::node {

struct PeerServerConfig {
    std::string host = "127.0.0.1";
    uint16_t port = 0;  // 0: any free port
    std::string chain_id;
    Hash256 genesis_hash;
    TlsIdentity identity;
    std::function<bool(const ledger::Address&)> allow;  // empty: every ledger key of this chain
    // A caller has the artifact at `endpoint`; empty: offers are not taken.
    std::function<Status(const Hash256& root, uint64_t size, const std::string& endpoint)>
        on_offer{};
};

class PeerServer {
public:
    static Result<std::unique_ptr<PeerServer>> start(PeerServerConfig config,
                                                     ledger::Engine& engine, BlobStore& blobs);
    ~PeerServer();
    PeerServer(const PeerServer&) = delete;
    PeerServer& operator=(const PeerServer&) = delete;
    [[nodiscard]] uint16_t port() const;
    void stop();  // ends open streams; idempotent

private:
    class Impl;
    explicit PeerServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::node
