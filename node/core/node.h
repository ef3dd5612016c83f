// A running node: ledger, engine, peer service, block sync, JSON-RPC, and the provider agent when
// configured.
//
// Ownership: owns everything it starts; parts stop in the opposite order of their start. Threads:
// start and stop by one thread; the parts bring their own (docs/architecture.md). Errors: start()
// names the part that failed; failure() is not empty once the engine stopped for good.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "ledger/crypto/keys.h"
#include "node/core/config.h"

namespace assay::node {

struct NodeStart {
    HomeLayout home;
    NodeConfig config;
    std::string passphrase;            // of the keyring
    std::filesystem::path executable;  // this program, for training processes
    bool log_to_stderr = false;        // standard output is kept for a command's own document
};

class Node {
public:
    static Result<std::unique_ptr<Node>> start(NodeStart options);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    void stop();
    [[nodiscard]] std::string failure() const;
    [[nodiscard]] ledger::Address address() const;
    [[nodiscard]] const std::string& chain_id() const;
    [[nodiscard]] uint16_t rpc_port() const;
    [[nodiscard]] uint16_t peer_port() const;

private:
    struct Parts;
    explicit Node(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace assay::node
