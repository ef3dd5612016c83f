// Ready-made situations for the tests of tasks and jobs.
#pragma once

#include "tests/contracts/env.h"

namespace assay::test {

inline constexpr uint64_t kReward = 100;             // one work unit at the default floor
inline constexpr uint64_t kSlotStake = 8 * kReward;  // params.slot_stake_factor

// p1 to pn bond 10 x kMinStake and register; the block is closed.
std::vector<Address> add_providers(Env& env, int count, const ProviderOptions& options = {});

// alice posts `spec` with the exact escrow. The block stays open: nothing is assigned yet.
Hash256 post(Env& env, const pb::JobSpec& spec = tiny_job());

// Operators whose slot of `task` is in `state`, in slot order.
[[nodiscard]] std::vector<Address> in_state(const Env& env, const Hash256& task,
                                            pb::SlotState state);

// Two blocks: the one that posted the task and the one whose beacon assigns it.
void assign(Env& env);

using ResultOf = std::function<TaskResult(size_t index)>;  // by slot order
void accept_offers(Env& env, const Hash256& task);
void commit_accepted(Env& env, const Hash256& task, const ResultOf& result_of);
// Reveals what commit_accepted() committed, for the same indices.
void reveal_committed(Env& env, const Hash256& task, const ResultOf& result_of);
// accept, commit, reveal of all offered slots.
void vote(Env& env, const Hash256& task, const ResultOf& result_of);
[[nodiscard]] ResultOf all_say(std::string text);
// Slot i says texts[i].
[[nodiscard]] ResultOf each_says(std::vector<std::string> texts);

}  // namespace assay::test
