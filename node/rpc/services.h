// What the RPC methods need from the node, in one struct, so that tests can fake it.
//
// Ownership: borrows the engine and the application, which must outlive the server. Threads: every
// member is called from several worker threads at once. Errors: as each member says.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "contracts.pb.h"
#include "ledger/application.h"
#include "ledger/engine/engine.h"

namespace assay::node {

struct NodeInfo {
    std::string version;
    std::string mode;  // "producer" or "follower"
    std::string moniker;
    std::string peer_endpoint;  // host:port
    ledger::Address address;    // the node's own identity
};

struct PeerStatus {
    std::string endpoint;
    bool connected = false;
    std::string error;  // the last one, empty when connected
};

// What came of telling the others that this node has an artifact.
struct OfferOutcome {
    size_t asked = 0;      // providers and peers
    size_t reachable = 0;  // of them: have it, or can fetch it from here
    std::string reason;    // why one cannot
};

// One slot that this node's provider agent works on.
struct SlotView {
    std::string task_id;  // hexadecimal
    std::string phase;    // fetching, training, done, failed
    std::string error;
    uint64_t due_ms = 0;  // 0: no window is open
    uint64_t local_step = 0, local_steps = 0;
    double loss = 0;
};

struct Services {
    ledger::Engine& engine;
    ledger::Application& application;
    NodeInfo info{};
    // The address of a key this node holds. kNotFound, or kUnauthorized for a locked key.
    std::function<Result<ledger::Address>(const std::string& key)> key_address{};
    // The raw transaction, signed with a key this node holds.
    std::function<Result<Bytes>(const std::string& key, const pb::TxBody& body)> sign{};
    // Whether all chunks of an artifact are in this node's blob store.
    std::function<bool(const Hash256& root)> has_artifact{};
    std::function<OfferOutcome(const pb::ArtifactRef&)> offer_artifact{};
    std::function<std::vector<PeerStatus>()> peers{};
    std::function<std::vector<SlotView>()> slots{};  // empty: this node is no provider
    // A whole small artifact of this node's blob store; kLimit above `limit_bytes`.
    std::function<Result<Bytes>(const Hash256& root, uint64_t limit_bytes)> read_artifact{};
};

}  // namespace assay::node
