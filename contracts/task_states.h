// The legal edges of tasks, their slots and jobs: one table for the code that changes states, the
// invariants, the tests and the documents (contracts/README.md is checked against it).
//
// Threads: constants. Errors: none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "contracts.pb.h"

namespace assay::contracts {

struct TaskEdge {
    pb::TaskState from, to;
    std::string_view guard;
    std::string_view effect;
};

inline constexpr TaskEdge kTaskEdges[] = {
    {pb::TASK_NONE, pb::TASK_POSTED, "the job's escrow covers n_max rewards",
     "task id = H(job, kind, round, shard); waits for a later block's beacon"},
    {pb::TASK_POSTED, pb::TASK_ASSIGNED, "n eligible bids of distinct operators",
     "slots offered in rank order at one clearing price; stake locked each"},
    {pb::TASK_ASSIGNED, pb::TASK_POSTED, "every slot was declined or left unanswered",
     "all slots are matched anew, together"},
    {pb::TASK_ASSIGNED, pb::TASK_COMMITTED,
     "all committed, or the silent ones timed out and a majority of n is possible",
     "commit set frozen; a missing commit pays 0.1 r; the reveal window opens"},
    {pb::TASK_COMMITTED, pb::TASK_REVEALED, "all revealed, or the window closed with one or more",
     "a withheld result counts as dissent; without a majority it pays 1 r"},
    {pb::TASK_COMMITTED, pb::TASK_ASSIGNED, "the window closed and nobody revealed",
     "each pays 1 r; their slots go to fresh operators"},
    {pb::TASK_REVEALED, pb::TASK_TALLIED, "one result has a strict majority of n",
     "provisional winner; losers jailed; dependants start; dispute window opens"},
    {pb::TASK_REVEALED, pb::TASK_ESCALATED, "no result has a strict majority of n",
     "n grows by one; a disjoint operator is sought"},
    {pb::TASK_ESCALATED, pb::TASK_ASSIGNED, "an eligible bid of a fresh operator",
     "slot offered; stake locked"},
    {pb::TASK_ESCALATED, pb::TASK_UNDECIDED, "n had reached n_max",
     "nobody is paid or slashed; the job fails and its escrow is refunded"},
    {pb::TASK_TALLIED, pb::TASK_FINAL, "the dispute window closed, or the job ended",
     "agreeing slots paid r, dissenting and withheld ones slashed, reputation updated"},
    {pb::TASK_TALLIED, pb::TASK_DISPUTED, "reserved: no transaction disputes yet",
     "reserved: bisection to one output element"},
    {pb::TASK_DISPUTED, pb::TASK_RESOLVED, "reserved", "reserved: the loser is slashed"},
    {pb::TASK_RESOLVED, pb::TASK_FINAL, "reserved", "reserved: as TALLIED to FINAL"},
    {pb::TASK_POSTED, pb::TASK_EXPIRED, "the job's deadline passed",
     "the job fails and its escrow is refunded"},
    {pb::TASK_ASSIGNED, pb::TASK_EXPIRED, "T_final or the job's deadline passed",
     "stake released; the job fails and its escrow is refunded"},
    {pb::TASK_ESCALATED, pb::TASK_EXPIRED, "T_final or the job's deadline passed",
     "stake released; the job fails and its escrow is refunded"},
    {pb::TASK_POSTED, pb::TASK_CANCELLED, "cancelled before a commit, or the job ended",
     "escrow refunded"},
    {pb::TASK_ASSIGNED, pb::TASK_CANCELLED, "cancelled before a commit, or the job ended",
     "committed slots paid r; stake released"},
    {pb::TASK_COMMITTED, pb::TASK_CANCELLED, "the job ended through another task",
     "committed slots paid r; stake released"},
    {pb::TASK_ESCALATED, pb::TASK_CANCELLED, "the job ended through another task",
     "committed slots paid r; stake released"},
};

struct SlotEdge {
    pb::SlotState from, to;
    std::string_view effect;
};

inline constexpr SlotEdge kSlotEdges[] = {
    {pb::SLOT_NONE, pb::SLOT_OFFERED, "matched: stake locked, T_accept begins"},
    {pb::SLOT_OFFERED, pb::SLOT_ACCEPTED, "taken: T_commit begins"},
    {pb::SLOT_OFFERED, pb::SLOT_DECLINED, "refused: the next in rank is sought"},
    {pb::SLOT_OFFERED, pb::SLOT_NOT_ACCEPTED, "T_accept passed: the next in rank is sought"},
    {pb::SLOT_OFFERED, pb::SLOT_RELEASED, "the task ended first: stake released"},
    {pb::SLOT_ACCEPTED, pb::SLOT_COMMITTED, "a result is committed"},
    {pb::SLOT_ACCEPTED, pb::SLOT_NO_COMMIT, "T_commit passed: fined 0.1 r, suspended"},
    {pb::SLOT_ACCEPTED, pb::SLOT_RELEASED, "the task ended first: stake released"},
    {pb::SLOT_COMMITTED, pb::SLOT_REVEALED, "the committed result is shown"},
    {pb::SLOT_COMMITTED, pb::SLOT_NO_REVEAL,
     "T_reveal passed: suspended; fined 1 r, or judged as dissent"},
    {pb::SLOT_COMMITTED, pb::SLOT_RELEASED, "the task ended first: paid if cancelled"},
    {pb::SLOT_REVEALED, pb::SLOT_AGREED, "voted with the majority: paid when final"},
    {pb::SLOT_REVEALED, pb::SLOT_DISSENT, "voted against it: jailed, slashed when final"},
    {pb::SLOT_REVEALED, pb::SLOT_RELEASED, "no majority, or the task ended first: stake released"},
};

inline constexpr size_t kMaxStates = 13;  // of tasks; slots have as many numbers

[[nodiscard]] constexpr bool is_legal_edge(pb::TaskState from, pb::TaskState to) {
    for (const TaskEdge& edge : kTaskEdges)
        if (edge.from == from && edge.to == to) return true;
    return false;
}

// True if `to` can follow `from` through one or more edges of the table (or is the same state):
// what a whole transaction or block may do.
template <typename Edge, size_t N, typename State>
[[nodiscard]] constexpr bool is_reachable_by(const Edge (&edges)[N], State from, State to) {
    std::array<bool, kMaxStates> seen{};
    if (from < 0 || to < 0 || from >= static_cast<int>(kMaxStates) ||
        to >= static_cast<int>(kMaxStates)) {
        return false;
    }
    seen[static_cast<size_t>(from)] = true;
    for (size_t pass = 0; pass < kMaxStates; ++pass)
        for (const Edge& edge : edges)
            if (seen[static_cast<size_t>(edge.from)]) seen[static_cast<size_t>(edge.to)] = true;
    return seen[static_cast<size_t>(to)];
}

[[nodiscard]] constexpr bool is_reachable(pb::TaskState from, pb::TaskState to) {
    return is_reachable_by(kTaskEdges, from, to);
}
[[nodiscard]] constexpr bool is_reachable(pb::SlotState from, pb::SlotState to) {
    return is_reachable_by(kSlotEdges, from, to);
}

[[nodiscard]] constexpr bool is_terminal(pb::TaskState state) {
    for (const TaskEdge& edge : kTaskEdges)
        if (edge.from == state) return false;
    return true;
}

// Waiting for bids: indexed for matching while it has vacancies.
[[nodiscard]] constexpr bool is_fillable(pb::TaskState state) {
    return state == pb::TASK_POSTED || state == pb::TASK_ASSIGNED || state == pb::TASK_ESCALATED;
}

// A job leaves RUNNING once.
[[nodiscard]] constexpr bool is_legal_job_edge(pb::JobState from, pb::JobState to) {
    if (from == to) return true;
    if (from == pb::JOB_UNSPECIFIED) return to == pb::JOB_RUNNING;
    return from == pb::JOB_RUNNING &&
           (to == pb::JOB_DONE || to == pb::JOB_CANCELLED || to == pb::JOB_FAILED);
}

// The slot occupies the provider's device (Provider.busy counts these).
[[nodiscard]] constexpr bool is_occupied(pb::SlotState state) {
    return state == pb::SLOT_OFFERED || state == pb::SLOT_ACCEPTED || state == pb::SLOT_COMMITTED ||
           state == pb::SLOT_REVEALED;
}

static_assert(is_terminal(pb::TASK_FINAL) && is_terminal(pb::TASK_UNDECIDED));
static_assert(is_terminal(pb::TASK_CANCELLED) && is_terminal(pb::TASK_EXPIRED));
static_assert(!is_terminal(pb::TASK_TALLIED));

}  // namespace assay::contracts
