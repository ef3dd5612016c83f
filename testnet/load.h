// Signed transactions of a test network, made before a measurement so that only the network is
// measured. Plain function; one thread. Errors: of files and keys.
#pragma once

#include "testnet/network.h"

namespace assay::testnet {

inline constexpr uint64_t kMaxLoadTransactions = 1'000'000;

enum class LoadKind {
    kTransfer,  // 130 bytes: one micro-unit, each to a new account
    kReveal,  // 256 bytes: a task's result; there is no such task, so it costs the fee and no more
};

// `count` transactions by the keys of the first nodes, one a line: number of the sending node,
// base64 of the transaction. Each sender's lines are in nonce order.
Status write_load(const Network& network, LoadKind kind, uint32_t senders, uint64_t count,
                  const std::filesystem::path& file);

}  // namespace assay::testnet
