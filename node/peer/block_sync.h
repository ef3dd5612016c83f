// Keeps a follower at the head: streams blocks from a peer, reconnects with growing pauses, changes
// the peer when one sends a bad block or goes silent.
//
// Ownership: owns its thread and connections. Threads: start and stop by one thread. Errors:
// reported through `warn`; it never gives up until stop().
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "node/peer/client.h"

namespace assay::node {

struct BlockSyncHooks {
    std::function<uint64_t()> next_height;
    std::function<Status(ByteView block)> apply;
    std::function<void(const std::string&)> warn;
};

class BlockSync {
public:
    BlockSync(std::vector<std::string> peers, TlsIdentity identity, std::string chain_id,
              BlockSyncHooks hooks, uint64_t idle_ms = kBlockStreamIdleMs);
    ~BlockSync();
    void start();
    void stop();
    // A peer accepted the stream and it is still open.
    [[nodiscard]] bool connected() const { return !peer().empty(); }
    // The one whose stream is open; empty between two.
    [[nodiscard]] std::string peer() const;
    // Why the peer's last stream ended; empty when none did since it brought a block.
    [[nodiscard]] std::string error_of(const std::string& peer) const;

private:
    void run();
    void set_peer(const std::string& peer);

    const std::vector<std::string> peers_;
    const TlsIdentity identity_;
    const std::string chain_id_;
    const BlockSyncHooks hooks_;
    const uint64_t idle_ms_;
    std::atomic<bool> stop_{false};
    mutable std::mutex mutex_;
    std::string peer_;                           // guarded by mutex_
    std::map<std::string, std::string> errors_;  // guarded by mutex_
    std::thread thread_;
};

}  // namespace assay::node
