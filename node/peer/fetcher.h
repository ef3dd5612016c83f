// Brings artifacts into the blob store from peers: manifest checked against the root, only missing
// chunks, each checked as it arrives; an interrupted transfer goes on where it stopped.
//
// Ownership: borrows the blob store; keeps a connection per peer. Threads: any. Errors: kNotFound
// when no peer has it, else the last peer's reason; kLimit for an artifact larger than the caller
// expects.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "node/blobs/blob_store.h"
#include "node/peer/client.h"

namespace assay::node {

class Fetcher {
public:
    Fetcher(BlobStore& blobs, TlsIdentity identity, std::string chain_id);
    // Tries `peers` in order. expected_size: what the ledger says; 0 when unknown.
    Status fetch(const Hash256& root, uint64_t expected_size,
                 const std::vector<std::string>& peers);

private:
    Status fetch_once(const Hash256& root, uint64_t expected_size,
                      const std::vector<std::string>& peers);
    Status fetch_from(PeerClient& peer, const Hash256& root, uint64_t expected_size);
    std::shared_ptr<PeerClient> client(const std::string& endpoint);

    BlobStore& blobs_;
    const TlsIdentity identity_;
    const std::string chain_id_;
    std::mutex mutex_;
    std::condition_variable fetched_;
    std::set<Hash256> in_progress_;  // guarded by mutex_: one transfer per artifact at a time
    std::map<std::string, std::shared_ptr<PeerClient>> clients_;  // guarded by mutex_
};

}  // namespace assay::node
