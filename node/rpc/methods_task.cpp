// task_*: tasks, their slots and their votes.
#include <nlohmann/json.hpp>

#include "node/rpc/methods.h"
#include "node/rpc/proto_json.h"
#include "node/rpc/records.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using contracts::Reader;
using nlohmann::json;

Result<json> get_task(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    const Hash256 id = hash_param(params, "taskId");
    const auto task = Reader(*point.view).task(id.view());
    if (!task)
        return fail(Code::kNotFound,
                    "no task " + hash_text(id) + " at height " + std::to_string(point.height));
    return with_point(task_json(*task), point);
}

Result<json> list_tasks(const Services& services, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(services));
    const Hash256 job = hash_param(params, "jobId");
    if (!Reader(*point.view).job(job.view()))
        return fail(Code::kNotFound, "no job " + hash_text(job));
    const std::string state = params.value("state", "");
    Page page(params);
    for_each_task(*point.view, job.view(), [&](const pb::Task& task) {
        if (params.contains("round") && task.round() != params["round"].get<uint64_t>())
            return true;
        if (!state.empty() && enum_word_of(task, "state") != state) return true;
        return page.offer([&] { return task_json(task); });
    });
    return with_point(page.answer("tasks"), point);
}

}  // namespace

void add_task_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back(
        {.name = "task_get",
         .summary = "One task: state, deadlines, every slot with its commitment, vote and pay.",
         .params =
             {{.name = "taskId", .required = true, .description = "task", .format = Format::kHash}},
         .result = "the task with taskId, slots, height, appHash",
         .example =
             R"({"taskId":"0x5555555555555555555555555555555555555555555555555555555555555555"})",
         .handler = [&services](const json& p, CallContext&) { return get_task(services, p); }});
    std::vector<Param> params = {
        {.name = "jobId", .required = true, .description = "job", .format = Format::kHash},
        {.name = "round", .type = JsonType::kInteger, .description = "only this round"},
        {.name = "state",
         .description = "only tasks in this state",
         .choices = {"posted", "assigned", "committed", "revealed", "tallied", "escalated",
                     "undecided", "disputed", "resolved", "final", "cancelled", "expired"}}};
    for (Param& param : page_params()) params.push_back(std::move(param));
    methods.push_back(
        {.name = "task_list",
         .summary = "Tasks of a job, by round, kind and shard.",
         .params = std::move(params),
         .result = "tasks, nextOffset (null at the end), height, appHash",
         .example =
             R"({"jobId":"0x2222222222222222222222222222222222222222222222222222222222222222"})",
         .handler = [&services](const json& p, CallContext&) { return list_tasks(services, p); }});
}

}  // namespace assay::node
