// Self-test of whole training runs: each run of training.json is trained from its seed, and every
// loss, parameter and moment is compared bit for bit.
#include "compute/models/limits.h"
#include "compute/models/model.h"
#include "compute/self_test.h"
#include "compute/train/trainer.h"

namespace assay::compute {
namespace {

Result<uint32_t> small_number(const json::Value& object, std::string_view key) {
    ASSAY_ASSIGN(const json::Value* value, member(object, key));
    ASSAY_ASSIGN(const uint64_t number, value->as_u64());
    if (number > UINT32_MAX)
        return fail(Code::kCorrupt, "training vectors: " + std::string(key) + " is too large");
    return static_cast<uint32_t>(number);
}

// A hyperparameter in billionths; the vectors use values that billionths hold exactly.
Result<uint64_t> nano(const json::Value& object, std::string_view key) {
    ASSAY_ASSIGN(const json::Value* value, member(object, key));
    ASSAY_ASSIGN(const double number, value->as_double());
    if (!(number >= 0 && number <= 1000))
        return fail(Code::kCorrupt, "training vectors: " + std::string(key) + " is out of range");
    const double scaled = number * double{kOneNano};
    const auto floor = static_cast<uint64_t>(scaled);
    return floor + (scaled - static_cast<double>(floor) >= 0.5 ? 1 : 0);
}

Result<std::vector<uint32_t>> small_numbers(const json::Value& object, std::string_view key) {
    ASSAY_ASSIGN(const json::Value* value, member(object, key));
    std::vector<uint32_t> out;
    for (const json::Value& item : value->items) {
        ASSAY_ASSIGN(const uint64_t number, item.as_u64());
        out.push_back(static_cast<uint32_t>(number));
    }
    return out;
}

Result<ModelConfig> cnn_of(const json::Value& config) {
    CnnConfig cnn;
    ASSAY_ASSIGN(cnn.height, small_number(config, "height"));
    ASSAY_ASSIGN(cnn.width, small_number(config, "width"));
    ASSAY_ASSIGN(cnn.channels, small_number(config, "channels"));
    ASSAY_ASSIGN(cnn.filters, small_numbers(config, "filters"));
    ASSAY_ASSIGN(cnn.strides, small_numbers(config, "strides"));
    ASSAY_ASSIGN(cnn.classes, small_number(config, "classes"));
    return ModelConfig(cnn);
}

// A llama where it has heads of keys and values, else a gpt.
Result<ModelConfig> whole_model(const json::Value& config) {
    GptConfig gpt;
    ASSAY_ASSIGN(gpt.vocab, small_number(config, "vocab"));
    ASSAY_ASSIGN(gpt.context, small_number(config, "context"));
    ASSAY_ASSIGN(gpt.d_model, small_number(config, "d_model"));
    ASSAY_ASSIGN(gpt.n_layer, small_number(config, "n_layer"));
    ASSAY_ASSIGN(gpt.n_head, small_number(config, "n_head"));
    if (config.find("n_kv_head") == nullptr) return ModelConfig(gpt);
    LlamaConfig llama{gpt.vocab, gpt.context, gpt.d_model, gpt.n_layer, gpt.n_head};
    ASSAY_ASSIGN(llama.n_kv_head, small_number(config, "n_kv_head"));
    ASSAY_ASSIGN(llama.d_ff, small_number(config, "d_ff"));
    ASSAY_ASSIGN(llama.rope_base, small_number(config, "rope_base"));
    ASSAY_ASSIGN(llama.eps_nano, small_number(config, "eps_nano"));
    ASSAY_ASSIGN(const uint32_t tied, small_number(config, "tied"));
    llama.tied = tied != 0;
    ASSAY_ASSIGN(llama.rope_scaling, read_rope_scaling(config));
    llama.qkv_bias = config.find("qkv_bias") != nullptr;
    return ModelConfig(llama);
}

Result<ModelConfig> model_of(const json::Value& config) {
    if (config.find("filters") != nullptr) return cnn_of(config);
    ASSAY_ASSIGN(const ModelConfig whole, whole_model(config));
    if (config.find("lora_rank") == nullptr) return whole;
    ASSAY_ASSIGN(const uint32_t rank, small_number(config, "lora_rank"));
    if (const auto* gpt = std::get_if<GptConfig>(&whole))
        return ModelConfig(LoraConfig{*gpt, rank});
    return ModelConfig(LoraConfig{std::get<LlamaConfig>(whole), rank});
}

// The run's starting state; under adapters the base from a seed of its own.
Result<ModelState> start_of(const json::Value& run, const JobConfig& job) {
    ASSAY_ASSIGN(ModelState state, initial_state(job.model, job.seed));
    const auto base = frozen_base(job.model);
    if (!base) return state;
    ASSAY_ASSIGN(const json::Value* value, member(run, "base_seed"));
    ASSAY_ASSIGN(const uint64_t seed, value->as_u64());
    ASSAY_ASSIGN(ModelState given, initial_state(*base, seed));
    state.frozen = std::move(given.value);
    return state;
}

Result<JobConfig> job_of(const json::Value& run) {
    JobConfig job;
    ASSAY_ASSIGN(const json::Value* config, member(run, "config"));
    ASSAY_ASSIGN(job.model, model_of(*config));
    ASSAY_ASSIGN(const json::Value* hyper, member(run, "hyper"));
    ASSAY_ASSIGN(job.optimizer.lr_nano, nano(*hyper, "lr"));
    job.optimizer.min_lr_nano = job.optimizer.lr_nano;  // constant
    ASSAY_ASSIGN(job.optimizer.beta1_nano, nano(*hyper, "beta1"));
    ASSAY_ASSIGN(job.optimizer.beta2_nano, nano(*hyper, "beta2"));
    ASSAY_ASSIGN(job.optimizer.eps_nano, nano(*hyper, "eps"));
    ASSAY_ASSIGN(job.optimizer.decay_nano, nano(*hyper, "decay"));
    ASSAY_ASSIGN(job.optimizer.clip_nano, nano(*hyper, "clip"));
    ASSAY_ASSIGN(job.plan.local_steps, small_number(run, "steps"));
    ASSAY_ASSIGN(job.plan.batch, small_number(run, "batch"));
    ASSAY_ASSIGN(job.slices, small_number(run, "slices"));
    ASSAY_ASSIGN(const json::Value* seed, member(run, "seed"));
    ASSAY_ASSIGN(job.seed, seed->as_u64());
    return job;
}

Result<Bytes> small_bytes(const json::Value& run, std::string_view key) {
    ASSAY_ASSIGN(const json::Value* data, member(run, key));
    ASSAY_ASSIGN(const std::vector<int64_t> values, read_integers(*data));
    Bytes bytes;
    for (const int64_t value : values) {
        if (value < 0 || value > UINT8_MAX)
            return fail(Code::kCorrupt,
                        "training vectors: a number of " + std::string(key) + " is not a byte");
        bytes.push_back(static_cast<uint8_t>(value));
    }
    return bytes;
}

// Tokens, or images where there are labels.
Result<Dataset> data_of(const json::Value& run) {
    ASSAY_ASSIGN(Bytes data, small_bytes(run, "data"));
    if (run.find("labels") == nullptr) return Dataset::from_tokens(std::move(data));
    ASSAY_ASSIGN(const Bytes labels, small_bytes(run, "labels"));
    return Dataset::from_images(std::move(data), labels);
}

Status compare_tensors(const json::Value& run, const std::string& label, const std::string& part,
                       const ModelConfig& model, const std::vector<std::vector<float>>& found,
                       VectorReport& report) {
    ASSAY_ASSIGN(const json::Value* tensors, member(run, part));
    const std::vector<ParameterSpec> specs = parameter_specs(model);
    for (size_t i = 0; i < specs.size(); ++i) {
        ASSAY_ASSIGN(const json::Value* value, member(*tensors, specs[i].name));
        ASSAY_ASSIGN(const FloatArray expected, read_floats(*value));
        report.compare(label + " " + part + " " + specs[i].name, found[i], expected.data);
    }
    return {};
}

Status check_run(const json::Value& run, const std::string& label, Backend& backend,
                 VectorReport& report) {
    ASSAY_ASSIGN(const JobConfig job, job_of(run));
    ASSAY_ASSIGN(const Dataset data, data_of(run));
    ASSAY_ASSIGN(ModelState state, start_of(run, job));
    ASSAY_ASSIGN(const std::unique_ptr<Trainer> trainer,
                 Trainer::create(job, data, 0, backend, std::move(state)));
    std::vector<float> losses;
    for (uint64_t step = 0; step < job.plan.local_steps; ++step) {
        const auto result = trainer->step(step);
        if (!result.ok()) {
            report.fail_case(label, result.error().message);
            return {};
        }
        losses.push_back(result->loss);
    }
    ASSAY_ASSIGN(const json::Value* loss_value, member(run, "losses"));
    ASSAY_ASSIGN(const FloatArray expected, read_floats(*loss_value));
    report.compare(label + " losses", losses, expected.data);
    ASSAY_ASSIGN(const ModelState* at_end, trainer->state());
    const ModelState& end = *at_end;
    ASSAY_RETURN_IF_ERROR(compare_tensors(run, label, "params", job.model, end.value, report));
    ASSAY_RETURN_IF_ERROR(compare_tensors(run, label, "m", job.model, end.m, report));
    return compare_tensors(run, label, "v", job.model, end.v, report);
}

}  // namespace

Status check_training_vectors(const json::Value& runs, Backend& backend, VectorReport& report) {
    if (!runs.is(json::Kind::kArray) || runs.items.empty())
        return fail(Code::kCorrupt, "training vectors: not an array of runs");
    for (size_t i = 0; i < runs.items.size(); ++i) {
        const std::string label = "run " + std::to_string(i);
        ASSAY_RETURN_IF_ERROR(check_run(runs.items[i], label, backend, report));
    }
    return {};
}

}  // namespace assay::compute
