#include "contracts/queries.h"

#include <algorithm>

#include "contracts/assignment.h"
#include "contracts/limits.h"
#include "contracts/reputation.h"

namespace assay::contracts {
namespace {

// Visits entries under `prefix` after `cursor` (the key's rest); `take` says whether an entry
// counts.
template <typename T, typename Take>
Page<T> collect(const ReadView& view, const Bytes& prefix, size_t limit, ByteView cursor,
                const Take& take) {
    const size_t most = std::clamp<size_t>(limit, 1, kMaxPageItems);
    Page<T> page;
    Bytes last;
    view.scan(prefix, [&](ByteView key, ByteView value) {
        const ByteView rest = key.subspan(prefix.size());
        if (!cursor.empty() &&
            !std::lexicographical_compare(cursor.begin(), cursor.end(), rest.begin(), rest.end()))
            return true;
        std::optional<T> item = take(value);
        if (!item) return true;
        if (page.items.size() == most) {
            page.next = last;
            return false;
        }
        page.items.push_back(*std::move(item));
        last = bytes_of(rest);
        return true;
    });
    return page;
}

std::vector<Explanation> explain(const Reader& reader, const pb::Job& job, const pb::Task& task,
                                 const Hash256* beacon, uint64_t now_ms) {
    const market::Request request = make_request(job, task, reader.params(), now_ms);
    std::vector<market::Bid> bids = collect_bids(reader, now_ms);
    if (beacon != nullptr) draw_bids(*beacon, view_of(task.id()), request, bids);
    std::vector<Explanation> out;
    for (market::Candidate& candidate : market::select(request, bids, task.vacancies())) {
        out.push_back({Address{candidate.op}, candidate,
                       market::explain(candidate.reason, request, bids[candidate.bid])});
    }
    return out;
}

}  // namespace

pb::Account get_account(const ReadView& view, const Address& owner) {
    return Reader(view).account(owner);
}
std::optional<pb::Job> get_job(const ReadView& view, ByteView id) {
    return Reader(view).job(id);
}
std::optional<pb::Task> get_task(const ReadView& view, ByteView id) {
    return Reader(view).task(id);
}
std::optional<pb::Provider> get_provider(const ReadView& view, const Address& owner) {
    return Reader(view).provider(owner);
}
std::optional<pb::Stake> get_stake(const ReadView& view, const Address& owner) {
    return Reader(view).stake(owner);
}
pb::Reputation get_reputation(const ReadView& view, const Address& owner, uint64_t now_ms) {
    pb::Reputation reputation = Reader(view).reputation(owner);
    reputation.set_agreements_milli(decayed_agreements(reputation, now_ms));
    return reputation;
}
pb::Totals get_totals(const ReadView& view) {
    return Reader(view).totals();
}
pb::Params get_params(const ReadView& view) {
    return Reader(view).params();
}

Page<pb::Job> list_jobs(const ReadView& view, const JobFilter& filter, size_t limit,
                        ByteView cursor) {
    return collect<pb::Job>(
        view, keys::tagged(keys::Tag::kJob), limit, cursor,
        [&](ByteView value) -> std::optional<pb::Job> {
            auto job = parse_stored<pb::Job>(value);
            if (filter.requester && job.requester() != to_raw(*filter.requester))
                return std::nullopt;
            if (filter.state != pb::JOB_UNSPECIFIED && job.state() != filter.state)
                return std::nullopt;
            return job;
        });
}

Page<pb::Task> list_tasks(const ReadView& view, ByteView job_id, size_t limit, ByteView cursor) {
    const Reader reader(view);
    return collect<pb::Task>(view, keys::tagged(keys::Tag::kJobTask, job_id), limit, cursor,
                             [&](ByteView task_id) { return reader.task(task_id); });
}

Page<pb::Provider> list_providers(const ReadView& view, size_t limit, ByteView cursor) {
    return collect<pb::Provider>(
        view, keys::tagged(keys::Tag::kProvider), limit, cursor,
        [](ByteView value) { return std::optional(parse_stored<pb::Provider>(value)); });
}

std::vector<pb::Task> live_tasks_of(const ReadView& view, const Address& owner) {
    const Bytes prefix = keys::tagged(keys::Tag::kOperatorTask, owner.view());
    std::vector<Bytes> ids;
    view.scan(prefix, [&](ByteView key, ByteView) {
        ids.push_back(bytes_of(key.subspan(prefix.size())));
        return true;
    });
    std::vector<pb::Task> tasks;
    tasks.reserve(ids.size());
    for (const Bytes& id : ids) tasks.push_back(*Reader(view).task(id));
    return tasks;
}

std::optional<std::vector<Explanation>> explain_task(const ReadView& view, ByteView task_id,
                                                     const Hash256& beacon, uint64_t now_ms) {
    const Reader reader(view);
    const auto task = reader.task(task_id);
    if (!task) return std::nullopt;
    return explain(reader, *reader.job(view_of(task->job_id())), *task, &beacon, now_ms);
}

Result<std::vector<Explanation>> screen_job(const ReadView& view, const pb::JobSpec& spec,
                                            uint64_t now_ms) {
    const Reader reader(view);
    ASSAY_ASSIGN(const Quote quoted, quote(spec, reader.params()));
    pb::Job job;
    *job.mutable_spec() = spec;
    job.set_posted_ms(now_ms);
    job.set_memory_mb(quoted.memory_mb);
    pb::Task task;
    task.set_kind(pb::TASK_TRAIN);
    task.set_work_units(quoted.train_work);
    task.set_vacancies(spec.terms().replicas());
    return explain(reader, job, task, nullptr, now_ms);
}

}  // namespace assay::contracts
