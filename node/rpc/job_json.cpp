#include "node/rpc/job_json.h"

#include <nlohmann/json.hpp>

#include "contracts/job_spec.h"
#include "node/rpc/proto_json.h"

namespace assay::node {

const char* const kExampleSpec =
    R"({"name":"tiny-text","model":{"gpt":{"vocab":256,"context":32,"dModel":32,"nLayer":2,)"
    R"("nHead":2}},"optimizer":{"lr":"0.003","beta1":"0.9","beta2":"0.95","eps":"0.00000001",)"
    R"("decay":"0.1","clip":"1","warmupSteps":4,"minLr":"0.0003"},"numerics":"OFA-1","slices":2,)"
    R"("seed":7,"data":{"root":)"
    R"("0x4444444444444444444444444444444444444444444444444444444444444444","size":65536},)"
    R"("plan":{"rounds":2,"shards":2,"localSteps":8,"batch":4},"terms":{"replicas":3,)"
    R"("priceCeiling":"2000","deadlineMs":3600000}})";

Param job_id_param() {
    return {.name = "jobId", .required = true, .description = "job", .format = Format::kHash};
}

Result<pb::JobSpec> job_spec_from_json(const nlohmann::json& value) {
    pb::JobSpec spec;
    ASSAY_RETURN_IF_ERROR(message_from_json(value, "spec", spec));
    return spec;
}

nlohmann::json job_spec_to_json(const pb::JobSpec& spec) {
    return message_to_json(spec);
}

Result<pb::JobSpec> job_spec_param(const Services& services, const nlohmann::json& params) {
    ASSAY_ASSIGN(auto spec, job_spec_from_json(params["spec"]));
    ASSAY_RETURN_IF_ERROR(contracts::validate_job(spec, services.application.info().app_version));
    return spec;
}

}  // namespace assay::node
