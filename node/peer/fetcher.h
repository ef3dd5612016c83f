// Brings artifacts into the blob store from peers: manifest checked against the root, only missing
// chunks, each checked as it arrives; an interrupted transfer goes on where it stopped.
//
// Ownership: borrows the blob store; keeps a connection per peer. Threads: any. Errors: kNotFound
// when no peer has it; kCorrupt when its size is not the expected one; else what each peer failed
// with, in one sentence. A peer that sent wrong bytes is not asked again for kBadPeerMs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "node/blobs/blob_store.h"
#include "node/peer/client.h"

namespace assay::node {

using FetchProgress = std::function<void(uint64_t chunks_here, uint64_t chunks_total)>;

class Fetcher {
public:
    Fetcher(BlobStore& blobs, TlsIdentity identity, std::string chain_id);
    // Tries `peers` in order, again while that brings chunks. expected_size: what the ledger says;
    // 0 when unknown. `progress` is called by this thread after each chunk.
    Status fetch(const Hash256& root, uint64_t expected_size, const std::vector<std::string>& peers,
                 const FetchProgress& progress = {});
    // Somebody has the artifact at `endpoint`: asked for its manifest at once, and for the artifact
    // when a fetch finds it nowhere else. kUnavailable when it does not answer from here.
    Status take_offer(const Hash256& root, uint64_t size, const std::string& endpoint);
    // Ends transfers under way and refuses later ones with kUnavailable.
    void stop();

private:
    struct Transfer {
        const Hash256& root;
        uint64_t expected_size;
        const FetchProgress& progress;
        // No other peer can help: the store failed, or the size is not the expected one.
        bool hopeless = false;
        std::string reasons{};  // of each peer
        Code code = Code::kNotFound;
    };
    struct BadPeer {
        std::chrono::steady_clock::time_point until;
        std::string reason;
    };

    Status fetch_once(Transfer& transfer, const std::vector<std::string>& peers);
    Status fetch_from(PeerClient& peer, Transfer& transfer);
    Status fetch_manifest(PeerClient& peer, Transfer& transfer);
    Status fetch_chunks(PeerClient& peer, Transfer& transfer);
    static Status check_size(uint64_t size, Transfer& transfer);
    [[nodiscard]] size_t missing(const Hash256& root) const;
    void blame(const std::string& endpoint, const Error& error);
    [[nodiscard]] std::string blamed(const std::string& endpoint);
    std::shared_ptr<PeerClient> client(const std::string& endpoint);

    BlobStore& blobs_;
    const TlsIdentity identity_;
    const std::string chain_id_;
    std::mutex mutex_;
    std::condition_variable fetched_;
    bool stopped_ = false;           // guarded by mutex_
    std::set<Hash256> in_progress_;  // guarded by mutex_: one transfer per artifact at a time
    std::map<std::string, std::shared_ptr<PeerClient>> clients_;  // guarded by mutex_
    std::map<std::string, BadPeer> bad_peers_;                    // guarded by mutex_
    std::map<Hash256, std::vector<std::string>> offers_;          // guarded by mutex_
    std::deque<Hash256> offer_order_;                             // guarded by mutex_
};

}  // namespace assay::node
