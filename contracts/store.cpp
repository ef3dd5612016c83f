#include "contracts/store.h"

#include <cstdio>
#include <cstdlib>

#include "ledger/codec/canonical.h"

namespace assay::contracts {
namespace {

template <typename Message>
std::optional<Message> read(const ReadView& view, const Bytes& key) {
    const auto value = view.get(key);
    if (!value) return std::nullopt;
    return parse_stored<Message>(*value);
}

}  // namespace

template <typename Message>
Message parse_stored(ByteView value) {
    Message message;
    if (!message.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
        std::fprintf(stderr, "state object of type %s does not parse: the store is corrupt\n",
                     message.GetTypeName().c_str());
        std::abort();
    }
    return message;
}
template pb::Account parse_stored<pb::Account>(ByteView);
template pb::Stake parse_stored<pb::Stake>(ByteView);
template pb::Provider parse_stored<pb::Provider>(ByteView);
template pb::Reputation parse_stored<pb::Reputation>(ByteView);
template pb::Job parse_stored<pb::Job>(ByteView);
template pb::Task parse_stored<pb::Task>(ByteView);
template pb::Totals parse_stored<pb::Totals>(ByteView);
template pb::Progress parse_stored<pb::Progress>(ByteView);
template pb::Params parse_stored<pb::Params>(ByteView);
template pb::ValidatorSet parse_stored<pb::ValidatorSet>(ByteView);
template pb::Upgrade parse_stored<pb::Upgrade>(ByteView);

pb::Params Reader::params() const {
    return read<pb::Params>(view_, keys::params()).value_or(pb::Params());
}
pb::Totals Reader::totals() const {
    return read<pb::Totals>(view_, keys::totals()).value_or(pb::Totals());
}
pb::Progress Reader::progress() const {
    return read<pb::Progress>(view_, keys::progress()).value_or(pb::Progress());
}
pb::ValidatorSet Reader::validator_set() const {
    return read<pb::ValidatorSet>(view_, keys::validator_set()).value_or(pb::ValidatorSet());
}
std::optional<pb::Upgrade> Reader::upgrade() const {
    return read<pb::Upgrade>(view_, keys::upgrade());
}
std::optional<Address> Reader::consensus_key_owner(ByteView consensus_address) const {
    const auto value = view_.get(keys::consensus_key(consensus_address));
    return value ? Address::from(*value) : std::nullopt;
}
pb::Account Reader::account(const Address& owner) const {
    return read<pb::Account>(view_, keys::account(owner)).value_or(pb::Account());
}
std::optional<pb::Stake> Reader::stake(const Address& owner) const {
    return read<pb::Stake>(view_, keys::stake(owner));
}
std::optional<pb::Provider> Reader::provider(const Address& owner) const {
    return read<pb::Provider>(view_, keys::provider(owner));
}
pb::Reputation Reader::reputation(const Address& owner) const {
    return read<pb::Reputation>(view_, keys::reputation(owner)).value_or(pb::Reputation());
}
std::optional<pb::Job> Reader::job(ByteView id) const {
    return read<pb::Job>(view_, keys::job(id));
}
std::optional<pb::Task> Reader::task(ByteView id) const {
    return read<pb::Task>(view_, keys::task(id));
}

void Store::put(const pb::Params& params) {
    state_.put(keys::params(), ledger::encode_message(params));
}
void Store::put(const pb::Totals& totals) {
    state_.put(keys::totals(), ledger::encode_message(totals));
}
void Store::put(const pb::Progress& progress) {
    state_.put(keys::progress(), ledger::encode_message(progress));
}
void Store::put(const pb::ValidatorSet& set) {
    state_.put(keys::validator_set(), ledger::encode_message(set));
}
void Store::put(const pb::Upgrade& upgrade) {
    state_.put(keys::upgrade(), ledger::encode_message(upgrade));
}
void Store::put_consensus_key_owner(ByteView consensus_address, const Address& owner) {
    state_.put(keys::consensus_key(consensus_address), bytes_of(owner.view()));
}
void Store::put(const Address& owner, const pb::Account& account) {
    state_.put(keys::account(owner), ledger::encode_message(account));
}
void Store::put(const Address& owner, const pb::Stake& stake) {
    state_.put(keys::stake(owner), ledger::encode_message(stake));
}
void Store::put(const pb::Provider& provider) {
    state_.put(keys::provider(stored_address(provider.operator_())),
               ledger::encode_message(provider));
}
void Store::put(const Address& owner, const pb::Reputation& reputation) {
    state_.put(keys::reputation(owner), ledger::encode_message(reputation));
}
void Store::put(const pb::Job& job) {
    state_.put(keys::job(view_of(job.id())), ledger::encode_message(job));
}
void Store::put(const pb::Task& task) {
    state_.put(keys::task(view_of(task.id())), ledger::encode_message(task));
}
void Store::mark(const Bytes& key) {
    state_.put(key, Bytes{1});
}
void Store::erase(const Bytes& key) {
    state_.erase(key);
}

Address stored_address(std::string_view raw) {
    const auto address = Address::from(raw);
    if (!address) {
        std::fprintf(stderr, "stored address of %zu bytes: the store is corrupt\n", raw.size());
        std::abort();
    }
    return *address;
}

}  // namespace assay::contracts
