#include "contracts/job_spec.h"

#include <algorithm>
#include <set>
#include <string>

#include "contracts/limits.h"
#include "contracts/payload_checks.h"

namespace assay::contracts {
namespace {

using Wide = unsigned __int128;
constexpr uint64_t kMacsPerWorkUnit = 1'000'000'000;

Status check_plan(const pb::PlanSpec& plan) {
    ASSAY_RETURN_IF_ERROR(check_range("plan.rounds", plan.rounds(), 1, kMaxJobRounds));
    ASSAY_RETURN_IF_ERROR(check_range("plan.shards", plan.shards(), 1, kMaxJobShards));
    return check_range("number of tasks (plan.rounds * (plan.shards + 1))",
                       uint64_t{plan.rounds()} * (plan.shards() + 1), 1, kMaxJobTasks);
}

Status check_terms(const pb::TermsSpec& terms) {
    ASSAY_RETURN_IF_ERROR(
        check_range("terms.replicas", terms.replicas(), kMinReplicas, kMaxReplicas));
    ASSAY_RETURN_IF_ERROR(check_range("terms.price_ceiling", terms.price_ceiling(), 1, kMaxPrice));
    ASSAY_RETURN_IF_ERROR(
        check_range("terms.deadline_ms", terms.deadline_ms(), kMinDeadlineMs, kMaxDeadlineMs));
    ASSAY_RETURN_IF_ERROR(check_range("terms.min_score", terms.min_score(), 0, kMaxScore));
    ASSAY_RETURN_IF_ERROR(
        check_range("terms.min_memory_mb", terms.min_memory_mb(), 0, kMaxMemoryMb));
    ASSAY_RETURN_IF_ERROR(check_range("terms.priority", terms.priority(), 0, kMaxPriority));
    ASSAY_RETURN_IF_ERROR(check_range("number of terms.allowed_operators",
                                      static_cast<uint64_t>(terms.allowed_operators_size()), 0,
                                      kMaxAllowedOperators));
    std::set<std::string> seen;
    for (const std::string& op : terms.allowed_operators()) {
        if (op.size() != 20)
            return fail(Code::kInvalidArgument, "terms.allowed_operators holds an address of " +
                                                    std::to_string(op.size()) +
                                                    " bytes; an address has 20");
        if (!seen.insert(op).second)
            return fail(Code::kInvalidArgument,
                        "terms.allowed_operators names one operator twice; name it once");
    }
    if (!seen.empty() && seen.size() < terms.replicas())
        return fail(Code::kInvalidArgument, "terms.allowed_operators names " +
                                                std::to_string(seen.size()) +
                                                " operators; name at least terms.replicas (" +
                                                std::to_string(terms.replicas()) + ")");
    return {};
}

Wide ceil_work(Wide macs) {
    return std::max<Wide>(1, (macs + kMacsPerWorkUnit - 1) / kMacsPerWorkUnit);
}

Result<uint64_t> bounded_work(std::string_view field, Wide macs, std::string_view remedy) {
    const Wide work = ceil_work(macs);
    if (work <= kMaxTaskWorkUnits) return static_cast<uint64_t>(work);
    return fail(Code::kLimit, std::string(field) + " makes a task of more than " +
                                  std::to_string(kMaxTaskWorkUnits) + " work units; lower " +
                                  std::string(remedy));
}

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// lr_nano is "lr" to who writes the specification, local_steps is "localSteps".
std::string user_word(std::string_view word) {
    constexpr std::string_view kNano = "_nano";
    const bool nano = word.ends_with(kNano);
    if (nano) word.remove_suffix(kNano.size());
    std::string out;
    for (size_t i = 0; i < word.size(); ++i) {
        const bool joint = word[i] == '_' && i + 1 < word.size() && !out.empty();
        const char c = joint ? word[++i] : word[i];
        out += joint && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return nano ? out + " (in billionths)" : out;
}

// Messages name fields as the JSON specification does (docs/job-spec.md), not as the ledger's
// messages and compute/ do; a name is quoted by nothing else.
Error in_user_names(Error error) {
    std::string out;
    const std::string_view text = error.message;
    for (size_t i = 0; i < text.size();) {
        size_t end = i;
        while (end < text.size() && is_word(text[end])) ++end;
        if (end == i) {
            out += text[i++];
            continue;
        }
        out += user_word(text.substr(i, end - i));
        i = end;
    }
    error.message = std::move(out);
    return error;
}

// The program's own limits; its messages know the model without its kind.
Status check_program(const compute::JobConfig& config) {
    Status status = compute::validate(config);
    if (status.ok()) return status;
    Error error = status.error();
    const auto rename = [&](std::string_view from, std::string_view to) {
        for (size_t at = error.message.find(from); at != std::string::npos;
             at = error.message.find(from, at + to.size())) {
            error.message.replace(at, from.size(), to);
        }
    };
    rename("numerics.slices", "slices");
    rename("model.", "model." + std::string(compute::model_name(config.model)) + ".");
    return error;
}

}  // namespace

namespace {

compute::LlamaConfig llama_config(const pb::LlamaSpec& llama) {
    compute::LlamaConfig config{
        llama.vocab(),     llama.context(), llama.d_model(),   llama.n_layer(),  llama.n_head(),
        llama.n_kv_head(), llama.d_ff(),    llama.rope_base(), llama.eps_nano(), llama.tied()};
    if (llama.has_rope_scaling()) {
        const pb::RopeScalingSpec& scaling = llama.rope_scaling();
        config.rope_scaling = {scaling.factor_nano(), scaling.low_freq_factor_nano(),
                               scaling.high_freq_factor_nano(), scaling.original_context()};
    }
    config.qkv_bias = llama.qkv_bias();
    return config;
}

Result<compute::ModelConfig> adapters_of(const compute::ModelConfig& base, uint32_t rank) {
    if (const auto* gpt = std::get_if<compute::GptConfig>(&base))
        return compute::ModelConfig(compute::LoraConfig{*gpt, rank});
    if (const auto* llama = std::get_if<compute::LlamaConfig>(&base))
        return compute::ModelConfig(compute::LoraConfig{*llama, rank});
    return fail(Code::kInvalidArgument,
                "lora_rank is set: adapters go on a gpt or a llama, not on an mlp or a cnn");
}

}  // namespace

Result<compute::JobConfig> to_job_config(const pb::JobSpec& spec) {
    compute::JobConfig config;
    if (spec.model().has_gpt()) {
        const pb::GptSpec& gpt = spec.model().gpt();
        config.model = compute::GptConfig{gpt.vocab(), gpt.context(), gpt.d_model(), gpt.n_layer(),
                                          gpt.n_head()};
    } else if (spec.model().has_mlp()) {
        const pb::MlpSpec& mlp = spec.model().mlp();
        config.model = compute::MlpConfig{
            mlp.inputs(), {mlp.hidden().begin(), mlp.hidden().end()}, mlp.classes()};
    } else if (spec.model().has_cnn()) {
        const pb::CnnSpec& cnn = spec.model().cnn();
        config.model = compute::CnnConfig{cnn.height(),
                                          cnn.width(),
                                          cnn.channels(),
                                          {cnn.filters().begin(), cnn.filters().end()},
                                          {cnn.strides().begin(), cnn.strides().end()},
                                          cnn.classes()};
    } else if (spec.model().has_llama()) {
        config.model = llama_config(spec.model().llama());
    } else {
        return fail(Code::kInvalidArgument,
                    "model is not set; give model.gpt, model.llama, model.mlp or model.cnn");
    }
    if (spec.model().lora_rank() != 0) {
        ASSAY_ASSIGN(config.model, adapters_of(config.model, spec.model().lora_rank()));
    }
    const pb::OptimizerSpec& o = spec.optimizer();
    config.optimizer = {o.lr_nano(),    o.beta1_nano(), o.beta2_nano(),   o.eps_nano(),
                        o.decay_nano(), o.clip_nano(),  o.warmup_steps(), o.min_lr_nano()};
    const pb::PlanSpec& p = spec.plan();
    config.plan = {p.rounds(), p.shards(),        p.local_steps(),
                   p.batch(),  p.outer_lr_nano(), p.outer_momentum_nano()};
    config.slices = spec.slices();
    config.seed = spec.seed();
    return config;
}

namespace {

void from_llama_config(const compute::LlamaConfig& llama, pb::LlamaSpec& out) {
    out.set_vocab(llama.vocab);
    out.set_context(llama.context);
    out.set_d_model(llama.d_model);
    out.set_n_layer(llama.n_layer);
    out.set_n_head(llama.n_head);
    out.set_n_kv_head(llama.n_kv_head);
    out.set_d_ff(llama.d_ff);
    out.set_rope_base(llama.rope_base);
    out.set_eps_nano(llama.eps_nano);
    out.set_tied(llama.tied);
    if (llama.rope_scaling) {
        pb::RopeScalingSpec& scaling = *out.mutable_rope_scaling();
        scaling.set_factor_nano(llama.rope_scaling->factor_nano);
        scaling.set_low_freq_factor_nano(llama.rope_scaling->low_freq_factor_nano);
        scaling.set_high_freq_factor_nano(llama.rope_scaling->high_freq_factor_nano);
        scaling.set_original_context(llama.rope_scaling->original_context);
    }
    out.set_qkv_bias(llama.qkv_bias);
}

void from_model_config(const compute::ModelConfig& model, pb::ModelSpec& spec) {
    if (const auto* lora = std::get_if<compute::LoraConfig>(&model)) {
        from_model_config(*compute::frozen_base(model), spec);
        spec.set_lora_rank(lora->rank);
    } else if (const auto* gpt = std::get_if<compute::GptConfig>(&model)) {
        pb::GptSpec& out = *spec.mutable_gpt();
        out.set_vocab(gpt->vocab);
        out.set_context(gpt->context);
        out.set_d_model(gpt->d_model);
        out.set_n_layer(gpt->n_layer);
        out.set_n_head(gpt->n_head);
    } else if (const auto* cnn = std::get_if<compute::CnnConfig>(&model)) {
        pb::CnnSpec& out = *spec.mutable_cnn();
        out.set_height(cnn->height);
        out.set_width(cnn->width);
        out.set_channels(cnn->channels);
        out.mutable_filters()->Assign(cnn->filters.begin(), cnn->filters.end());
        out.mutable_strides()->Assign(cnn->strides.begin(), cnn->strides.end());
        out.set_classes(cnn->classes);
    } else if (const auto* llama = std::get_if<compute::LlamaConfig>(&model)) {
        from_llama_config(*llama, *spec.mutable_llama());
    } else {
        const auto& mlp = std::get<compute::MlpConfig>(model);
        pb::MlpSpec& out = *spec.mutable_mlp();
        out.set_inputs(mlp.inputs);
        out.mutable_hidden()->Assign(mlp.hidden.begin(), mlp.hidden.end());
        out.set_classes(mlp.classes);
    }
}

}  // namespace

void from_job_config(const compute::JobConfig& config, pb::JobSpec& spec) {
    from_model_config(config.model, *spec.mutable_model());
    pb::OptimizerSpec& o = *spec.mutable_optimizer();
    o.set_lr_nano(config.optimizer.lr_nano);
    o.set_beta1_nano(config.optimizer.beta1_nano);
    o.set_beta2_nano(config.optimizer.beta2_nano);
    o.set_eps_nano(config.optimizer.eps_nano);
    o.set_decay_nano(config.optimizer.decay_nano);
    o.set_clip_nano(config.optimizer.clip_nano);
    o.set_warmup_steps(config.optimizer.warmup_steps);
    o.set_min_lr_nano(config.optimizer.min_lr_nano);
    pb::PlanSpec& p = *spec.mutable_plan();
    p.set_rounds(config.plan.rounds);
    p.set_shards(config.plan.shards);
    p.set_local_steps(config.plan.local_steps);
    p.set_batch(config.plan.batch);
    p.set_outer_lr_nano(config.plan.outer_lr_nano);
    p.set_outer_momentum_nano(config.plan.outer_momentum_nano);
    spec.set_numerics(std::string(kNumerics));
    spec.set_slices(config.slices);
    spec.set_seed(config.seed);
}

namespace {

// A program without the field refuses it as unknown, whatever it holds. Under the rules that such
// programs execute it must be refused with their code, so that every node's block is the same.
Status check_version(const pb::ModelSpec& model, uint32_t version) {
    if (version >= kLlamaVariantsVersion || !model.has_llama()) return {};
    const bool scaled = model.llama().has_rope_scaling();
    if (!scaled && !model.llama().qkv_bias()) return {};
    return fail(Code::kInvalidArgument,
                std::string(scaled ? "model.llama.rope_scaling" : "model.llama.qkv_bias") +
                    " needs rules version " + std::to_string(kLlamaVariantsVersion) +
                    "; this chain executes version " + std::to_string(version) +
                    ". Remedy: post the job after the chain's upgrade (docs/operations.md, "
                    "Upgrading), or a model without it");
}

Status check_job(const pb::JobSpec& spec, uint32_t version) {
    ASSAY_RETURN_IF_ERROR(check_version(spec.model(), version));
    ASSAY_RETURN_IF_ERROR(check_text("name", spec.name(), 1, kMaxJobNameBytes));
    if (spec.numerics() != kNumerics) {
        return fail(Code::kInvalidArgument, "numerics is \"" + spec.numerics().substr(0, 32) +
                                                "\"; only \"" + std::string(kNumerics) +
                                                "\" is known");
    }
    ASSAY_RETURN_IF_ERROR(check_plan(spec.plan()));
    ASSAY_RETURN_IF_ERROR(check_terms(spec.terms()));
    if (!spec.has_data()) return fail(Code::kInvalidArgument, "data is not set; give its root");
    ASSAY_RETURN_IF_ERROR(check_artifact("data", spec.data()));
    if (spec.has_initial()) ASSAY_RETURN_IF_ERROR(check_artifact("initial", spec.initial()));
    if (spec.model().lora_rank() != 0 && !spec.has_initial()) {
        return fail(Code::kInvalidArgument,
                    "lora_rank is set and initial is not; give the model that adapters are "
                    "trained on");
    }
    ASSAY_ASSIGN(const compute::JobConfig config, to_job_config(spec));
    return check_program(config);
}

}  // namespace

Status validate_job(const pb::JobSpec& spec, uint32_t version) {
    Status status = check_job(spec, version);
    return status.ok() ? status : Status(in_user_names(status.error()));
}

bool needs_aggregation(const pb::PlanSpec& plan) {
    return plan.shards() > 1 || plan.outer_lr_nano() > 0 || plan.outer_momentum_nano() > 0;
}

Result<uint64_t> train_work_units(uint64_t step_macs, uint64_t local_steps) {
    return bounded_work("plan.localSteps", Wide{step_macs} * local_steps,
                        "plan.localSteps, plan.batch or the model's size");
}

Result<uint64_t> aggregate_work_units(uint64_t parameters, uint64_t shards) {
    return bounded_work("plan.shards", Wide{parameters} * (Wide{shards} + 1),
                        "plan.shards or the model's size");
}

Result<Quote> quote(const pb::JobSpec& spec, const pb::Params& params) {
    ASSAY_ASSIGN(const compute::JobConfig config, to_job_config(spec));
    const pb::PlanSpec& plan = spec.plan();
    Quote q;
    q.checkpoint_bytes = compute::checkpoint_bytes(config.model);
    const uint64_t macs = compute::step_macs(config.model, plan.batch());
    if (macs == 0) {
        return fail(Code::kInvalidArgument,
                    "no program can be built for model with this plan.batch; change either");
    }
    q.train_tasks = uint64_t{plan.rounds()} * plan.shards();
    ASSAY_ASSIGN(q.train_work, train_work_units(macs, plan.local_steps()));
    if (needs_aggregation(plan)) {
        q.aggregate_tasks = plan.rounds();
        // A checkpoint holds each parameter and two moments, four bytes each.
        ASSAY_ASSIGN(q.aggregate_work,
                     aggregate_work_units(q.checkpoint_bytes / 12, plan.shards()));
    }
    q.memory_mb = (compute::training_bytes(config.model, plan.batch()) >> 20) + 1;
    const Wide work =
        Wide{q.train_tasks} * q.train_work + Wide{q.aggregate_tasks} * q.aggregate_work;
    const Wide reward = work * spec.terms().price_ceiling();
    const Wide exposure = Wide{std::max(q.train_work, q.aggregate_work)} *
                          spec.terms().price_ceiling() * params.slot_stake_factor();
    if (work > kMaxAmount || reward > kMaxAmount / kMaxReplicas || exposure > kMaxAmount) {
        return fail(Code::kRejected,
                    "the job's rewards exceed the largest amount (2^63 - 1 micro-units); lower "
                    "terms.priceCeiling, plan.rounds or plan.localSteps");
    }
    q.work_units = static_cast<uint64_t>(work);
    q.max_escrow = static_cast<uint64_t>(reward) * kMaxReplicas;
    q.expected_cost = static_cast<uint64_t>(reward) * spec.terms().replicas();
    q.slot_exposure = static_cast<uint64_t>(exposure);
    return q;
}

}  // namespace assay::contracts
