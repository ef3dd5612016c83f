// What the ledger asks of the rules it executes. contracts/ implements it; the ledger knows nothing
// else of jobs or money.
//
// All calls are deterministic functions of their arguments: no clock, float, locale, environment or
// unordered iteration. Threads: const and stateless; callable from several threads at once.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "ledger.pb.h"
#include "ledger/codec/address.h"
#include "ledger/codec/block.h"
#include "ledger/codec/checked_tx.h"
#include "ledger/codec/tx_code.h"
#include "ledger/state/view.h"

namespace assay::ledger {

// A validator voted twice for one height.
struct Misbehavior {
    Bytes consensus_address;  // 20 bytes
    uint64_t height = 0;
};

struct BlockInfo {
    std::string chain_id;
    uint64_t height = 0;
    uint64_t time_ms = 0;      // header time
    Hash256 beacon;            // unpredictable before the previous block was signed
    uint64_t previous_ms = 0;  // header time of the block before; 0 for the first
    std::vector<Misbehavior> misbehavior;
    uint32_t app_version = 0;         // of the rules that this block is executed under
    std::optional<Address> producer;  // the genesis's; none: validators decide
};

struct ValidatorPower {
    Bytes consensus_key;  // Ed25519, 32 bytes
    uint64_t power = 0;
    bool operator==(const ValidatorPower&) const = default;
};

using EventAttributes = std::vector<std::pair<std::string, std::string>>;
struct PendingEvent {
    std::string type;
    EventAttributes attributes;
};
using Events = std::vector<PendingEvent>;

struct TxOutcome {
    TxCode code = TxCode::kOk;
    uint64_t fee_charged = 0;
};

class Rules {
public:
    virtual ~Rules() = default;

    // The newest version of the rules that this program knows; it knows all from
    // kOldestAppVersion.
    [[nodiscard]] virtual uint32_t newest_version() const { return kAppVersion; }
    // What the state, as it is before block `height`, says of the version that block needs;
    // nullopt: that of the genesis.
    [[nodiscard]] virtual std::optional<uint32_t> upgraded_version(const ReadView& /*before*/,
                                                                   uint64_t /*height*/) const {
        return std::nullopt;
    }
    virtual Status init_genesis(const pb::Genesis& genesis, State& state) const = 0;
    // Bytes only: payload decodes, fields in range, fee at least the floor. Never a claimed code.
    // `version`: of the rules of the block that is to take it. `why` is set to what is wrong where
    // the code alone does not tell; it is for people only.
    [[nodiscard]] virtual TxCode preflight(const CheckedTx& tx, uint32_t version,
                                           std::string& why) const = 0;
    // Read-only state: nonce, fee payable.
    [[nodiscard]] virtual TxCode preclaim(const CheckedTx& tx, const ReadView& state) const = 0;
    // The nonce that the next transaction of `sender` must carry (0 for an unknown account).
    [[nodiscard]] virtual uint64_t next_nonce(const Address& sender,
                                              const ReadView& state) const = 0;
    // Keys that apply() will probably read, to be fetched before it on several threads; those that
    // most transactions share need not be named.
    [[nodiscard]] virtual std::vector<Bytes> likely_reads(const CheckedTx& /*tx*/) const {
        return {};
    }
    // Full effect. On a claimed code only fee and nonce remain. On a non-included code, nothing.
    virtual TxOutcome apply(const CheckedTx& tx, const BlockInfo& block, State& state,
                            Events& events) const = 0;
    // Timed edges and matching, after the block's transactions.
    virtual void end_block(const BlockInfo& block, State& state, Events& events) const = 0;
    // Who is to order blocks, ascending by key; empty: those of the genesis, for ever.
    [[nodiscard]] virtual std::vector<ValidatorPower> validators(const ReadView& state) const = 0;
    // The laws that hold across any set of changes; a sentence naming the broken law, key and
    // values.
    [[nodiscard]] virtual std::optional<std::string> broken_invariant(
        const State& changed) const = 0;
    // Laws over the whole state (slow): audit and tests.
    [[nodiscard]] virtual std::optional<std::string> broken_global_invariant(
        const ReadView& state) const = 0;
};

}  // namespace assay::ledger
