// job_* that only read: what a job is, how far it is, what it produced and who was paid for it.
#include <nlohmann/json.hpp>

#include "contracts/job_spec.h"
#include "node/rpc/job_json.h"
#include "node/rpc/market_view.h"
#include "node/rpc/methods.h"
#include "node/rpc/proto_json.h"
#include "node/rpc/records.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using contracts::Reader;
using nlohmann::json;

constexpr std::string_view kExampleJob =
    R"({"jobId":"0x2222222222222222222222222222222222222222222222222222222222222222"})";

Result<pb::Job> find_job(const ReadPoint& point, const json& params) {
    const Hash256 id = hash_param(params, "jobId");
    auto job = Reader(*point.view).job(id.view());
    if (!job)
        return fail(Code::kNotFound,
                    "no job " + hash_text(id) + " at height " + std::to_string(point.height));
    return std::move(*job);
}

Result<json> estimate(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto spec, job_spec_param(services, params));
    ASSAY_ASSIGN(const auto point, read_point(services));
    const Reader reader(*point.view);
    ASSAY_ASSIGN(const auto quote, contracts::quote(spec, reader.params()));
    ASSAY_ASSIGN(const uint64_t now_ms, header_time_ms(services, point));
    ASSAY_ASSIGN(const auto screened, contracts::screen_job(*point.view, spec, now_ms));
    const MarketView market = summarize_market(reader, screened, spec.terms().replicas());
    const uint64_t whole_ms = job_ms(market, quote, spec);
    json answer = {
        {"trainTasks", integer_json(quote.train_tasks)},
        {"aggregateTasks", integer_json(quote.aggregate_tasks)},
        {"trainWork", integer_json(quote.train_work)},
        {"aggregateWork", integer_json(quote.aggregate_work)},
        {"workUnits", integer_json(quote.work_units)},
        {"maxEscrow", amount_text(quote.max_escrow)},
        {"expectedCost", amount_text(quote.expected_cost)},
        {"slotExposure", amount_text(quote.slot_exposure)},
        {"memoryMb", integer_json(quote.memory_mb)},
        {"checkpointBytes", integer_json(quote.checkpoint_bytes)},
        {"replicas", spec.terms().replicas()},
        {"eligibleProviders", market.eligible},
        {"clearingPrice",
         market.clearing_price == 0 ? json(nullptr) : json(amount_text(market.clearing_price))},
        {"taskMs", market.task_ms == 0 ? json(nullptr) : integer_json(market.task_ms)},
        {"jobMs", whole_ms == 0 ? json(nullptr) : integer_json(whole_ms)},
        {"excluded", exclusions_json(screened)}};
    return with_point(std::move(answer), point);
}

Result<json> get_job(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    ASSAY_ASSIGN(const auto job, find_job(point, params));
    return with_point(job_json(job), point);
}

Result<json> list_jobs(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    std::string requester;
    if (params.contains("requester")) {
        ASSAY_ASSIGN(const auto address, address_param(params, "requester"));
        requester = contracts::to_raw(address);
    }
    const std::string state = params.value("state", "");
    Page page(params);
    for_each_job(*point.view, [&](const pb::Job& job) {
        if (!requester.empty() && job.requester() != requester) return true;
        if (!state.empty() && enum_word_of(job, "state") != state) return true;
        return page.offer([&] { return job_json(job); });
    });
    return with_point(page.answer("jobs"), point);
}

json checkpoint_json(const Services& services, const pb::ArtifactRef& ref) {
    json out = message_to_json(ref);
    const auto root = hash_from(view_of(ref.root()));
    // Before the first round a checkpoint may be no more than a seed.
    out["here"] = root && services.has_artifact && services.has_artifact(*root);
    return out;
}

Result<json> get_checkpoints(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    ASSAY_ASSIGN(const auto job, find_job(point, params));
    json list = json::array();
    for (int i = 0; i < job.checkpoints_size(); ++i) {
        json item = checkpoint_json(services, job.checkpoints(i));
        item["index"] = i;
        list.push_back(std::move(item));
    }
    return with_point({{"jobId", params["jobId"]}, {"checkpoints", std::move(list)}}, point);
}

// What each replica said and was paid: the vote behind one accepted output.
json vote_json(const pb::Slot& slot) {
    const json full = message_to_json(slot);
    json out = json::object();
    for (const char* name : {"operator", "state", "price", "commitment", "output", "diverged",
                             "faultStep", "paid", "slashed"})
        if (full.contains(name)) out[name] = full[name];
    return out;
}

json certified_task(const pb::Task& task) {
    json out = task_json(task);
    json votes = json::array();
    for (const pb::Slot& slot : task.slots()) votes.push_back(vote_json(slot));
    out.erase("slots");
    out["votes"] = std::move(votes);
    return out;
}

// The rounds of a job, each with its input, its tasks with their votes, and what came out.
json rounds_json(const ReadPoint& point, const pb::Job& job) {
    json rounds = json::array();
    for_each_task(*point.view, view_of(job.id()), [&](const pb::Task& task) {
        while (rounds.size() <= task.round()) {
            const auto index = static_cast<int>(rounds.size());
            json round = {{"round", index}, {"tasks", json::array()}};
            if (index < job.checkpoints_size())
                round["input"] = message_to_json(job.checkpoints(index));
            if (index + 1 < job.checkpoints_size())
                round["output"] = message_to_json(job.checkpoints(index + 1));
            rounds.push_back(std::move(round));
        }
        rounds[task.round()]["tasks"].push_back(certified_task(task));
        return true;
    });
    return rounds;
}

Result<json> get_result(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    ASSAY_ASSIGN(const auto job, find_job(point, params));
    const bool trained = job.checkpoints_size() > 1;
    json answer = {{"jobId", params["jobId"]},
                   {"state", enum_word_of(job, "state")},
                   {"reason", job.reason()},
                   {"final", job.state() == pb::JOB_DONE},
                   {"checkpoint",
                    trained ? checkpoint_json(services, job.checkpoints(job.checkpoints_size() - 1))
                            : json(nullptr)}};
    if (params.value("certificate", true))
        answer["certificate"] = {{"job", job_json(job)}, {"rounds", rounds_json(point, job)}};
    return with_point(std::move(answer), point);
}

Result<json> get_lineage(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    ASSAY_ASSIGN(const auto job, find_job(point, params));
    json answer = {{"jobId", params["jobId"]},
                   {"data", message_to_json(job.spec().data())},
                   {"seed", integer_json(job.spec().seed())},
                   {"spec", job_spec_to_json(job.spec())},
                   {"rounds", rounds_json(point, job)}};
    return with_point(std::move(answer), point);
}

}  // namespace

void add_job_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back(
        {.name = "job_estimate",
         .summary = "Work, escrow, memory and who would bid for a job, before paying anything.",
         .params = {{.name = "spec",
                     .type = JsonType::kObject,
                     .required = true,
                     .description = "job description (docs/job-spec.md)"}},
         .result = "trainTasks, aggregateTasks, trainWork, aggregateWork, workUnits, maxEscrow, "
                   "expectedCost, slotExposure, memoryMb, checkpointBytes, replicas, "
                   "eligibleProviders, clearingPrice (micro-units a work unit), taskMs, jobMs (on "
                   "the slots free now), excluded [{reason, providers, meaning, remedy}], height, "
                   "appHash",
         .example = "{\"spec\":" + std::string(kExampleSpec) + "}",
         .handler = [&services](const json& p, CallContext&) { return estimate(services, p); }});
    methods.push_back(
        {.name = "job_get",
         .summary = "One job: description, state, round, escrow, spending, open tasks.",
         .params = {job_id_param()},
         .result = "the job with jobId, name, checkpointCount, height, appHash",
         .example = std::string(kExampleJob),
         .handler = [&services](const json& p, CallContext&) { return get_job(services, p); }});
    std::vector<Param> list_params = {
        {.name = "requester", .description = "only its jobs", .format = Format::kAddress},
        {.name = "state",
         .description = "only jobs in this state",
         .choices = {"running", "done", "cancelled", "failed"}}};
    for (Param& param : page_params()) list_params.push_back(std::move(param));
    methods.push_back(
        {.name = "job_list",
         .summary = "Jobs in id order.",
         .params = std::move(list_params),
         .result = "jobs, nextOffset (null at the end), height, appHash",
         .example = R"({"state":"running","limit":10})",
         .handler = [&services](const json& p, CallContext&) { return list_jobs(services, p); }});
    methods.push_back(
        {.name = "job_result",
         .summary = "The newest accepted checkpoint and the certificate of how it came about: "
                    "job, rounds, tasks, votes, payments.",
         .params = {job_id_param(),
                    {.name = "certificate",
                     .type = JsonType::kBoolean,
                     .description = "include the certificate; true by default"}},
         .result = "jobId, state, reason, final, checkpoint {root, size, here}, certificate {job, "
                   "rounds [{round, input, output, tasks [{..., votes}]}]}, height, appHash",
         .example = std::string(kExampleJob),
         .handler = [&services](const json& p, CallContext&) { return get_result(services, p); }});
    methods.push_back({.name = "job_getCheckpoints",
                       .summary = "Accepted checkpoints; index r is the input of round r.",
                       .params = {job_id_param()},
                       .result = "jobId, checkpoints [{index, root, size, here}], height, appHash",
                       .example = std::string(kExampleJob),
                       .handler = [&services](const json& p, CallContext&) {
                           return get_checkpoints(services, p);
                       }});
}

void add_lineage_method(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back(
        {.name = "audit_getLineage",
         .summary = "From data and seed over every round, task, vote and payment to the newest "
                    "checkpoint.",
         .params = {job_id_param()},
         .result =
             "jobId, data, seed, spec, rounds [{round, input, output, tasks [{..., votes}]}], "
             "height, appHash",
         .example = std::string(kExampleJob),
         .handler = [&services](const json& p, CallContext&) { return get_lineage(services, p); }});
}

}  // namespace assay::node
