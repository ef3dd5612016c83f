#include "contracts/reputation.h"

#include "contracts/limits.h"

namespace assay::contracts {
namespace {

pb::Reputation current(Context& context, const Address& owner) {
    pb::Reputation reputation = context.store.reputation(owner);
    const uint64_t now = context.now();
    if (reputation.updated_ms() == 0) {
        reputation.set_updated_ms(now);
        return reputation;
    }
    const uint64_t periods = (now - reputation.updated_ms()) / kReputationHalfLifeMs;
    reputation.set_agreements_milli(decayed_agreements(reputation, now));
    reputation.set_updated_ms(reputation.updated_ms() + periods * kReputationHalfLifeMs);
    return reputation;
}

void lose_a_third(pb::Reputation& reputation) {
    reputation.set_agreements_milli(reputation.agreements_milli() / 3 * 2);
}

}  // namespace

uint64_t decayed_agreements(const pb::Reputation& reputation, uint64_t now_ms) {
    if (now_ms <= reputation.updated_ms()) return reputation.agreements_milli();
    const uint64_t periods = (now_ms - reputation.updated_ms()) / kReputationHalfLifeMs;
    return periods >= 64 ? 0 : reputation.agreements_milli() >> periods;
}

void count_agreement(Context& context, const Address& owner) {
    pb::Reputation reputation = current(context, owner);
    reputation.set_agreements_milli(reputation.agreements_milli() + 1000);
    reputation.set_tasks_agreed(reputation.tasks_agreed() + 1);
    reputation.set_declines(0);
    context.store.put(owner, reputation);
}

void count_dissent(Context& context, const Address& owner) {
    pb::Reputation reputation = current(context, owner);
    reputation.set_agreements_milli(0);
    reputation.set_tasks_wrong(reputation.tasks_wrong() + 1);
    context.store.put(owner, reputation);
}

void count_silence(Context& context, const Address& owner) {
    pb::Reputation reputation = current(context, owner);
    lose_a_third(reputation);
    reputation.set_tasks_silent(reputation.tasks_silent() + 1);
    context.store.put(owner, reputation);
}

void count_decline(Context& context, const Address& owner) {
    pb::Reputation reputation = current(context, owner);
    reputation.set_declines(reputation.declines() + 1);
    if (reputation.declines() > 1) lose_a_third(reputation);
    context.store.put(owner, reputation);
}

bool count_missed_accept(Context& context, const Address& owner) {
    pb::Reputation reputation = current(context, owner);
    reputation.set_missed_accepts(reputation.missed_accepts() + 1);
    if (reputation.missed_accepts() > 1) lose_a_third(reputation);
    context.store.put(owner, reputation);
    return reputation.missed_accepts() >= kMaxMissedAccepts;
}

void count_accept(Context& context, const Address& owner) {
    pb::Reputation reputation = context.store.reputation(owner);
    if (reputation.missed_accepts() == 0) return;
    reputation.set_missed_accepts(0);
    context.store.put(owner, reputation);
}

}  // namespace assay::contracts
