// market_*: standing bids, and why a provider would or would not get a task.
#include <nlohmann/json.hpp>

#include "contracts/queries.h"
#include "ledger/codec/block.h"
#include "node/rpc/job_json.h"
#include "node/rpc/market_view.h"
#include "node/rpc/methods.h"
#include "node/rpc/records.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using contracts::Reader;
using nlohmann::json;

json bid_json(const Reader& reader, const pb::Provider& provider) {
    const json full = provider_json(reader, provider);
    json out = json::object();
    for (const char* name :
         {"operator", "moniker", "endpoint", "priceFloor", "capacity", "busy", "active",
          "suspended", "jailed", "tombstoned", "score", "bonded", "free"})
        out[name] = full.at(name);
    out["memoryMb"] = integer_json(provider.sample().memory_mb());
    out["backend"] = provider.sample().backend();
    return out;
}

Result<json> list_bids(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    const Reader reader(*point.view);
    Page page(params);
    for_each_provider(*point.view, [&](const pb::Provider& provider) {
        return page.offer([&] { return bid_json(reader, provider); });
    });
    return with_point(page.answer("bids"), point);
}

// The task that a question about a job is about: one that waits for providers, else any open one.
Result<pb::Task> task_in_question(const ReadPoint& point, const json& params) {
    const Reader reader(*point.view);
    if (params.contains("taskId")) {
        const Hash256 id = hash_param(params, "taskId");
        if (auto task = reader.task(id.view())) return std::move(*task);
        return fail(Code::kNotFound, "no task " + hash_text(id));
    }
    const Hash256 id = hash_param(params, "jobId");
    const auto job = reader.job(id.view());
    if (!job) return fail(Code::kNotFound, "no job " + hash_text(id));
    std::optional<pb::Task> open;
    for (const std::string& task_id : job->open_tasks()) {
        auto task = reader.task(view_of(task_id));
        if (!task || (open && task->vacancies() == 0)) continue;
        open = std::move(*task);
        if (open->vacancies() != 0) break;
    }
    if (!open) return fail(Code::kNotFound, "job " + hash_text(id) + " has no open task");
    return std::move(*open);
}

Result<json> explain(const Services& services, const json& params) {
    if (params.contains("spec") + params.contains("jobId") + params.contains("taskId") != 1)
        return fail(Code::kInvalidArgument, "give one of spec, jobId and taskId");
    ASSAY_ASSIGN(const auto point, read_point(services));
    ASSAY_ASSIGN(const uint64_t now_ms, header_time_ms(services, point));
    if (params.contains("spec")) {
        ASSAY_ASSIGN(const auto spec, job_spec_param(services, params));
        ASSAY_ASSIGN(const auto screened, contracts::screen_job(*point.view, spec, now_ms));
        return with_point({{"providers", explanations_json(screened)}}, point);
    }
    ASSAY_ASSIGN(const auto task, task_in_question(point, params));
    const auto explained = contracts::explain_task(
        *point.view, view_of(task.id()), ledger::beacon_after(services.engine.head_hash()), now_ms);
    if (!explained) return fail(Code::kNotFound, "the task is gone");
    json answer = {{"taskId", hex_bytes(view_of(task.id()))},
                   {"vacancies", task.vacancies()},
                   {"providers", explanations_json(*explained)}};
    return with_point(std::move(answer), point);
}

}  // namespace

void add_market_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back(
        {.name = "market_listBids",
         .summary = "Every provider's standing bid with what the ranking looks at.",
         .params = page_params(),
         .result = "bids [{operator, priceFloor, score, capacity, busy, bonded, free, ...}], "
                   "nextOffset (null at the end), height, appHash",
         .example = R"({"limit":10})",
         .handler = [&services](const json& p, CallContext&) { return list_bids(services, p); }});
    methods.push_back(
        {.name = "market_explain",
         .summary = "For each provider, whether it would get the task, and if not the first rule "
                    "that excludes it and what to do.",
         .params = {{.name = "spec",
                     .type = JsonType::kObject,
                     .description = "a job that is not posted yet"},
                    {.name = "jobId",
                     .description = "a posted job: its first task that waits",
                     .format = Format::kHash},
                    {.name = "taskId", .description = "a task", .format = Format::kHash}},
         .result = "providers [{operator, eligible, reason, explanation, priceFloor, expectedMs}] "
                   "best first; taskId and vacancies for a posted job; height, appHash",
         .example = "{\"spec\":" + std::string(kExampleSpec) + "}",
         .handler = [&services](const json& p, CallContext&) { return explain(services, p); }});
}

}  // namespace assay::node
