// job_getProgress: how far a job is and its loss so far, for people who watch.
#include <map>
#include <nlohmann/json.hpp>

#include "compute/train/trace.h"
#include "contracts/job_spec.h"
#include "node/rpc/methods.h"
#include "node/rpc/records.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxTraceBytes = 16 << 20;
// The curve is thinned to about this many points.
constexpr size_t kMaxCurvePoints = 500;

// Decimal text, as every fraction in this API.
std::string loss_text(double loss) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6f", loss);
    return text;
}

struct Curve {
    double sum = 0;
    uint32_t count = 0;
};

// Adds a task's losses to the mean over shards of each step. False: its trace is not here (yet).
bool add_losses(const Services& services, const pb::Task& task, std::map<uint64_t, Curve>& curve) {
    const auto root = hash_from(view_of(task.trace().root()));
    if (!root || task.kind() != pb::TASK_TRAIN) return true;
    if (!services.read_artifact) return false;
    const auto bytes = services.read_artifact(*root, kMaxTraceBytes);
    if (!bytes.ok()) return false;
    const auto trace = compute::decode_trace(*bytes);
    if (!trace.ok()) return false;
    for (size_t i = 0; i < trace->steps.size(); ++i) {
        auto& point = curve[trace->first_step + i];
        point.sum += static_cast<double>(trace->steps[i].loss);
        point.count += 1;
    }
    return true;
}

json curve_json(const std::map<uint64_t, Curve>& curve) {
    json points = json::array();
    const size_t stride = curve.size() / kMaxCurvePoints + 1;
    size_t index = 0;
    for (const auto& [step, point] : curve) {
        if (index++ % stride == 0 || index == curve.size()) {
            points.push_back({{"step", step}, {"loss", loss_text(point.sum / point.count)}});
        }
    }
    return points;
}

// Mean of the newest tenth of the steps: one step's loss jumps too much to read.
json recent_loss(const std::map<uint64_t, Curve>& curve) {
    if (curve.empty()) return nullptr;
    size_t wanted = std::max<size_t>(1, std::min<size_t>(20, curve.size() / 10));
    double sum = 0;
    size_t used = 0;
    for (auto it = curve.rbegin(); it != curve.rend() && used < wanted; ++it, ++used) {
        sum += it->second.sum / it->second.count;
    }
    return loss_text(sum / static_cast<double>(used));
}

Result<json> progress(const Services& services, const json& params) {
    const Hash256 id = hash_param(params, "jobId");
    ASSAY_ASSIGN(const auto point, read_point(services));
    const auto job = contracts::Reader(*point.view).job(id.view());
    if (!job) return fail(Code::kNotFound, "no job " + hash_text(id) + "; job_list names them");
    std::map<uint64_t, Curve> curve;
    uint64_t done = 0;
    uint64_t missing = 0;
    for_each_task(*point.view, id.view(), [&](const pb::Task& task) {
        if (task.state() == pb::TASK_FINAL || task.state() == pb::TASK_TALLIED) done += 1;
        if (!add_losses(services, task, curve)) missing += 1;
        return true;
    });
    const auto& plan = job->spec().plan();
    const uint64_t per_round = plan.shards() + (contracts::needs_aggregation(plan) ? 1 : 0);
    json answer = {{"jobId", params["jobId"]},
                   {"state", job_json(*job)["state"]},
                   {"reason", job->reason()},
                   {"round", job->round()},
                   {"rounds", plan.rounds()},
                   {"tasksDone", done},
                   {"tasks", per_round * plan.rounds()},
                   {"steps", plan.rounds() * uint64_t{plan.local_steps()}},
                   {"escrow", std::to_string(job->escrow())},
                   {"spent", std::to_string(job->spent())},
                   {"missingTraces", missing},
                   {"loss", recent_loss(curve)},
                   {"firstLoss", curve.empty() ? json(nullptr)
                                               : json(loss_text(curve.begin()->second.sum /
                                                                curve.begin()->second.count))},
                   {"curve", params.value("curve", false) ? curve_json(curve) : json::array()}};
    return with_point(std::move(answer), point);
}

}  // namespace

void add_progress_method(std::vector<Method>& methods, const MethodEnv& env) {
    const Services& services = *env.services;
    methods.push_back(
        {.name = "job_getProgress",
         .summary = "How far a job is: rounds, tasks, spending, and the loss from the traces this "
                    "node holds.",
         .params =
             {{.name = "jobId", .required = true, .description = "job", .format = Format::kHash},
              {.name = "curve",
               .type = JsonType::kBoolean,
               .description = "also the loss of every step, thinned to 500 points"}},
         .result = "state, reason, round, rounds, tasksDone, tasks, steps, escrow, spent, "
                   "missingTraces, loss (mean "
                   "of the newest steps, null before the first trace; decimal text), firstLoss, "
                   "curve [{step, "
                   "loss}], height, appHash",
         .example =
             R"({"jobId":"0x2222222222222222222222222222222222222222222222222222222222222222"})",
         .handler = [&services](const json& p, CallContext&) { return progress(services, p); }});
}

}  // namespace assay::node
