// The job description (docs/job-spec.md) as JSON, both ways.
//
// Ownership: values. Threads: pure. Errors: kInvalidArgument naming the path of the field.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "contracts.pb.h"
#include "node/rpc/method.h"
#include "node/rpc/services.h"

namespace assay::node {

// A small valid job, for examples and tests: a byte-level language model in two rounds.
extern const char* const kExampleSpec;

// Reads exactly what is there; what a field may be and what its default is, is for the contracts.
Result<pb::JobSpec> job_spec_from_json(const nlohmann::json& value);
nlohmann::json job_spec_to_json(const pb::JobSpec& spec);
// Parameter `spec` of a method, valid under the rules of the chain's next block.
Result<pb::JobSpec> job_spec_param(const Services& services, const nlohmann::json& params);
Param job_id_param();

}  // namespace assay::node
