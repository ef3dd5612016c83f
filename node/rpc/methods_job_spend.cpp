// job_post, job_cancel and job_topUp: signed with a node-held key.
#include <nlohmann/json.hpp>

#include "contracts/commitment.h"
#include "contracts/job_spec.h"
#include "contracts/store.h"
#include "contracts/transactions.h"
#include "node/rpc/job_json.h"
#include "node/rpc/methods.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using contracts::TxType;
using nlohmann::json;

std::string raw_of(const Hash256& hash) {
    return std::string(text_of(hash.view()));
}

// Providers fetch a job's data from this node: it must be here, and they must reach it. Said before
// any money is locked.
Status publish(const Services& services, const pb::ArtifactRef& ref, const std::string& what) {
    const auto root = hash_from(view_of(ref.root()));
    if (!root) return {};
    if (services.has_artifact && !services.has_artifact(*root))
        return fail(Code::kNotFound,
                    "the job's " + what + " " + hash_text(*root) +
                        " is not on this node, so no provider could fetch it. Remedy: import it "
                        "into this node's home (assay job post --data) or upload it (POST "
                        "/artifacts); or, when others have it, dataElsewhere");
    if (!services.offer_artifact) return {};
    const auto outcome = services.offer_artifact(ref);
    if (outcome.asked == 0 || outcome.reachable > 0) return {};
    return fail(Code::kUnavailable,
                "none of " + std::to_string(outcome.asked) +
                    " providers and peers can fetch the job's " + what +
                    " from this node: " + outcome.reason +
                    ". Remedy: peerHost and peerPort in config.json at an address that they reach, "
                    "or post from a node that is");
}

Result<json> post_job(const MethodEnv& env, const json& params, CallContext& context) {
    const Services& services = *env.services;
    pb::JobPost post;
    ASSAY_ASSIGN(*post.mutable_spec(), job_spec_param(services, params));
    ASSAY_ASSIGN(const auto point, read_point(services));
    ASSAY_ASSIGN(const auto quote,
                 contracts::quote(post.spec(), contracts::Reader(*point.view).params()));
    uint64_t escrow = quote.max_escrow;
    if (params.contains("escrow")) {
        ASSAY_ASSIGN(escrow, amount_param(params, "escrow"));
    }
    post.set_escrow(escrow);
    if (!params.value("dataElsewhere", false)) {
        ASSAY_RETURN_IF_ERROR(publish(services, post.spec().data(), "data"));
        ASSAY_RETURN_IF_ERROR(publish(services, post.spec().initial(), "initial checkpoint"));
    }
    ASSAY_ASSIGN(auto answer, env.submitter->sign_and_submit(
                                  params, static_cast<uint32_t>(TxType::kJobPost), post, context));
    // The ledger derives the same id, so it is known before the block is.
    ASSAY_ASSIGN(const auto sender, services.key_address(params.value("key", "node")));
    answer["jobId"] = hash_text(contracts::job_id(services.engine.genesis().chain_id(), sender,
                                                  answer["nonce"].get<uint64_t>()));
    answer["escrow"] = amount_text(escrow);
    return answer;
}

Result<json> cancel_job(const MethodEnv& env, const json& params, CallContext& context) {
    pb::JobCancel cancel;
    cancel.set_job_id(raw_of(hash_param(params, "jobId")));
    return env.submitter->sign_and_submit(params, static_cast<uint32_t>(TxType::kJobCancel), cancel,
                                          context);
}

Result<json> top_up_job(const MethodEnv& env, const json& params, CallContext& context) {
    pb::JobTopUp top_up;
    top_up.set_job_id(raw_of(hash_param(params, "jobId")));
    ASSAY_ASSIGN(const uint64_t amount, amount_param(params, "amount"));
    top_up.set_amount(amount);
    return env.submitter->sign_and_submit(params, static_cast<uint32_t>(TxType::kJobTopUp), top_up,
                                          context);
}

}  // namespace

void add_job_spend_methods(std::vector<Method>& methods, const MethodEnv& env) {
    const std::string submitted(kSubmittedResult);
    methods.push_back(
        {.name = "job_post",
         .summary = "Posts a job and locks its escrow, signed with a node-held key.",
         .params = with_signing({{.name = "spec",
                                  .type = JsonType::kObject,
                                  .required = true,
                                  .description = "job description (docs/job-spec.md)"},
                                 {.name = "escrow",
                                  .description = "micro-units to lock; maxEscrow of job_estimate "
                                                 "by default, which is also the least",
                                  .format = Format::kAmount},
                                 {.name = "dataElsewhere",
                                  .type = JsonType::kBoolean,
                                  .description = "data and initial checkpoint are at other nodes: "
                                                 "do not check that they are here and can be "
                                                 "fetched"}}),
         .result = "jobId, escrow, " + submitted,
         .example = "{\"spec\":" + std::string(kExampleSpec) + ",\"key\":\"requester\"}",
         .role = Role::kSpend,
         .handler = [env](const json& p, CallContext& c) { return post_job(env, p, c); }});
    methods.push_back(
        {.name = "job_cancel",
         .summary = "Cancels a job before its first commitment; the escrow is refunded.",
         .params = with_signing({job_id_param()}),
         .result = submitted,
         .example =
             R"({"jobId":"0x2222222222222222222222222222222222222222222222222222222222222222"})",
         .role = Role::kSpend,
         .handler = [env](const json& p, CallContext& c) { return cancel_job(env, p, c); }});
    methods.push_back(
        {.name = "job_topUp",
         .summary = "Adds to the escrow of a running job.",
         .params = with_signing({job_id_param(),
                                 {.name = "amount",
                                  .required = true,
                                  .description = "micro-units",
                                  .format = Format::kAmount}}),
         .result = submitted,
         .example =
             R"({"jobId":"0x2222222222222222222222222222222222222222222222222222222222222222",)"
             R"("amount":"1000"})",
         .role = Role::kSpend,
         .handler = [env](const json& p, CallContext& c) { return top_up_job(env, p, c); }});
}

}  // namespace assay::node
