#include "contracts/assignment.h"

#include <algorithm>

#include "contracts/commitment.h"
#include "contracts/deadlines.h"
#include "contracts/limits.h"
#include "contracts/providers.h"
#include "contracts/reputation.h"
#include "contracts/stake.h"
#include "contracts/task_store.h"

namespace assay::contracts {
namespace {

market::Bid make_bid(const Reader& reader, const Address& owner, const pb::Provider& provider,
                     uint64_t now_ms) {
    const pb::Stake stake = reader.stake(owner).value_or(pb::Stake());
    market::Bid bid;
    bid.op = owner.bytes;
    bid.active = provider.active();
    bid.suspended = provider.suspended();
    bid.jailed = is_jailed(stake);
    bid.tombstoned = stake.tombstoned();
    bid.price_floor = provider.price_floor();
    bid.score = provider.sample().score();
    bid.memory_mb = provider.sample().memory_mb();
    bid.capacity = provider.capacity();
    bid.busy = provider.busy();
    bid.bonded = stake.bonded();
    bid.free_stake = stake.bonded() - stake.locked();
    bid.stake_since_ms = stake.since_ms();
    bid.reputation_milli = decayed_agreements(reader.reputation(owner), now_ms);
    return bid;
}

std::vector<market::OperatorId> sorted_ids(std::vector<market::OperatorId> ids) {
    std::sort(ids.begin(), ids.end());
    return ids;
}

uint64_t highest_price(const pb::Task& task) {
    uint64_t price = 0;
    for (const pb::Slot& slot : task.slots()) price = std::max(price, slot.price());
    return price;
}

void offer_slot(Context& context, pb::Task& task, const market::Candidate& candidate,
                uint64_t price) {
    const Address owner{candidate.op};
    pb::Slot& slot = *task.add_slots();
    slot.set_operator_(to_raw(owner));
    slot.set_state(pb::SLOT_OFFERED);
    slot.set_price(price);
    slot.set_offered_ms(context.now());
    slot.set_t_ref_ms(candidate.expected_ms);
    open_window(context, slot, context.now() + context.params.accept_ms());
    lock_slot(context, view_of(task.id()), slot,
              task.work_units() * price * context.params.slot_stake_factor());
    change_busy(context, owner, +1);
    context.emit("task.assigned", {{"task", hex_text(task.id())},
                                   {"job", hex_text(task.job_id())},
                                   {"operator", hex_text(owner)},
                                   {"price", decimal(price)},
                                   {"stake", decimal(slot.stake())},
                                   {"t_ref_ms", decimal(slot.t_ref_ms())},
                                   {"accept_by_ms", decimal(slot.due_ms())}});
}

uint64_t slowest_ms(const std::vector<market::Candidate>& chosen) {
    uint64_t slowest = 0;
    for (const market::Candidate& c : chosen) slowest = std::max(slowest, c.expected_ms);
    return slowest;
}

// True if slots were offered.
bool fill_task(Context& context, const pb::Job& job, pb::Task& task,
               std::vector<market::Bid>& bids) {
    const size_t wanted = task.vacancies();
    const market::Request request = make_request(job, task, context.params, context.now());
    draw_bids(context.block.beacon, view_of(task.id()), request, bids);
    std::vector<market::Candidate> chosen = market::rank(request, bids);
    size_t count = 0;
    while (count < std::min(wanted, chosen.size()) &&
           chosen[count].reason == market::Reason::kEligible) {
        ++count;
    }
    // The first vote starts with all its replicas at once; later gaps are filled as bids come.
    if (count == 0 || (task.state() == pb::TASK_POSTED && count < wanted)) return false;
    chosen.resize(count);
    make_room(task, static_cast<int>(count), context.now());
    const uint64_t price = market::clearing_price(chosen, highest_price(task));
    for (const market::Candidate& candidate : chosen) {
        offer_slot(context, task, candidate, price);
        const Address owner{candidate.op};
        bids[candidate.bid] =
            make_bid(context.store, owner, *context.store.provider(owner), context.now());
    }
    task.set_vacancies(task.vacancies() - static_cast<uint32_t>(count));
    extend_expiry(context, job, task, slowest_ms(chosen));
    if (task.state() != pb::TASK_ASSIGNED) set_state(task, pb::TASK_ASSIGNED);
    return true;
}

// What waits, at most kMaxMatchesPerBlock, highest priority and oldest first. If more waits, each
// block looks at the next window in turn, so that tasks which nobody can serve do not hide others.
std::vector<Bytes> vacant_tasks(Context& context) {
    pb::Progress progress = context.store.progress();
    const Bytes cursor = bytes_of(progress.vacancy_cursor());
    std::vector<Bytes> before, after;  // keys up to and beyond the cursor
    bool more = false;
    context.store.view().scan(keys::tagged(keys::Tag::kVacant), [&](ByteView key, ByteView) {
        const bool beyond =
            std::lexicographical_compare(cursor.begin(), cursor.end(), key.begin(), key.end());
        std::vector<Bytes>& part = beyond ? after : before;
        if (part.size() < kMaxMatchesPerBlock) {
            part.push_back(bytes_of(key));
        } else {
            more = true;
        }
        return after.size() < kMaxMatchesPerBlock || !more;
    });
    std::vector<Bytes> keys = std::move(after);
    more = more || keys.size() + before.size() > kMaxMatchesPerBlock;
    const size_t wrapped = std::min(before.size(), kMaxMatchesPerBlock - keys.size());
    keys.insert(keys.end(), before.begin(), before.begin() + static_cast<ptrdiff_t>(wrapped));
    const Bytes next = more ? keys.back() : Bytes();
    if (next != cursor) {
        progress.set_vacancy_cursor(std::string(text_of(next)));
        context.store.put(progress);
    }
    std::sort(keys.begin(), keys.end());
    for (Bytes& key : keys) key = bytes_of(ByteView(key).subspan(13));
    return keys;
}

}  // namespace

std::vector<market::Bid> collect_bids(const Reader& reader, uint64_t now_ms) {
    std::vector<market::Bid> bids;
    reader.view().scan(keys::tagged(keys::Tag::kProvider), [&](ByteView key, ByteView value) {
        bids.push_back(make_bid(reader, *Address::from(key.subspan(1)),
                                parse_stored<pb::Provider>(value), now_ms));
        return true;
    });
    return bids;
}

market::Request make_request(const pb::Job& job, const pb::Task& task, const pb::Params& params,
                             uint64_t now_ms) {
    const pb::TermsSpec& terms = job.spec().terms();
    market::Request request;
    request.work_units = task.work_units();
    request.price_ceiling = terms.price_ceiling();
    request.min_score = terms.min_score();
    // An aggregation streams its inputs; only the requester's own minimum applies.
    request.min_memory_mb = task.kind() == pb::TASK_TRAIN
                                ? std::max(terms.min_memory_mb(), job.memory_mb())
                                : terms.min_memory_mb();
    request.now_ms = now_ms;
    request.deadline_ms = job_deadline(job);
    request.required_stake = task.work_units() * terms.price_ceiling() * params.slot_stake_factor();
    request.min_bond = params.min_stake();
    request.min_stake_age_ms = params.min_stake_age_ms();
    for (const std::string& op : terms.allowed_operators())
        request.allowed.push_back(stored_address(op).bytes);
    for (const pb::Slot& slot : task.slots())
        if (!is_forgotten(slot, now_ms))
            request.taken.push_back(stored_address(slot.operator_()).bytes);
    request.allowed = sorted_ids(std::move(request.allowed));
    request.taken = sorted_ids(std::move(request.taken));
    return request;
}

void draw_bids(const Hash256& beacon, ByteView task_id, const market::Request& request,
               std::vector<market::Bid>& bids) {
    for (market::Bid& bid : bids)
        if (market::eligibility(request, bid) == market::Reason::kEligible)
            bid.draw = draw_of(beacon, task_id, Address{bid.op});
}

void fill_vacancies(Context& context) {
    const std::vector<Bytes> ids = vacant_tasks(context);
    if (ids.empty()) return;
    std::vector<market::Bid> bids = collect_bids(context.store, context.now());
    for (const Bytes& id : ids) {
        pb::Task task = *context.store.task(id);
        if (task.vacant_height() >= context.block.height) continue;
        const pb::Job job = *context.store.job(view_of(task.job_id()));
        if (fill_task(context, job, task, bids)) save_task(context, job, task);
    }
}

}  // namespace assay::contracts
