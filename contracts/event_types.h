// Every event the rules emit, with its attributes in order (docs/events.md is checked against it).
//
// Ids and addresses are lower-case hexadecimal without prefix, amounts, times and counts decimal.
// Names are frozen. Threads: constants.
#pragma once

#include <string_view>

namespace assay::contracts {

struct EventInfo {
    std::string_view type;
    std::string_view attributes;  // comma-separated, in order
    std::string_view doc;
};

inline constexpr EventInfo kEvents[] = {
    {"bank.transfer", "from,to,amount", "a transfer was applied"},
    {"stake.bonded", "operator,amount,bonded", "balance became stake; bonded is the new total"},
    {"stake.unbonding", "operator,amount,release_ms", "free stake waits for its release"},
    {"stake.released", "operator,amount", "unbonded stake became balance"},
    {"stake.unjailed", "operator", "the operator may get slots again"},
    {"stake.slashed", "operator,task,job,reason,amount,burnt,to_requester",
     "stake was taken; reason: wrong_result, no_commit or no_reveal"},
    {"validator.registered", "operator,consensus_key,power",
     "its bond counts two blocks later, if it is among the first max_validators"},
    {"validator.left", "operator", "its bond counts no more, two blocks later"},
    {"upgrade.signalled", "operator,version", "its program knows these rules"},
    {"upgrade.scheduled", "version,height", "from this height on they execute the blocks"},
    {"upgrade.cancelled", "version,height", "they do not; two thirds or less want them now"},
    {"validator.set", "validators,power", "who orders blocks changed: how many, and their sum"},
    {"validator.double_vote", "consensus_address,height,operator,amount",
     "CometBFT showed two votes for one height: stake burnt, the operator tombstoned"},
    {"provider.registered", "operator,moniker,endpoint,price_floor,capacity,score,backend",
     "a provider entered the registry"},
    {"provider.updated", "operator,endpoint,price_floor,capacity,score,active",
     "its standing bid, endpoint or score changed"},
    {"provider.suspended", "operator,reason",
     "no new slots until it updates; reason: no_accept, no_commit or no_reveal"},
    {"provider.jailed", "operator,until_ms", "its result lost a vote"},
    {"provider.tombstoned", "operator", "too many wrong results; never again"},
    {"job.posted", "job,requester,name,escrow,tasks,work_units", "a job began"},
    {"job.topped_up", "job,amount,escrow", "its escrow grew"},
    {"job.checkpoint", "job,round,root,size,task", "checkpoint `round` was accepted"},
    {"job.done", "job,reason,result,spent", "the last checkpoint is final; result is its root"},
    {"job.failed", "job,reason,result,spent", "the job ended without result"},
    {"job.cancelled", "job,reason,result,spent", "the requester ended the job"},
    {"refund", "job,requester,amount", "the rest of the escrow went back"},
    {"payment", "operator,task,job,amount", "escrow was paid to an operator"},
    {"task.posted", "task,job,kind,round,shard,work_units", "kind: train or aggregate"},
    {"task.assigned", "task,job,operator,price,stake,t_ref_ms,accept_by_ms",
     "one slot was offered; one event per slot"},
    {"task.accepted", "task,job,operator,commit_by_ms", "the operator took its slot"},
    {"task.declined", "task,job,operator", "the operator refused its slot"},
    {"task.not_accepted", "task,job,operator", "an offer was left unanswered"},
    {"task.committed", "task,job,operator,commitment", "a result was committed"},
    {"task.reveal_open", "task,job,commits,reveal_by_ms", "the commit set is frozen: reveal now"},
    {"task.revealed", "task,job,operator,output,trace,diverged", "a result was shown"},
    {"task.tallied", "task,job,votes,replicas,output,trace,diverged,fault_step",
     "a strict majority agreed"},
    {"task.escalated", "task,job,replicas", "no majority: one more replica is sought"},
    {"task.final", "task,job,output,trace", "settled; cannot change any more"},
    {"task.undecided", "task,job", "no majority among n_max replicas"},
    {"task.expired", "task,job", "not finished in time"},
    {"task.cancelled", "task,job", "ended with its job"},
};

[[nodiscard]] constexpr const EventInfo* find_event(std::string_view type) {
    for (const EventInfo& info : kEvents)
        if (info.type == type) return &info;
    return nullptr;
}

}  // namespace assay::contracts
