#include "tests/contracts/scenario.h"

namespace assay::test {

std::vector<Address> add_providers(Env& env, int count, const ProviderOptions& options) {
    std::vector<Address> operators;
    for (int i = 1; i <= count; ++i) {
        operators.push_back(named("p" + std::to_string(i)));
        env(bond(operators.back(), 10 * kMinStake));
        env(register_provider(operators.back(), options));
    }
    env.close();
    return operators;
}

Hash256 post(Env& env, const pb::JobSpec& spec) {
    const Address alice = named("alice");
    const uint64_t nonce = contracts::get_account(env.view(), alice).nonce();
    env(post_job(alice, spec, escrow_of(spec)));
    return job_of(alice, nonce);
}

std::vector<Address> in_state(const Env& env, const Hash256& task, pb::SlotState state) {
    std::vector<Address> operators;
    const pb::Task found = env.task(task);
    for (const pb::Slot& slot : found.slots())
        if (slot.state() == state) operators.push_back(*Address::from(slot.operator_()));
    return operators;
}

void assign(Env& env) {
    env.close();
    env.close();
}

void accept_offers(Env& env, const Hash256& task) {
    for (const Address& op : in_state(env, task, pb::SLOT_OFFERED)) env(accept(op, task));
}

void commit_accepted(Env& env, const Hash256& task, const ResultOf& result_of) {
    size_t index = 0;
    for (const Address& op : in_state(env, task, pb::SLOT_ACCEPTED))
        env(commit(op, task, result_of(index++)));
}

void reveal_committed(Env& env, const Hash256& task, const ResultOf& result_of) {
    size_t index = 0;
    for (const Address& op : in_state(env, task, pb::SLOT_COMMITTED))
        env(reveal(op, task, result_of(index++)));
}

void vote(Env& env, const Hash256& task, const ResultOf& result_of) {
    accept_offers(env, task);
    commit_accepted(env, task, result_of);
    reveal_committed(env, task, result_of);
}

ResultOf all_say(std::string text) {
    return [text = std::move(text)](size_t) { return result_named(text); };
}

ResultOf each_says(std::vector<std::string> texts) {
    return [texts = std::move(texts)](size_t index) { return result_named(texts.at(index)); };
}

}  // namespace assay::test
