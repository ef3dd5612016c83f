// A chain of ToyRules in a temporary directory, driven block by block or by its own thread.
// Ownership: removes its directory. Threads: as the engine's. Errors: abort the test.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "ledger/codec/block.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/keys.h"
#include "ledger/engine/embedded_producer.h"
#include "ledger/local_application.h"
#include "tests/ledger/engine/toy_rules.h"

namespace assay::ledger::testing {

inline constexpr uint64_t kToyGenesisTimeMs = 1'700'000'000'000;
inline constexpr uint64_t kToyBalance = 1'000'000'000;
inline constexpr size_t kToyAccounts = 4;

class TempDirectory {
public:
    TempDirectory() : path_((std::filesystem::temp_directory_path() / "assay-XXXXXX").string()) {
        if (mkdtemp(path_.data()) == nullptr) std::abort();
    }
    ~TempDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;
    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

// Key 0 is the producer's, 1.. the accounts'.
inline PrivateKey toy_key(uint8_t index) {
    Bytes secret(32, 0x11);
    secret[31] = static_cast<uint8_t>(index + 1);
    return PrivateKey::from_bytes(secret).value();
}
inline Address toy_address(uint8_t index) {
    return toy_key(index).address();
}

inline pb::Genesis toy_genesis() {
    pb::Genesis genesis;
    genesis.set_chain_id("toy-1");
    genesis.set_time_ms(kToyGenesisTimeMs);
    genesis.set_app_version(kToyVersion);
    genesis.set_producer(std::string(text_of(toy_address(0).view())));
    for (uint8_t i = 1; i <= kToyAccounts; ++i) {
        pb::GenesisAccount* account = genesis.add_accounts();
        account->set_address(std::string(text_of(toy_address(i).view())));
        account->set_balance(kToyBalance);
    }
    return genesis;
}

struct ToyTx {
    uint8_t from = 1;
    uint64_t nonce = 0;
    uint64_t fee = kToyMinFee;
    uint64_t expiry = 1'000'000;
    std::string chain_id = "toy-1";
};

inline Bytes sign_toy(const ToyTx& tx, uint32_t type, const Bytes& payload) {
    pb::TxBody body;
    body.set_chain_id(tx.chain_id);
    body.set_nonce(tx.nonce);
    body.set_fee(tx.fee);
    body.set_expiry_height(tx.expiry);
    body.set_type(type);
    body.set_payload(std::string(text_of(payload)));
    return sign_transaction(body, toy_key(tx.from)).value();
}
inline Bytes toy_transfer(const ToyTx& tx, uint8_t to, uint64_t amount) {
    Bytes payload = bytes_of(toy_address(to).view());
    append_be64(payload, amount);
    return sign_toy(tx, kToyTransfer, payload);
}
inline Bytes toy_mint(const ToyTx& tx, uint64_t amount) {
    Bytes payload;
    append_be64(payload, amount);
    return sign_toy(tx, kToyMint, payload);
}

inline Bytes toy_upgrade(const ToyTx& tx, uint32_t version, uint64_t height) {
    Bytes payload;
    append_be32(payload, version);
    append_be64(payload, height);
    return sign_toy(tx, kToyUpgrade, payload);
}

// Database and application, without an engine.
struct ToyNode {
    explicit ToyNode(const std::string& directory, const DatabaseOptions& options = {},
                     uint32_t newest = kToyVersion)
        : rules(newest),
          database(Database::open(directory, options).value()),
          app(LocalApplication::open(rules, *database).value()) {}
    ToyRules rules;
    std::unique_ptr<Database> database;
    std::unique_ptr<LocalApplication> app;
};

// A producer whose clock is `now_ms`.
struct ToyChain {
    explicit ToyChain(const std::string& directory, MempoolLimits limits = {},
                      uint32_t newest = kToyVersion)
        : node(directory, {.sync = false}, newest) {
        ProducerOptions options;
        options.clock = [this] { return now_ms.load(); };
        options.mempool = limits;
        producer = EmbeddedProducer::create(*node.app, *node.database, toy_genesis(), toy_key(0),
                                            std::move(options))
                       .value();
    }
    ToyAccount account(uint8_t index) const {
        return toy_account(*node.app->committed_state(), toy_address(index));
    }
    // One block, one second later.
    CommittedBlock close() {
        now_ms += 1000;
        return producer->produce_block().value();
    }

    std::atomic<uint64_t> now_ms{kToyGenesisTimeMs};
    ToyNode node;
    std::unique_ptr<EmbeddedProducer> producer;
};

}  // namespace assay::ledger::testing
