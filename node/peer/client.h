// Calls to one peer. The connection is made on first use and kept.
//
// Ownership: owns the channel. Threads: any. Errors: kUnavailable, kTimeout (every call has a
// deadline), kUnauthorized, kNotFound, kCorrupt (the peer broke the protocol), each naming the
// peer.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "compute/checkpoint/artifact.h"
#include "ledger/application.h"
#include "node/peer/certificate.h"
#include "node/peer/limits.h"

namespace assay::node {

struct PeerHead {
    std::string chain_id;
    uint64_t height = 0;
    Hash256 head_hash, genesis_hash;
};

struct BlockStream {
    std::function<Status(ByteView)> on_block;  // its error ends the stream
    std::function<void()> on_open;             // may be empty
    uint64_t idle_ms = kBlockStreamIdleMs;     // without a block for so long: kTimeout
};

class PeerClient {
public:
    PeerClient(std::string endpoint, const TlsIdentity& identity, const std::string& chain_id);
    ~PeerClient();
    PeerClient(const PeerClient&) = delete;
    PeerClient& operator=(const PeerClient&) = delete;

    [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
    Result<PeerHead> status();
    Result<ledger::CheckResult> relay(ByteView transaction);
    Result<compute::Manifest> manifest(const Hash256& root,
                                       uint64_t timeout_ms = kPeerCallTimeoutMs);
    // Tells the peer that this node has the artifact, at `port` of the address it calls from.
    // kUnavailable when the peer could not get the manifest from there.
    Status offer(const Hash256& root, uint64_t size, uint16_t port);
    // Calls `on_chunk` for each chunk as it arrives, each at most once and only those asked for; an
    // error from it ends the transfer. kUnavailable when the peer ended before the last one.
    Status chunks(const Hash256& root, const std::vector<uint32_t>& indices,
                  const std::function<Status(uint32_t index, ByteView data)>& on_chunk);
    // Streams blocks from `from_height` on until `stop` (then it returns without error) or an
    // error.
    Status follow_blocks(uint64_t from_height, const BlockStream& stream,
                         const std::atomic<bool>& stop);
    // Ends every call under way and all later ones with kUnavailable.
    void cancel();

private:
    struct Connection;
    class Call;
    const std::string endpoint_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace assay::node
