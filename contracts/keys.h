// Keys of the state tree: one tag byte, then the object's key (docs/formats/state.md lists them).
//
// Integers inside keys are big-endian so that the ledger's key order is their order. Tags are
// frozen. Threads: pure functions.
#pragma once

#include "base/bytes.h"
#include "ledger/codec/address.h"

namespace assay::contracts::keys {

using ledger::Address;

enum class Tag : uint8_t {  // 0x00 is the ledger's own (ledger/anchor.h)
    kParams = 0x01,         // - -> Params
    kTotals = 0x02,         // - -> Totals
    kProgress = 0x03,       // - -> Progress
    kValidatorSet = 0x04,   // - -> ValidatorSet
    kUpgrade = 0x05,        // - -> Upgrade, once there was one
    kAccount = 0x10,        // address -> Account
    kStake = 0x11,          // address -> Stake
    kUnbonding = 0x12,      // release_ms, address -> 01; the order of releases
    kValidatorRank = 0x13,  // inverted power, address -> 01; validators, most power first
    kConsensusKey = 0x14,   // consensus address -> operator's address; never erased
    kProvider = 0x20,       // address -> Provider
    kReputation = 0x21,     // address -> Reputation
    kJob = 0x30,            // job id -> Job
    kTask = 0x40,           // task id -> Task
    kJobTask = 0x41,        // job id, round, kind, shard -> task id
    kDue = 0x42,            // due_ms, task id -> 01; the order of timed edges
    kVacant = 0x43,         // inverted priority, vacant_ms, task id -> 01; the order of matching
    kOperatorTask = 0x44,   // address, task id -> 01 while stake is locked in that task
};

inline Bytes tagged(Tag tag) {
    return {static_cast<uint8_t>(tag)};
}
inline Bytes tagged(Tag tag, ByteView rest) {
    Bytes key = tagged(tag);
    append(key, rest);
    return key;
}
inline Bytes params() {
    return tagged(Tag::kParams);
}
inline Bytes totals() {
    return tagged(Tag::kTotals);
}
inline Bytes progress() {
    return tagged(Tag::kProgress);
}
inline Bytes account(const Address& owner) {
    return tagged(Tag::kAccount, owner.view());
}
inline Bytes stake(const Address& owner) {
    return tagged(Tag::kStake, owner.view());
}
inline Bytes unbonding(uint64_t release_ms, const Address& owner) {
    Bytes key = tagged(Tag::kUnbonding);
    append_be64(key, release_ms);
    append(key, owner.view());
    return key;
}
inline Bytes validator_set() {
    return tagged(Tag::kValidatorSet);
}
inline Bytes upgrade() {
    return tagged(Tag::kUpgrade);
}
inline Bytes validator_rank(uint64_t power, const Address& owner) {
    Bytes key = tagged(Tag::kValidatorRank);
    append_be64(key, ~power);
    append(key, owner.view());
    return key;
}
inline Bytes consensus_key(ByteView consensus_address) {
    return tagged(Tag::kConsensusKey, consensus_address);
}
inline Bytes provider(const Address& owner) {
    return tagged(Tag::kProvider, owner.view());
}
inline Bytes reputation(const Address& owner) {
    return tagged(Tag::kReputation, owner.view());
}
inline Bytes job(ByteView id) {
    return tagged(Tag::kJob, id);
}
inline Bytes task(ByteView id) {
    return tagged(Tag::kTask, id);
}
inline Bytes job_task(ByteView job_id, uint32_t round, uint32_t kind, uint32_t shard) {
    Bytes key = tagged(Tag::kJobTask, job_id);
    append_be32(key, round);
    append_be32(key, kind);
    append_be32(key, shard);
    return key;
}
inline Bytes due(uint64_t due_ms, ByteView task_id) {
    Bytes key = tagged(Tag::kDue);
    append_be64(key, due_ms);
    append(key, task_id);
    return key;
}
inline Bytes vacant(uint32_t priority, uint64_t vacant_ms, ByteView task_id) {
    Bytes key = tagged(Tag::kVacant);
    append_be32(key, ~priority);
    append_be64(key, vacant_ms);
    append(key, task_id);
    return key;
}
inline Bytes operator_task(const Address& owner, ByteView task_id) {
    Bytes key = tagged(Tag::kOperatorTask, owner.view());
    append(key, task_id);
    return key;
}

inline Tag tag_of(ByteView key) {
    return static_cast<Tag>(key[0]);
}

}  // namespace assay::contracts::keys
