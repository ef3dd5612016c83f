// Typed access to the flat state: one getter and one setter per kind of object.
//
// Ownership: borrows the view or state. Threads: as the view underneath. Errors: an absent object
// is nullopt (or an empty Account, Reputation, Totals,
// Progress); bytes that do not parse abort, because only
// these rules write them and the state root covers them.
#pragma once

#include <optional>

#include "contracts.pb.h"
#include "contracts/keys.h"
#include "ledger/state/view.h"

namespace assay::contracts {

using ledger::Address;
using ledger::ReadView;
using ledger::State;

class Reader {
public:
    explicit Reader(const ReadView& view) : view_(view) {}

    [[nodiscard]] const ReadView& view() const { return view_; }
    [[nodiscard]] pb::Params params() const;
    [[nodiscard]] pb::Totals totals() const;
    [[nodiscard]] pb::Progress progress() const;
    [[nodiscard]] pb::ValidatorSet validator_set() const;
    [[nodiscard]] std::optional<pb::Upgrade> upgrade() const;
    // Who registered the consensus key with this address (20 bytes).
    [[nodiscard]] std::optional<Address> consensus_key_owner(ByteView consensus_address) const;
    [[nodiscard]] pb::Account account(const Address& owner) const;
    [[nodiscard]] std::optional<pb::Stake> stake(const Address& owner) const;
    [[nodiscard]] std::optional<pb::Provider> provider(const Address& owner) const;
    [[nodiscard]] pb::Reputation reputation(const Address& owner) const;
    [[nodiscard]] std::optional<pb::Job> job(ByteView id) const;
    [[nodiscard]] std::optional<pb::Task> task(ByteView id) const;

private:
    const ReadView& view_;
};

class Store : public Reader {
public:
    explicit Store(State& state) : Reader(state), state_(state) {}

    State& state() { return state_; }
    void put(const pb::Params& params);
    void put(const pb::Totals& totals);
    void put(const pb::Progress& progress);
    void put(const pb::ValidatorSet& set);
    void put(const pb::Upgrade& upgrade);
    void put_consensus_key_owner(ByteView consensus_address, const Address& owner);
    void put(const Address& owner, const pb::Account& account);
    void put(const Address& owner, const pb::Stake& stake);  // save_stake keeps the ranks too
    void put(const pb::Provider& provider);
    void put(const Address& owner, const pb::Reputation& reputation);
    void put(const pb::Job& job);
    void put(const pb::Task& task);  // the object alone; tasks/save_task keeps its indexes too
    void mark(const Bytes& key);     // an index entry: the key is the information
    void erase(const Bytes& key);

private:
    State& state_;
};

// A stored object; aborts on bytes of another type.
template <typename Message>
[[nodiscard]] Message parse_stored(ByteView value);

[[nodiscard]] Address stored_address(std::string_view raw);  // stored, therefore 20 bytes
[[nodiscard]] inline std::string to_raw(const Address& address) {
    return std::string(text_of(address.view()));
}

}  // namespace assay::contracts
