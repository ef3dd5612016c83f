// Test support: an engine without consensus, keys, stores and peer servers on loopback.
// Ownership: the fixture owns all of it. Threads: FakeEngine as ledger/engine/engine.h; the rest by
// one test thread. Errors: gtest failures.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <thread>

#include "node/peer/client.h"
#include "node/peer/server.h"
#include "tests/node/blobs/store_fixture.h"

namespace assay::node::testing {

inline const std::string kChain = "assay-test";

inline ledger::PrivateKey key_of(uint8_t number) {
    Bytes secret(32);
    secret.back() = number;
    return ledger::PrivateKey::from_bytes(secret).value();
}
inline TlsIdentity identity_of(uint8_t number, const std::string& chain = kChain) {
    return make_tls_identity(key_of(number), chain).value();
}

// Waits for what another thread does; false when it never happens.
template <typename Condition>
bool eventually(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

class FakeEngine : public ledger::Engine {
public:
    Status start() override { return {}; }
    void stop() override {}
    ledger::CheckResult submit(ByteView tx) override {
        const std::lock_guard lock(mutex_);
        submitted_.push_back(bytes_of(tx));
        ledger::CheckResult result;
        result.code = answer;
        result.log = "as told";
        return result;
    }
    uint64_t height() const override {
        const std::lock_guard lock(mutex_);
        return blocks_.size();
    }
    Hash256 head_hash() const override { return compute::chunk_hash(view_of("head")); }
    Result<Bytes> encoded_block(uint64_t height) const override {
        const std::lock_guard lock(mutex_);
        if (height == 0 || height > blocks_.size()) return fail(Code::kNotFound, "no such block");
        return bytes_of(blocks_[height - 1].block.SerializeAsString());
    }
    Result<ledger::CommittedBlock> block(uint64_t) const override {
        return fail(Code::kUnsupported, "not in this fake");
    }
    std::optional<ledger::TxLocation> find_tx(const Hash256&) const override { return {}; }
    size_t mempool_size() const override { return 0; }
    const pb::Genesis& genesis() const override { return genesis_; }
    uint64_t next_nonce(const ledger::Address&) const override { return 0; }
    uint64_t subscribe(Listener listener) override {
        const std::lock_guard lock(listener_mutex_);
        listeners_.emplace(++tokens_, std::move(listener));
        return tokens_;
    }
    void unsubscribe(uint64_t token) override {
        const std::lock_guard lock(listener_mutex_);
        listeners_.erase(token);
    }
    std::string failure() const override { return {}; }

    void commit() {
        ledger::CommittedBlock committed;
        {
            const std::lock_guard lock(mutex_);
            committed.block.mutable_header()->set_chain_id(kChain);
            committed.block.mutable_header()->set_height(blocks_.size() + 1);
            blocks_.push_back(committed);
        }
        const std::lock_guard lock(listener_mutex_);
        for (const auto& [token, listener] : listeners_) listener(committed);
    }
    std::vector<Bytes> submitted() const {
        const std::lock_guard lock(mutex_);
        return submitted_;
    }
    size_t listeners() const {
        const std::lock_guard lock(listener_mutex_);
        return listeners_.size();
    }
    std::atomic<ledger::TxCode> answer{ledger::TxCode::kOk};

private:
    pb::Genesis genesis_;
    mutable std::mutex mutex_;
    std::vector<ledger::CommittedBlock> blocks_;  // guarded by mutex_
    std::vector<Bytes> submitted_;                // guarded by mutex_
    mutable std::mutex listener_mutex_;
    uint64_t tokens_ = 0;                     // guarded by listener_mutex_
    std::map<uint64_t, Listener> listeners_;  // guarded by listener_mutex_
};

inline uint64_t height_in(ByteView encoded_block) {
    pb::Block block;
    return block.ParseFromArray(encoded_block.data(), static_cast<int>(encoded_block.size()))
               ? block.header().height()
               : 0;
}

// Accepts connections, by its backlog, and never says a word.
class SilentPort {
public:
    SilentPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(socket_, 16), 0);
        EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        port_ = ntohs(address.sin_port);
    }
    ~SilentPort() { ::close(socket_); }
    SilentPort(const SilentPort&) = delete;
    SilentPort& operator=(const SilentPort&) = delete;
    int socket() const { return socket_; }
    std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

private:
    const int socket_;
    uint16_t port_ = 0;
};

class PeerFixture : public StoreFixture {
protected:
    static constexpr uint8_t kServerKey = 1, kClientKey = 2;

    // Serves `engine_` and the store "server".
    std::unique_ptr<PeerServer> serve(PeerServerConfig config = {}) {
        if (!server_store_) server_store_ = open(uint64_t{1} << 30, "server");
        config.chain_id = kChain;
        config.genesis_hash = compute::chunk_hash(view_of("genesis"));
        if (config.identity.key_pem.empty()) config.identity = identity_of(kServerKey);
        auto server = PeerServer::start(std::move(config), engine_, *server_store_);
        EXPECT_TRUE(server.ok()) << server.error().message;
        return std::move(server).value();
    }
    static std::string endpoint(const PeerServer& server) {
        return "127.0.0.1:" + std::to_string(server.port());
    }
    static std::unique_ptr<PeerClient> client(const PeerServer& server,
                                              const TlsIdentity& identity = identity_of(kClientKey),
                                              const std::string& chain = kChain) {
        return std::make_unique<PeerClient>(endpoint(server), identity, chain);
    }

    FakeEngine engine_;
    std::unique_ptr<BlobStore> server_store_;
};

}  // namespace assay::node::testing
