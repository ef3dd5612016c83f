// ToyRules: the smallest rules with money, nonces, failures and timed edges, so that the ledger is
// tested without the contracts.
//
// State: 'a' + address -> be64 balance, be64 nonce; 's' -> be64 supply; 'f' -> be64 fees collected;
// 't' -> be64 seconds of the last tick. Transactions: 1 transfer (20-byte recipient, be64 amount);
// 2 mint (be64 amount), which breaks the supply law on purpose; 3 note (any bytes, above
// kToyVersion at least one; emits an event, which above it tells the version); 4 upgrade (be32
// version, be64 height). Ownership: none. Threads: const and stateless. Errors: TxCodes;
// init_genesis takes any genesis.
#pragma once

#include <atomic>

#include "ledger/rules.h"

namespace assay::ledger::testing {

inline constexpr uint32_t kToyTransfer = 1;
inline constexpr uint32_t kToyMint = 2;
inline constexpr uint32_t kToyNote = 3;
inline constexpr uint32_t kToyUpgrade = 4;
inline constexpr uint64_t kToyMinFee = 10;
// Of a toy chain's genesis, and the newest that its programs know unless told otherwise. Not the
// newest of this program: chains that began long ago are what upgrades are for.
inline constexpr uint32_t kToyVersion = kOldestAppVersion;
inline constexpr uint64_t kToyTickSeconds = 10;

struct ToyAccount {
    uint64_t balance = 0;
    uint64_t nonce = 0;
};

inline Bytes toy_account_key(const Address& address) {
    Bytes key{'a'};
    append(key, address.view());
    return key;
}

inline ToyAccount toy_account(const ReadView& state, const Address& address) {
    const auto raw = state.get(toy_account_key(address));
    if (!raw) return {};
    return {read_be64(ByteView(*raw).first(8)), read_be64(ByteView(*raw).subspan(8))};
}

inline uint64_t toy_number(const ReadView& state, char tag) {
    const auto raw = state.get(Bytes{static_cast<uint8_t>(tag)});
    return raw ? read_be64(*raw) : 0;
}

class ToyRules : public Rules {
public:
    explicit ToyRules(uint32_t newest = kToyVersion) : newest_(newest) {}
    uint32_t newest_version() const override { return newest_; }
    std::optional<uint32_t> upgraded_version(const ReadView& before,
                                             uint64_t height) const override {
        const auto raw = before.get(Bytes{'u'});  // be32 version, be64 height, be32 until then
        if (!raw) return std::nullopt;
        const ByteView bytes = *raw;
        return height >= read_be64(bytes.subspan(4)) ? read_be32(bytes)
                                                     : read_be32(bytes.subspan(12));
    }

    Status init_genesis(const pb::Genesis& genesis, State& state) const override {
        uint64_t supply = 0;
        for (const pb::GenesisAccount& account : genesis.accounts()) {
            put_account(state, *Address::from(account.address()), {account.balance(), 0});
            supply += account.balance();
        }
        put_number(state, 's', supply);
        put_number(state, 't', genesis.time_ms() / 1000 / kToyTickSeconds);
        return {};
    }

    TxCode preflight(const CheckedTx& tx, uint32_t version, std::string&) const override {
        const size_t size = tx.body.payload().size();
        if (tx.body.fee() < kToyMinFee) return TxCode::kFeeTooLow;
        if (tx.body.type() == kToyTransfer)
            return size == 28 ? TxCode::kOk : TxCode::kMalformedPayload;
        if (tx.body.type() == kToyMint) return size == 8 ? TxCode::kOk : TxCode::kMalformedPayload;
        if (tx.body.type() == kToyUpgrade)
            return size == 12 ? TxCode::kOk : TxCode::kMalformedPayload;
        if (tx.body.type() != kToyNote) return TxCode::kUnknownType;
        return version <= kToyVersion || size > 0 ? TxCode::kOk : TxCode::kMalformedPayload;
    }

    TxCode preclaim(const CheckedTx& tx, const ReadView& state) const override {
        const ToyAccount sender = toy_account(state, tx.sender);
        if (tx.body.nonce() < sender.nonce) return TxCode::kNonceUsed;
        if (tx.body.nonce() > sender.nonce) return TxCode::kNonceGap;
        return sender.balance < tx.body.fee() ? TxCode::kCannotPayFee : TxCode::kOk;
    }

    uint64_t next_nonce(const Address& sender, const ReadView& state) const override {
        return toy_account(state, sender).nonce;
    }

    TxOutcome apply(const CheckedTx& tx, const BlockInfo& block, State& state,
                    Events& events) const override {
        ToyAccount sender = toy_account(state, tx.sender);
        const uint64_t fee = tx.body.fee();
        sender.balance -= fee;
        sender.nonce += 1;
        put_account(state, tx.sender, sender);
        put_number(state, 'f', toy_number(state, 'f') + fee);
        const ByteView payload = view_of(tx.body.payload());
        if (tx.body.type() == kToyTransfer) {
            const uint64_t amount = read_be64(payload.subspan(20));
            if (amount > sender.balance) return {TxCode::kInsufficientFunds, fee};
            const Address to = *Address::from(payload.first(20));
            sender.balance -= amount;
            put_account(state, tx.sender, sender);
            ToyAccount receiver = toy_account(state, to);
            receiver.balance += amount;
            put_account(state, to, receiver);
            events.push_back({"toy.transfer", {{"amount", std::to_string(amount)}}});
        } else if (tx.body.type() == kToyMint) {
            sender.balance += read_be64(payload);
            put_account(state, tx.sender, sender);
        } else if (tx.body.type() == kToyUpgrade) {
            Bytes upgrade = bytes_of(payload);
            append_be32(upgrade, block.app_version);
            state.put(Bytes{'u'}, std::move(upgrade));
        } else {
            events.push_back({"toy.note", {{"bytes", to_hex(payload)}}});
            if (block.app_version > kToyVersion)
                events.back().attributes.emplace_back("version", std::to_string(block.app_version));
        }
        return {TxCode::kOk, fee};
    }

    void end_block(const BlockInfo& block, State& state, Events& events) const override {
        ++executed_blocks_;
        for (const Misbehavior& each : block.misbehavior)
            events.push_back({"toy.double_vote", {{"who", to_hex(each.consensus_address)}}});
        const uint64_t tick = block.time_ms / 1000 / kToyTickSeconds;
        if (tick == toy_number(state, 't')) return;
        put_number(state, 't', tick);
        events.push_back({"toy.tick", {{"beacon", to_hex(block.beacon)}}});
    }

    // One, whose power is the tick.
    std::vector<ValidatorPower> validators(const ReadView& state) const override {
        const uint64_t tick = toy_number(state, 't');
        if (tick == 0) return {};
        return {{Bytes(32, uint8_t{7}), tick}};
    }

    std::optional<std::string> broken_invariant(const State& changed) const override {
        uint64_t before = toy_number(changed.base(), 'f');
        uint64_t after = toy_number(changed, 'f');
        for (const auto& [key, value] : changed.changes()) {
            if (key[0] != 'a') continue;
            const auto old = changed.base().get(key);
            if (old) before += read_be64(ByteView(*old).first(8));
            if (value) after += read_be64(ByteView(*value).first(8));
        }
        if (before == after) return std::nullopt;
        return "the sum of balances and fees changed from " + std::to_string(before) + " to " +
               std::to_string(after);
    }

    std::optional<std::string> broken_global_invariant(const ReadView& state) const override {
        uint64_t sum = toy_number(state, 'f');
        const Bytes prefix{'a'};
        state.scan(prefix, [&](ByteView, ByteView value) {
            sum += read_be64(value.first(8));
            return true;
        });
        const uint64_t supply = toy_number(state, 's');
        if (sum == supply) return std::nullopt;
        return "balances and fees are " + std::to_string(sum) + ", the supply is " +
               std::to_string(supply);
    }

    uint64_t executed_blocks() const { return executed_blocks_; }

private:
    const uint32_t newest_;
    mutable std::atomic<uint64_t> executed_blocks_{0};

    static void put_number(State& state, char tag, uint64_t value) {
        Bytes raw;
        append_be64(raw, value);
        state.put(Bytes{static_cast<uint8_t>(tag)}, std::move(raw));
    }
    static void put_account(State& state, const Address& address, const ToyAccount& account) {
        Bytes raw;
        append_be64(raw, account.balance);
        append_be64(raw, account.nonce);
        state.put(toy_account_key(address), std::move(raw));
    }
};

}  // namespace assay::ledger::testing
