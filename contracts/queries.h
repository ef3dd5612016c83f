// Typed readers over a committed state, for JSON-RPC, the provider agent and audits.
//
// Lists come in pages: pass the last key of one page as the cursor of the next. Threads: as the
// view. Errors: nullopt for what does not exist; a limit above kMaxPageItems is cut to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "contracts/job_spec.h"
#include "contracts/store.h"
#include "market/matching.h"

namespace assay::contracts {

[[nodiscard]] pb::Account get_account(const ReadView& view, const Address& owner);
[[nodiscard]] std::optional<pb::Job> get_job(const ReadView& view, ByteView id);
[[nodiscard]] std::optional<pb::Task> get_task(const ReadView& view, ByteView id);
[[nodiscard]] std::optional<pb::Provider> get_provider(const ReadView& view, const Address& owner);
[[nodiscard]] std::optional<pb::Stake> get_stake(const ReadView& view, const Address& owner);
// Agreements decayed to `now_ms`.
[[nodiscard]] pb::Reputation get_reputation(const ReadView& view, const Address& owner,
                                            uint64_t now_ms);
[[nodiscard]] pb::Totals get_totals(const ReadView& view);
[[nodiscard]] pb::Params get_params(const ReadView& view);

template <typename T>
struct Page {
    std::vector<T> items;
    Bytes next;  // cursor; empty when this was the last page
};

struct JobFilter {
    std::optional<Address> requester;
    pb::JobState state = pb::JOB_UNSPECIFIED;  // any
};
// In id order.
[[nodiscard]] Page<pb::Job> list_jobs(const ReadView& view, const JobFilter& filter, size_t limit,
                                      ByteView cursor);
// A job's tasks so far, in order of round, kind, shard.
[[nodiscard]] Page<pb::Task> list_tasks(const ReadView& view, ByteView job_id, size_t limit,
                                        ByteView cursor);
// In address order.
[[nodiscard]] Page<pb::Provider> list_providers(const ReadView& view, size_t limit,
                                                ByteView cursor);
// Tasks in which the operator's stake is locked: what an agent resumes after a restart.
[[nodiscard]] std::vector<pb::Task> live_tasks_of(const ReadView& view, const Address& owner);

struct Explanation {
    Address op;
    market::Candidate candidate;
    std::string text;
};
// Per provider, best first: would it get a slot of this task if it were matched with `beacon` at
// `now_ms`, and if not, the first rule that excludes it. nullopt for an unknown task.
[[nodiscard]] std::optional<std::vector<Explanation>> explain_task(const ReadView& view,
                                                                   ByteView task_id,
                                                                   const Hash256& beacon,
                                                                   uint64_t now_ms);
// The same for a valid job that is not posted: its TRAIN tasks. Draws are unknown, so ties stay
// open.
[[nodiscard]] Result<std::vector<Explanation>> screen_job(const ReadView& view,
                                                          const pb::JobSpec& spec, uint64_t now_ms);

}  // namespace assay::contracts
