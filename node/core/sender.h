// Signs transactions with one key and hands them to the engine.
//
// Ownership: borrows the engine and the key. Threads: any; sends are serialised so that nonces
// follow each other. Errors: kRejected carries the ledger's result code name and its remedy.
#pragma once

#include <mutex>
#include <string>

#include "base/result.h"
#include "ledger/crypto/keys.h"
#include "ledger/engine/engine.h"

namespace assay::node {

class TxSender {
public:
    TxSender(ledger::Engine& engine, const ledger::PrivateKey& key);

    // payload: the canonical encoding of the message of that transaction type. Returns the hash.
    Result<Hash256> send(uint32_t type, ByteView payload);
    const ledger::Address& address() const { return address_; }

private:
    ledger::Engine& engine_;
    const ledger::PrivateKey& key_;
    const ledger::Address address_;
    const uint64_t fee_;
    std::mutex mutex_;
};

}  // namespace assay::node
