#include "node/rpc/records.h"

#include <algorithm>

#include "contracts/keys.h"
#include "node/rpc/proto_json.h"
#include "node/rpc/values.h"

namespace assay::node {

using nlohmann::json;
namespace keys = contracts::keys;

namespace {

template <typename Record>
void for_each_record(const ledger::ReadView& view, keys::Tag tag,
                     const std::function<bool(const Record&)>& visit) {
    view.scan(keys::tagged(tag), [&](ByteView, ByteView value) {
        Record record;
        // Only the rules write these, and the state root covers them.
        if (!record.ParseFromArray(value.data(), static_cast<int>(value.size()))) return true;
        return visit(record);
    });
}

}  // namespace

std::vector<Param> page_params() {
    return {{.name = "offset",
             .type = JsonType::kInteger,
             .description = "entries to skip; nextOffset of the previous page"},
            {.name = "limit",
             .type = JsonType::kInteger,
             .description = "entries at most; 100 by default",
             .max = kMaxPage}};
}

Page::Page(const json& params)
    : offset_(params.value("offset", uint64_t{0})), limit_(params.value("limit", kDefaultPage)) {}

bool Page::offer(const std::function<json()>& render) {
    if (seen_++ < offset_) return true;
    if (items_.size() >= limit_) {
        more_ = true;
        return false;
    }
    items_.push_back(render());
    return true;
}

json Page::answer(const std::string& name) {
    const uint64_t next = offset_ + items_.size();
    json answer = json::object();
    answer[name] = std::move(items_);
    answer["nextOffset"] = more_ ? json(next) : json(nullptr);
    return answer;
}

void for_each_provider(const ledger::ReadView& view,
                       const std::function<bool(const pb::Provider&)>& visit) {
    for_each_record<pb::Provider>(view, keys::Tag::kProvider, visit);
}

void for_each_job(const ledger::ReadView& view, const std::function<bool(const pb::Job&)>& visit) {
    for_each_record<pb::Job>(view, keys::Tag::kJob, visit);
}

void for_each_task(const ledger::ReadView& view, ByteView job_id,
                   const std::function<bool(const pb::Task&)>& visit) {
    const contracts::Reader reader(view);
    view.scan(keys::tagged(keys::Tag::kJobTask, job_id), [&](ByteView, ByteView task_id) {
        const auto task = reader.task(task_id);
        return !task || visit(*task);
    });
}

json provider_json(const contracts::Reader& reader, const pb::Provider& provider) {
    json out = message_to_json(provider);
    const auto owner = contracts::stored_address(provider.operator_());
    const pb::Stake stake = reader.stake(owner).value_or(pb::Stake{});
    out["score"] = integer_json(provider.sample().score());
    out["bonded"] = amount_text(stake.bonded());
    out["free"] = amount_text(stake.bonded() - std::min(stake.bonded(), stake.locked()));
    out["jailed"] = stake.jailed_until_ms() != 0;
    out["tombstoned"] = stake.tombstoned();
    out["stake"] = message_to_json(stake);
    out["reputation"] = message_to_json(reader.reputation(owner));
    return out;
}

json job_json(const pb::Job& job) {
    json out = message_to_json(job);
    out.erase("id");
    out.erase("checkpoints");
    out["jobId"] = hex_bytes(view_of(job.id()));
    out["name"] = job.spec().name();
    out["checkpointCount"] = job.checkpoints_size();
    return out;
}

json task_json(const pb::Task& task) {
    json out = message_to_json(task);
    out.erase("id");
    out["taskId"] = hex_bytes(view_of(task.id()));
    return out;
}

}  // namespace assay::node
