// Brings artifacts into the blob store from peers: manifest checked against the root, only missing
// chunks, each checked as it arrives; an interrupted transfer goes on where it stopped.
//
// Ownership: borrows the blob store; keeps a connection per peer. Threads: any. Errors: kNotFound
// when no peer has it; kCorrupt when its size is not the expected one; else what each peer failed
// with, in one sentence. A peer that sent wrong bytes is not asked again for kBadPeerMs, one that
// did not answer not for kSilentPeerMs.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "node/blobs/blob_store.h"
#include "node/peer/client.h"
#include "node/peer/offers.h"

namespace assay::node {

using FetchProgress = std::function<void(uint64_t chunks_here, uint64_t chunks_total)>;

class Fetcher {
public:
    Fetcher(BlobStore& blobs, TlsIdentity identity, std::string chain_id);
    // Tries who offered it, then `peers` in order, again while that brings chunks. expected_size:
    // what the ledger says; 0 when unknown. `progress` is called by this thread after each chunk,
    // also when another thread's transfer of the artifact brings it. `stop`, when set, ends it
    // with kUnavailable before the next chunk or call.
    Status fetch(const Hash256& root, uint64_t expected_size, const std::vector<std::string>& peers,
                 const FetchProgress& progress = {}, const std::atomic<bool>* stop = nullptr);
    // Somebody has the artifact at `endpoint`: asked for its manifest at once, and first when the
    // artifact is fetched. kUnavailable or kTimeout when it does not answer from here.
    Status take_offer(const Hash256& root, uint64_t size, const std::string& endpoint);
    // Tells the peer at `endpoint` that the artifact is here: PeerClient::offer.
    Status offer(const std::string& endpoint, const Hash256& root, uint64_t size, uint16_t port);
    // Ends transfers under way and refuses later ones with kUnavailable.
    void stop();

private:
    struct Transfer {
        const Hash256& root;
        uint64_t expected_size;
        const FetchProgress& progress;
        const std::atomic<bool>* stop;
        // No other peer can help: the store failed, or the size is not the expected one.
        bool hopeless = false;
        std::set<std::string> answered{};  // sent the manifest: alive
        std::string reasons{};             // of each peer
        Code code = Code::kNotFound;
    };
    struct BadPeer {
        std::chrono::steady_clock::time_point until;
        Error reason;
    };
    struct UnderWay {
        uint64_t chunks_here = 0, chunks_total = 0;
    };

    // Waits until no other thread fetches the artifact, telling `progress` of what that one brings.
    Status begin(Transfer& transfer);
    void end(const Hash256& root);

    Status fetch_once(Transfer& transfer, const std::vector<std::string>& peers);
    Status fetch_from(PeerClient& peer, Transfer& transfer);
    Status fetch_manifest(PeerClient& peer, Transfer& transfer);
    Status fetch_chunks(PeerClient& peer, Transfer& transfer);
    void tell(Transfer& transfer, uint64_t here, uint64_t total);
    static Status check_size(uint64_t size, Transfer& transfer);
    [[nodiscard]] size_t missing(const Hash256& root) const;
    void blame(const std::string& endpoint, const Error& error);
    [[nodiscard]] Status blamed(const std::string& endpoint);
    std::shared_ptr<PeerClient> client(const std::string& endpoint);

    BlobStore& blobs_;
    const TlsIdentity identity_;
    const std::string chain_id_;
    std::mutex mutex_;
    std::condition_variable fetched_;
    bool stopped_ = false;  // guarded by mutex_
    // One transfer per artifact at a time; guarded by mutex_.
    std::map<Hash256, UnderWay> in_progress_;
    std::map<std::string, std::shared_ptr<PeerClient>> clients_;  // guarded by mutex_
    std::map<std::string, BadPeer> bad_peers_;                    // guarded by mutex_
    Offers offers_;                                               // guarded by mutex_
};

}  // namespace assay::node
