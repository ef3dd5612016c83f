// The gpt model: forward and backward passes in the order of OFA-1's reference. Shapes: R = batch *
// context rows, D = d_model, V = vocab. x is the residual stream, d.* its gradients.
#include <cmath>

#include "compute/models/model.h"
#include "compute/program/builder.h"

namespace assay::compute {
namespace {

struct Block {  // parameters of one layer
    TensorId ln_1_g, ln_1_b, qkv_w, qkv_b, attn_out_w, attn_out_b;
    TensorId ln_2_g, ln_2_b, fc_w, fc_b, fc_out_w, fc_out_b;
};

struct BlockTape {  // what the backward pass of one layer reads
    ProgramBuilder::Norm ln_1, ln_2;
    TensorId qkv, fc, gelu;
    ProgramBuilder::Attention attention;
};

class GptBuilder {
public:
    GptBuilder(const GptConfig& config, uint32_t batch, int slices, ProgramMode mode)
        : config_(config),
          mode_(mode),
          builder_(mode, slices),
          shape_{batch, config.context, config.n_head, config.d_model / config.n_head} {}

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

    void declare() {
        Program& program = builder_.program();
        const int64_t rows = shape_.rows();
        tokens_ = program.samples = builder_.input("tokens", {rows}, ElementType::kI32);
        if (mode_ != ProgramMode::kLogits)
            target_ = program.targets = builder_.input("targets", {rows}, ElementType::kI32);
        if (mode_ == ProgramMode::kTrain)
            program.positions = builder_.input("positions", {rows}, ElementType::kI32);
        std::vector<TensorId> ids;
        for (const ParameterSpec& spec : gpt_parameters(config_))
            ids.push_back(builder_.parameter(spec.name, spec.shape));
        size_t next = 0;
        wte_ = ids[next++];
        wpe_ = ids[next++];
        for (uint32_t i = 0; i < config_.n_layer; ++i) {
            Block b{};
            for (TensorId* id :
                 {&b.ln_1_g, &b.ln_1_b, &b.qkv_w, &b.qkv_b, &b.attn_out_w, &b.attn_out_b, &b.ln_2_g,
                  &b.ln_2_b, &b.fc_w, &b.fc_b, &b.fc_out_w, &b.fc_out_b})
                *id = ids[next++];
            blocks_.push_back(b);
        }
        ln_f_g_ = ids[next++];
        ln_f_b_ = ids[next];
    }

    void forward() {
        TensorId x = builder_.embedding(wte_, wpe_, tokens_);
        for (size_t i = 0; i < blocks_.size(); ++i) x = forward_block(i, x);
        final_ = builder_.layernorm("ln_f", x, ln_f_g_, ln_f_b_);
        builder_.program().logits = builder_.gemm("logits", final_.y, false, wte_, true);
    }

    TensorId forward_block(size_t i, TensorId x) {
        const Block& p = blocks_[i];
        const std::string n = layer(i);
        BlockTape t{};
        t.ln_1 = builder_.layernorm(n + "ln_1", x, p.ln_1_g, p.ln_1_b);
        t.qkv = builder_.linear(n + "qkv", t.ln_1.y, p.qkv_w, p.qkv_b);
        t.attention = builder_.attention(n + "attention", t.qkv, shape_);
        const TensorId y =
            builder_.linear(n + "attn_out", t.attention.out, p.attn_out_w, p.attn_out_b);
        x = builder_.add(n + "x_mid", x, y);
        t.ln_2 = builder_.layernorm(n + "ln_2", x, p.ln_2_g, p.ln_2_b);
        t.fc = builder_.linear(n + "fc", t.ln_2.y, p.fc_w, p.fc_b);
        t.gelu = builder_.gelu(n + "gelu", t.fc);
        const TensorId z = builder_.linear(n + "fc_out", t.gelu, p.fc_out_w, p.fc_out_b);
        tape_.push_back(t);
        return builder_.add(n + "x", x, z);
    }

    void backward(TensorId dlogits) {
        const TensorId d_head = builder_.gemm("d.head", dlogits, true, final_.y, false);
        const TensorId dz = builder_.gemm("d.ln_f", dlogits, false, wte_, false);
        TensorId dx = builder_.layernorm_grad("d.x", dz, ln_f_g_, ln_f_b_, final_);
        for (size_t i = blocks_.size(); i-- > 0;) dx = backward_block(i, dx);
        builder_.scatter("", dx, builder_.program().positions, config_.context,
                         builder_.gradient(wpe_));
        const TensorId d_tokens = builder_.scatter("d.tokens", dx, tokens_, config_.vocab);
        builder_.add("", d_tokens, d_head, builder_.gradient(wte_));
    }

    TensorId backward_block(size_t i, TensorId dx) {
        const Block& p = blocks_[i];
        const BlockTape& t = tape_[i];
        const std::string n = "d." + layer(i);
        const TensorId dg =
            builder_.linear_grad(n + "gelu", dx, t.gelu, p.fc_out_w, p.fc_out_b, true);
        const TensorId df = builder_.gelu_grad(n + "fc", t.fc, dg);
        const TensorId dc = builder_.linear_grad(n + "ln_2", df, t.ln_2.y, p.fc_w, p.fc_b, true);
        TensorId db = builder_.layernorm_grad(n + "x_mid.norm", dc, p.ln_2_g, p.ln_2_b, t.ln_2);
        dx = builder_.add(n + "x_mid", dx, db);
        const TensorId dy = builder_.linear_grad(n + "attention", dx, t.attention.out, p.attn_out_w,
                                                 p.attn_out_b, true);
        const TensorId dqkv = builder_.attention_grad(n + "qkv", dy, t.qkv, t.attention, shape_);
        const TensorId da =
            builder_.linear_grad(n + "ln_1", dqkv, t.ln_1.y, p.qkv_w, p.qkv_b, true);
        db = builder_.layernorm_grad(n + "x.norm", da, p.ln_1_g, p.ln_1_b, t.ln_1);
        return builder_.add(n + "x", dx, db);
    }

    const GptConfig config_;
    const ProgramMode mode_;
    ProgramBuilder builder_;
    const AttentionShape shape_;
    TensorId tokens_ = kNoTensor, target_ = kNoTensor, wte_ = kNoTensor, wpe_ = kNoTensor;
    TensorId ln_f_g_ = kNoTensor, ln_f_b_ = kNoTensor;
    std::vector<Block> blocks_;
    std::vector<BlockTape> tape_;
    ProgramBuilder::Norm final_{};
};

}  // namespace

std::vector<ParameterSpec> gpt_parameters(const GptConfig& config) {
    const int64_t d = config.d_model;
    constexpr double kStd = 0.02;
    const double residual = kStd / std::sqrt(2.0 * config.n_layer);
    const auto random = [](std::string name, std::vector<int64_t> shape, double std) {
        return ParameterSpec{std::move(name), std::move(shape), true, std};
    };
    const auto constant = [](std::string name, int64_t size, double value) {
        return ParameterSpec{std::move(name), {size}, false, value};
    };
    std::vector<ParameterSpec> specs = {random("wte", {config.vocab, d}, kStd),
                                        random("wpe", {config.context, d}, kStd)};
    for (uint32_t i = 0; i < config.n_layer; ++i) {
        const std::string n = "h." + std::to_string(i) + ".";
        specs.push_back(constant(n + "ln_1.g", d, 1));
        specs.push_back(constant(n + "ln_1.b", d, 0));
        specs.push_back(random(n + "qkv.w", {d, 3 * d}, kStd));
        specs.push_back(constant(n + "qkv.b", 3 * d, 0));
        specs.push_back(random(n + "attn_out.w", {d, d}, residual));
        specs.push_back(constant(n + "attn_out.b", d, 0));
        specs.push_back(constant(n + "ln_2.g", d, 1));
        specs.push_back(constant(n + "ln_2.b", d, 0));
        specs.push_back(random(n + "fc.w", {d, 4 * d}, kStd));
        specs.push_back(constant(n + "fc.b", 4 * d, 0));
        specs.push_back(random(n + "fc_out.w", {4 * d, d}, residual));
        specs.push_back(constant(n + "fc_out.b", d, 0));
    }
    specs.push_back(constant("ln_f.g", d, 1));
    specs.push_back(constant("ln_f.b", d, 0));
    return specs;
}

Program gpt_program(const GptConfig& config, uint32_t batch, int slices, ProgramMode mode) {
    return GptBuilder(config, batch, slices, mode).build();
}

}  // namespace assay::compute
