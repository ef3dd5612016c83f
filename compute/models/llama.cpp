// The llama model: forward and backward passes in the order of its reference (docs/arithmetic.md).
// Weights are (outputs x inputs), as other software stores them; x is the residual stream, d.* its
// gradients.
#include <cmath>

#include "compute/arithmetic/rotary.h"
#include "compute/models/limits.h"
#include "compute/models/model.h"
#include "compute/program/builder.h"

namespace assay::compute {
namespace {

struct Block {  // parameters of one layer
    TensorId norm_1, q, k, v, o, norm_2, gate, up, down;
    TensorId q_bias = kNoTensor, k_bias = kNoTensor, v_bias = kNoTensor;
};

struct BlockTape {  // what the backward pass of one layer reads
    ProgramBuilder::Norm norm_1, norm_2;
    TensorId qkv, gate, up, h;
    ProgramBuilder::Attention attention;
};

class LlamaBuilder {
public:
    LlamaBuilder(const LlamaConfig& config, uint32_t batch, int slices, ProgramMode mode)
        : config_(config),
          mode_(mode),
          builder_(mode, slices),
          shape_{batch, config.context, config.n_head, config.head_dim()},
          eps_(static_cast<float>(static_cast<double>(config.eps_nano) / double{kOneNano})) {}

    Program build() {
        declare();
        forward();
        if (mode_ == ProgramMode::kLogits) return builder_.take();
        const auto loss = builder_.cross_entropy(builder_.program().logits, target_);
        builder_.program().loss = loss.loss;
        if (mode_ == ProgramMode::kTrain) {
            backward(loss.dlogits);
            builder_.adamw();
        }
        return builder_.take();
    }

private:
    static std::string layer(size_t i) { return "h." + std::to_string(i) + "."; }
    TensorId head() const { return head_ == kNoTensor ? embed_ : head_; }

    void declare() {
        Program& program = builder_.program();
        const int64_t rows = shape_.rows();
        tokens_ = program.samples = builder_.input("tokens", {rows}, ElementType::kI32);
        if (mode_ != ProgramMode::kLogits)
            target_ = program.targets = builder_.input("targets", {rows}, ElementType::kI32);
        table_ = builder_.constant("rotary", {config_.context, config_.head_dim()},
                                   rotary_table(config_.context, config_.head_dim(),
                                                static_cast<double>(config_.rope_base),
                                                config_.rope_scaling.value_or(RopeScaling{})));
        std::vector<TensorId> ids;
        for (const ParameterSpec& spec : llama_parameters(config_))
            ids.push_back(builder_.parameter(spec.name, spec.shape));
        size_t next = 0;
        embed_ = ids[next++];
        for (uint32_t i = 0; i < config_.n_layer; ++i) {
            Block b{};
            const auto take = [&](std::initializer_list<TensorId*> from) {
                for (TensorId* id : from) *id = ids[next++];
            };
            if (config_.qkv_bias)
                take({&b.norm_1, &b.q, &b.q_bias, &b.k, &b.k_bias, &b.v, &b.v_bias});
            else
                take({&b.norm_1, &b.q, &b.k, &b.v});
            take({&b.o, &b.norm_2, &b.gate, &b.up, &b.down});
            blocks_.push_back(b);
        }
        norm_f_ = ids[next++];
        if (!config_.tied) head_ = ids[next];
    }

    TensorId linear(const std::string& name, TensorId x, TensorId w, TensorId bias = kNoTensor) {
        return builder_.gemm(name, x, false, w, true, kNoTensor, bias);
    }
    // Gradients of w and the bias; returns that of x.
    TensorId linear_grad(const std::string& name, TensorId dy, TensorId x, TensorId w,
                         TensorId bias = kNoTensor) {
        builder_.gemm("", dy, true, x, false, builder_.gradient(w));
        if (bias != kNoTensor) builder_.column_sums(dy, builder_.gradient(bias));
        return builder_.gemm(name, dy, false, w, false);
    }

    void forward() {
        TensorId x = builder_.embedding(embed_, kNoTensor, tokens_);
        for (size_t i = 0; i < blocks_.size(); ++i) x = forward_block(i, x);
        final_ = builder_.rmsnorm("norm_f", x, norm_f_, eps_);
        builder_.program().logits = linear("logits", final_.y, head());
    }

    TensorId forward_block(size_t i, TensorId x) {
        const Block& p = blocks_[i];
        const std::string n = layer(i);
        BlockTape t{};
        t.norm_1 = builder_.rmsnorm(n + "norm_1", x, p.norm_1, eps_);
        const TensorId q = linear(n + "q", t.norm_1.y, p.q, p.q_bias);
        const TensorId k = linear(n + "k", t.norm_1.y, p.k, p.k_bias);
        const TensorId v = linear(n + "v", t.norm_1.y, p.v, p.v_bias);
        t.qkv = builder_.rotary(n + "qkv", q, k, v, table_, shape_, config_.n_kv_head);
        t.attention = builder_.attention(n + "attention", t.qkv, shape_);
        x = builder_.add(n + "x_mid", x, linear(n + "o", t.attention.out, p.o));
        t.norm_2 = builder_.rmsnorm(n + "norm_2", x, p.norm_2, eps_);
        t.gate = linear(n + "gate", t.norm_2.y, p.gate);
        t.up = linear(n + "up", t.norm_2.y, p.up);
        t.h = builder_.swiglu(n + "h", t.gate, t.up);
        tape_.push_back(t);
        return builder_.add(n + "x", x, linear(n + "down", t.h, p.down));
    }

    void backward(TensorId dlogits) {
        const TensorId d_head = builder_.gemm("d.head", dlogits, true, final_.y, false,
                                              config_.tied ? kNoTensor : builder_.gradient(head_));
        const TensorId dz = builder_.gemm("d.norm_f", dlogits, false, head(), false);
        TensorId dx = builder_.rmsnorm_grad("d.x", dz, norm_f_, final_);
        for (size_t i = blocks_.size(); i-- > 0;) dx = backward_block(i, dx);
        if (config_.tied) {
            const TensorId d_tokens = builder_.scatter("d.tokens", dx, tokens_, config_.vocab);
            builder_.add("", d_tokens, d_head, builder_.gradient(embed_));
        } else {
            builder_.scatter("", dx, tokens_, config_.vocab, builder_.gradient(embed_));
        }
    }

    TensorId backward_block(size_t i, TensorId dx) {
        const Block& p = blocks_[i];
        const BlockTape& t = tape_[i];
        const std::string n = "d." + layer(i);
        const TensorId dh = linear_grad(n + "h", dx, t.h, p.down);
        const auto [dgate, dup] = builder_.swiglu_grad(n + "swiglu", t.gate, t.up, dh);
        const TensorId dc =
            builder_.add(n + "norm_2", linear_grad(n + "c.gate", dgate, t.norm_2.y, p.gate),
                         linear_grad(n + "c.up", dup, t.norm_2.y, p.up));
        dx = builder_.add(n + "x_mid", dx,
                          builder_.rmsnorm_grad(n + "x_mid.norm", dc, p.norm_2, t.norm_2));
        const TensorId dy = linear_grad(n + "attention", dx, t.attention.out, p.o);
        const TensorId dqkv = builder_.attention_grad(n + "qkv", dy, t.qkv, t.attention, shape_);
        const auto d = builder_.rotary_grad(n + "rotary", dqkv, table_, shape_, config_.n_kv_head);
        const TensorId a = t.norm_1.y;
        const TensorId dq = linear_grad(n + "a.q", d.q, a, p.q, p.q_bias);
        const TensorId dk = linear_grad(n + "a.k", d.k, a, p.k, p.k_bias);
        const TensorId dv = linear_grad(n + "a.v", d.v, a, p.v, p.v_bias);
        const TensorId da = builder_.add(n + "norm_1", builder_.add(n + "a.qk", dq, dk), dv);
        return builder_.add(n + "x", dx,
                            builder_.rmsnorm_grad(n + "x.norm", da, p.norm_1, t.norm_1));
    }

    const LlamaConfig config_;
    const ProgramMode mode_;
    ProgramBuilder builder_;
    const AttentionShape shape_;
    const float eps_;
    TensorId tokens_ = kNoTensor, target_ = kNoTensor, table_ = kNoTensor;
    TensorId embed_ = kNoTensor, norm_f_ = kNoTensor, head_ = kNoTensor;
    std::vector<Block> blocks_;
    std::vector<BlockTape> tape_;
    ProgramBuilder::Norm final_{};
};

}  // namespace

std::vector<ParameterSpec> llama_parameters(const LlamaConfig& config) {
    const int64_t d = config.d_model, kv = config.kv_width(), ff = config.d_ff;
    constexpr double kStd = 0.02;
    const double residual = kStd / std::sqrt(2.0 * config.n_layer);
    std::vector<ParameterSpec> specs;
    const auto random = [&](const std::string& name, int64_t rows, int64_t cols, double std) {
        specs.push_back({name, {rows, cols}, true, std});
    };
    const auto gain = [&](const std::string& name) { specs.push_back({name, {d}, false, 1}); };
    const std::pair<const char*, int64_t> qkv[] = {{"q", d}, {"k", kv}, {"v", kv}};
    random("embed", config.vocab, d, kStd);
    for (uint32_t i = 0; i < config.n_layer; ++i) {
        const std::string n = "h." + std::to_string(i) + ".";
        gain(n + "norm_1.g");
        for (const auto& [name, rows] : qkv) {
            random(n + name + ".w", rows, d, kStd);
            if (config.qkv_bias) specs.push_back({n + name + ".b", {rows}, false, 0});
        }
        random(n + "o.w", d, d, residual);
        gain(n + "norm_2.g");
        random(n + "gate.w", ff, d, kStd);
        random(n + "up.w", ff, d, kStd);
        random(n + "down.w", d, ff, residual);
    }
    gain("norm_f.g");
    if (!config.tied) random("head", config.vocab, d, kStd);
    return specs;
}

Program llama_program(const LlamaConfig& config, uint32_t batch, int slices, ProgramMode mode) {
    return LlamaBuilder(config, batch, slices, mode).build();
}

}  // namespace assay::compute
