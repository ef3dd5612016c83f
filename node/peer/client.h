// Calls to one peer. The connection is made on first use and kept.
//
// Ownership: owns the channel. Threads: any. Errors: kUnavailable, kTimeout (every call has a
// deadline), kUnauthorized, kNotFound, each naming the peer.
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

namespace assay::node {

struct PeerHead {
    std::string chain_id;
    uint64_t height = 0;
    Hash256 head_hash, genesis_hash;
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
    Result<compute::Manifest> manifest(const Hash256& root);
    // Calls `on_chunk` for each chunk as it arrives; an error from it ends the transfer.
    Status chunks(const Hash256& root, const std::vector<uint32_t>& indices,
                  const std::function<Status(uint32_t index, ByteView data)>& on_chunk);
    // Streams blocks from `from_height` on until stop, an error, or an error from `on_block`.
    Status follow_blocks(uint64_t from_height, const std::function<Status(ByteView)>& on_block,
                         const std::atomic<bool>& stop);

private:
    struct Connection;
    const std::string endpoint_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace assay::node
