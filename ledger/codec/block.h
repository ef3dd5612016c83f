// Blocks, headers and the genesis document: encoding, hashes, roots and the producer's signature
// (docs/formats/ledger.md).
//
// Ownership: values only. Threads: pure functions. Errors: kCorrupt or kLimit with a message that
// starts with the field, as in "header.app_hash: ...".
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger.pb.h"
#include "ledger/codec/address.h"

namespace assay::ledger {

class PrivateKey;

// A block fits a gRPC message of the default size (4 MiB) with room to spare.
inline constexpr size_t kMaxBlockBytes = 3 * 1024 * 1024;
inline constexpr size_t kMaxBlockTransactions = 20'000;
// What is left for raw transactions after header, signature, results and framing.
inline constexpr size_t kMaxBlockTxBytes = kMaxBlockBytes - 512 * 1024;
inline constexpr size_t kMaxGenesisBytes = 64 * 1024 * 1024;
inline constexpr size_t kMaxGenesisAccounts = 1'000'000;
// Of the rules that this program knows: those of the oldest chain that it can execute, and its own.
inline constexpr uint32_t kOldestAppVersion = 2;
inline constexpr uint32_t kAppVersion = 3;
inline constexpr size_t kMaxValidators = 128;
inline constexpr size_t kMaxMisbehaviors = 1024;  // in one block
inline constexpr uint64_t kMaxValidatorPower = 1'000'000'000'000;

[[nodiscard]] Hash256 header_hash(const pb::BlockHeader& header);
[[nodiscard]] Hash256 genesis_hash(const pb::Genesis& genesis);
// What the rules of block `height` draw from: fixed by, and unknown before, the previous header.
[[nodiscard]] Hash256 beacon_after(const Hash256& previous_header_hash);

[[nodiscard]] Hash256 transactions_root(const std::vector<Bytes>& transactions);
[[nodiscard]] Hash256 transactions_root(const pb::Block& block);
[[nodiscard]] Hash256 results_root(const std::vector<pb::TxResult>& results);
[[nodiscard]] Hash256 results_root(const pb::Block& block);

[[nodiscard]] Result<Bytes> sign_header(const pb::BlockHeader& header, const PrivateKey& key);
// True if `signature` over the header is by the address in header.producer.
[[nodiscard]] bool is_signed_by_producer(const pb::BlockHeader& header, ByteView signature);

// Encoded size within kMaxBlockBytes, canonical, every fixed-size field of its size, one result a
// transaction. Says nothing about signature, roots or effects.
[[nodiscard]] Result<pb::Block> decode_block(ByteView encoded);
[[nodiscard]] Result<Bytes> encode_block(const pb::Block& block);

// Valid chain id, producer of 20 bytes, no account twice and a sum of balances below 2^63.
Status check_genesis(const pb::Genesis& genesis);
[[nodiscard]] Result<pb::Genesis> decode_genesis(ByteView encoded);
[[nodiscard]] Result<Bytes> encode_genesis(const pb::Genesis& genesis);

}  // namespace assay::ledger
