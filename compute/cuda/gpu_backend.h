// GpuBackend: the operations of Backend as launches of block kernels on a Device.
//
// Device is a CUDA device and its stream (cuda_device.cuh), or the host (tests). It offers memory
// (device_memory.h), launch(blocks, kernel), fault(), failure() and products(): int8 products with
// int32 sums. Nothing waits for the device but copies, faulted() and scratch that grows.
// Ownership: owns the Device, its memory and its peers. Threads: one, as Backend. Errors: as
// Backend; after a fault kernels do nothing until clear_fault(); after a failure() nothing is
// launched.
#pragma once

#include <cstring>
#include <memory>

#include "compute/cuda/device_memory.h"
#include "compute/cuda/hash_kernels.h"
#include "compute/cuda/image_kernels.h"
#include "compute/cuda/launches.h"
#include "compute/cuda/llama_kernels.h"
#include "compute/cuda/product_path.h"
#include "compute/cuda/sum_kernels.h"
#include "compute/hash/sha256_blocks.h"
#include "compute/kernels/backend.h"

namespace assay::compute::gpu {

template <class Device>
class GpuBackend final : public Backend {
public:
    explicit GpuBackend(std::unique_ptr<Device> device,
                        std::vector<std::unique_ptr<Backend>> peers = {})
        : device_(std::move(device)),
          launches_(*device_),
          memory_(launches_.memory()),
          products_(launches_),
          peers_(std::move(peers)) {}

    std::string_view name() const override { return device_->name(); }
    int threads() const override { return 1; }
    bool faulted() const override { return device_->fault() >= kInfinityBits; }
    void clear_fault() override { device_->clear_fault(); }
    std::string failure() const override { return device_->failure(); }

    bool in_host_memory() const override { return false; }
    uint64_t free_bytes() const override { return device_->free_bytes(); }
    void* allocate(size_t bytes) override { return memory_.allocate(bytes); }
    void release(void* at) override { memory_.release(at); }
    void upload(void* to, const void* from, size_t bytes) override {
        device_->upload(to, from, bytes);
    }
    void download(void* to, const void* from, size_t bytes) override {
        device_->download(to, from, bytes);
    }

    std::span<const std::unique_ptr<Backend>> peers() const override { return peers_; }
    bool join_rows(RowJoin* join) override {
        launches_.join_rows(join);
        return true;
    }

    void sum(const float* x, int64_t n, float* out) override {
        Stage stage(*device_, memory_);
        sum_of(stage.in(x, n), n, 1.0F, stage.out(out, 1));
    }

    void gemm(MatrixView a, MatrixView b, const float* bias, float* c, int64_t ldc,
              int slices) override {
        Stage stage(*device_, memory_);
        const int64_t size = (a.rows - 1) * ldc + b.cols;
        products_.multiply(rows_of(stage, a), columns_of(stage, b), 1, slices,
                           stage.in(bias, b.cols), {stage.both(c, size), ldc, {}});
    }

    void gemm_folded(MatrixView a, MatrixView b, float* c, int64_t ldc, int slices) override {
        Stage stage(*device_, memory_);
        const int64_t size = (a.rows - 1) * ldc + b.cols;
        products_.multiply_folded(rows_of(stage, a), columns_of(stage, b), 1, slices,
                                  {stage.both(c, size), ldc, {}});
    }

    void layernorm(const float* x, const float* gain, const float* bias, int64_t rows, int64_t cols,
                   float* y, float* xhat, float* rstd) override {
        Stage s(*device_, memory_);
        const int64_t n = rows * cols;
        launch(rows, LayerNorm{s.in(x, n), s.in(gain, cols), s.in(bias, cols), cols, s.out(y, n),
                               s.out(xhat, n), s.out(rstd, rows)});
    }

    void layernorm_grad(const float* dy, const float* gain, const float* xhat, const float* rstd,
                        int64_t rows, int64_t cols, float* dx, float* dgain,
                        float* dbias) override {
        Stage s(*device_, memory_);
        const int64_t n = rows * cols;
        const float *up = s.in(dy, n), *hat = s.in(xhat, n);
        columns(up, hat, rows, cols, s.out(dgain, cols));
        columns(up, nullptr, rows, cols, s.out(dbias, cols));
        launch(rows,
               LayerNormGrad{up, s.in(gain, cols), hat, s.in(rstd, rows), cols, s.out(dx, n)});
    }

    void rmsnorm(const float* x, const float* gain, float eps, int64_t rows, int64_t cols, float* y,
                 float* xhat, float* rstd) override {
        Stage s(*device_, memory_);
        const int64_t n = rows * cols;
        launch(rows, RmsNorm{s.in(x, n), s.in(gain, cols), eps, cols, s.out(y, n), s.out(xhat, n),
                             s.out(rstd, rows)});
    }
    void rmsnorm_grad(const float* dy, const float* gain, const float* xhat, const float* rstd,
                      int64_t rows, int64_t cols, float* dx, float* dgain) override {
        Stage s(*device_, memory_);
        const int64_t n = rows * cols;
        const float *up = s.in(dy, n), *hat = s.in(xhat, n);
        columns(up, hat, rows, cols, s.out(dgain, cols));
        launch(rows, RmsNormGrad{up, s.in(gain, cols), hat, s.in(rstd, rows), cols, s.out(dx, n)});
    }
    void swiglu(const float* gate, const float* up, int64_t n, float* h) override {
        Stage s(*device_, memory_);
        elementwise(n, SwiGlu{s.in(gate, n), s.in(up, n), s.out(h, n)});
    }
    void swiglu_grad(const float* gate, const float* up, const float* dh, int64_t n, float* dgate,
                     float* dup) override {
        Stage s(*device_, memory_);
        elementwise(
            n, SwiGluGrad{s.in(gate, n), s.in(up, n), s.in(dh, n), s.out(dgate, n), s.out(dup, n)});
    }
    void rotary(const float* q, const float* k, const float* v, const float* table,
                const AttentionShape& shape, int64_t kv_heads, float* qkv) override {
        Stage s(*device_, memory_);
        const int64_t n = shape.rows() * shape.width(), kv = n / shape.heads * kv_heads;
        elementwise(n / 2, Rotary{angles(s, table, shape, kv_heads), s.in(q, n), s.in(k, kv),
                                  s.in(v, kv), s.out(qkv, 3 * n)});
    }
    void rotary_grad(const float* dqkv, const float* table, const AttentionShape& shape,
                     int64_t kv_heads, float* dq, float* dk, float* dv) override {
        Stage s(*device_, memory_);
        const int64_t n = shape.rows() * shape.width(), kv = n / shape.heads * kv_heads;
        const float* from = s.in(dqkv, 3 * n);
        const Angles turns = angles(s, table, shape, kv_heads);
        elementwise(n / 2, RotaryGradQ{turns, from, s.out(dq, n)});
        elementwise(kv / 2, RotaryGradKv{turns, from, s.out(dk, kv), s.out(dv, kv)});
    }

    void patches(const float* x, const PatchShape& shape, float* out) override {
        Stage s(*device_, memory_);
        const int64_t n = shape.out_rows() * shape.out_cols();
        elementwise(n, Patches{shape, s.in(x, shape.pixels() * shape.channels), s.out(out, n)});
    }
    void patches_grad(const float* dout, const PatchShape& shape, float* dx) override {
        Stage s(*device_, memory_);
        const int64_t n = shape.pixels() * shape.channels;
        elementwise(
            n, PatchesGrad{shape, s.in(dout, shape.out_rows() * shape.out_cols()), s.out(dx, n)});
    }

    void gelu(const float* x, int64_t n, float* y) override {
        Stage s(*device_, memory_);
        elementwise(n, Gelu{s.in(x, n), s.out(y, n)});
    }
    void gelu_grad(const float* x, const float* dy, int64_t n, float* dx) override {
        Stage s(*device_, memory_);
        elementwise(n, GeluGrad{s.in(x, n), s.in(dy, n), s.out(dx, n)});
    }
    void add(const float* a, const float* b, int64_t n, float* out) override {
        Stage s(*device_, memory_);
        elementwise(n, Add{s.in(a, n), s.in(b, n), s.out(out, n)});
    }
    void column_sums(const float* x, int64_t rows, int64_t cols, float* out) override {
        Stage s(*device_, memory_);
        columns(s.in(x, rows * cols), nullptr, rows, cols, s.out(out, cols));
    }

    void attention(const float* qkv, const AttentionShape& shape, int slices, float* out,
                   float* probabilities) override {
        Stage s(*device_, memory_);
        const int64_t t = shape.context, heads = shape.batch * shape.heads, square = heads * t * t;
        const Heads h(s.in(qkv, 3 * shape.rows() * shape.width()), shape);
        float* p = s.out(probabilities, square);
        float* scores = scratch<float>(kScores, square);
        products_.multiply(h.rows(0), h.rows(1), heads, slices, nullptr, {scores, t, {1, 0, t * t}},
                           Triangle::kResult);
        launch(heads * t, Softmax{scores, t, scale_of(shape), p});
        products_.multiply_folded(
            squares(p, t, false), h.columns(2), heads, slices,
            {s.out(out, shape.rows() * shape.width()), shape.width(), h.narrow()}, Triangle::kUpTo);
    }

    void attention_grad(const float* dout, const float* qkv, const float* probabilities,
                        const AttentionShape& shape, int slices, float* dqkv) override {
        Stage s(*device_, memory_);
        const int64_t t = shape.context, heads = shape.batch * shape.heads, square = heads * t * t;
        const int64_t width = shape.width();
        const Heads h(s.in(qkv, 3 * shape.rows() * width), shape);
        const Heads d_out(s.in(dout, shape.rows() * width), shape, width);
        const float* p = s.in(probabilities, square);
        float* dq = s.out(dqkv, 3 * shape.rows() * width);
        float* dp = scratch<float>(kScores, square);
        float* ds = scratch<float>(kScoreGrads, square);
        const auto third = [&](int64_t i) { return Output{dq + i * width, 3 * width, h.wide()}; };
        products_.multiply(squares(p, t, true), d_out.columns(0), heads, slices, nullptr, third(2),
                           Triangle::kFrom);
        products_.multiply(d_out.rows(0), h.rows(2), heads, slices, nullptr, {dp, t, {1, 0, t * t}},
                           Triangle::kResult);
        launch(heads * t, SoftmaxGrad{p, dp, t, scale_of(shape), ds});
        products_.multiply(squares(ds, t, true), h.columns(0), heads, slices, nullptr, third(1),
                           Triangle::kFrom);
        products_.multiply(squares(ds, t, false), h.columns(1), heads, slices, nullptr, third(0),
                           Triangle::kUpTo);
    }

    void cross_entropy(const float* logits, const int32_t* target, int64_t rows, int64_t classes,
                       float* loss, float* dlogits) override {
        Stage s(*device_, memory_);
        const int64_t n = rows * classes;
        float* losses = scratch<float>(kRows, rows);
        const auto count = static_cast<float>(launches_.whole(rows));
        launch(rows, CrossEntropy{s.in(logits, n), s.in(target, rows), classes, count, losses,
                                  s.out(dlogits, n)});
        sum_of(losses, rows, count, s.out(loss, 1));
    }

    void embedding(const float* wte, const float* wpe, const int32_t* tokens, int64_t rows,
                   int64_t context, int64_t cols, float* out) override {
        Stage s(*device_, memory_);
        // How many rows wte has is not said: one of the host's is brought as far as tokens reach.
        const int64_t used =
            memory_.holds(wte) ? 0 : (*std::max_element(tokens, tokens + rows) + 1);
        elementwise(rows * cols,
                    Embedding{s.in(wte, used * cols), s.in(wpe, std::min(rows, context) * cols),
                              s.in(tokens, rows), context, cols, s.out(out, rows * cols)});
    }

    void scatter(const float* values, const int32_t* index, int64_t rows, int64_t cols,
                 int64_t rows_out, float* out) override {
        Stage s(*device_, memory_);
        const int64_t n = rows * cols, total = rows_out * cols;
        const float* from = s.in(values, n);
        auto* top = zeros<uint32_t>(kTop, 1);
        auto* sums = zeros<int64_t>(kSums, total);
        launch(blocks_of(n, kSpan), MaxAbs{from, n, top});
        launches_.join_tops(top, 1);
        launch(blocks_of(n, kRun), Scatter{n, {from, s.in(index, rows), cols, top, sums}});
        launches_.join_sums(sums, total);
        elementwise(total, FinishSums{top, 0, sums, s.out(out, total)});
    }

    void adamw(const std::vector<ParameterSlot>& parameters, const AdamWStep& step,
               float* norm) override {
        Stage s(*device_, memory_);
        float* length = s.out(norm, 1);
        auto* top = zeros<uint32_t>(kTop, 1);
        auto* sum = zeros<int64_t>(kSum, 1);
        std::vector<const float*> grads;
        grads.reserve(parameters.size());
        for (const ParameterSlot& p : parameters) grads.push_back(s.in(p.grad, p.size));
        for (size_t i = 0; i < grads.size(); ++i)
            launch(blocks_of(parameters[i].size, kSpan), MaxAbs{grads[i], parameters[i].size, top});
        for (size_t i = 0; i < grads.size(); ++i)
            launch(blocks_of(parameters[i].size, kSpan),
                   SumAll{grads[i], parameters[i].size, top, true, sum});
        launch(1, FinishSum{top, sum, 1.0F, true, length});
        AdamWFactors factors = adamw_factors(step, 0.0F);
        for (size_t i = 0; i < grads.size(); ++i) {
            const ParameterSlot& p = parameters[i];
            factors.lr_decay = lr_decay(step, p.decays);
            elementwise(p.size,
                        AdamW{s.both(p.value, p.size), grads[i], s.both(p.m, p.size),
                              s.both(p.v, p.size), factors, static_cast<float>(step.clip), length});
        }
    }

    void chunk_leaves(const std::vector<MemoryPiece>& pieces, size_t chunk_bytes,
                      Hash256* leaves) override {
        Stage s(*device_, memory_);
        std::vector<HashPiece> table;
        ChunkLeaves kernel{};
        for (const MemoryPiece& piece : pieces) {
            const auto words = static_cast<int64_t>(piece.bytes / sizeof(uint32_t));
            table.push_back({s.in(static_cast<const uint32_t*>(piece.data), words), kernel.words});
            kernel.words += words;
        }
        kernel.piece_count = std::ssize(table);
        table.push_back({nullptr, kernel.words});
        auto* places = scratch<HashPiece>(kPieces, std::ssize(table));
        device_->upload(places, table.data(), table.size() * sizeof(HashPiece));
        kernel.pieces = places;
        kernel.chunk_words = static_cast<int64_t>(chunk_bytes / sizeof(uint32_t));
        std::vector<uint32_t> found(8 * static_cast<size_t>(kernel.chunks()));
        kernel.leaves = scratch<uint32_t>(kLeaves, std::ssize(found));
        std::memcpy(kernel.initial, kSha256Initial, sizeof kernel.initial);
        std::memcpy(kernel.rounds, kSha256Rounds, sizeof kernel.rounds);
        launch(kernel.blocks(), kernel);
        device_->download(found.data(), kernel.leaves, found.size() * sizeof(uint32_t));
        for (size_t i = 0; i < found.size() / 8; ++i) leaves[i] = sha256_digest(&found[8 * i]);
    }

private:
    using Stage = Staging<Device>;
    // One of the thirds (q, k, v) of a projection, by sequence and head.
    struct Heads {
        const float* data;
        AttentionShape shape;
        int64_t stride;  // between rows
        Heads(const float* at, const AttentionShape& s, int64_t row = 0)
            : data(at), shape(s), stride(row == 0 ? 3 * s.width() : row) {}
        Members members(int64_t row) const {
            return {shape.heads, shape.head_dim, shape.context * row};
        }
        Members wide() const { return members(3 * shape.width()); }
        Members narrow() const { return members(shape.width()); }
        Operand rows(int64_t third) const {  // context vectors of head_dim
            return {data + third * shape.width(),
                    shape.context,
                    shape.head_dim,
                    stride,
                    1,
                    members(stride)};
        }
        Operand columns(int64_t third) const {  // head_dim vectors of context
            return {data + third * shape.width(),
                    shape.head_dim,
                    shape.context,
                    1,
                    stride,
                    members(stride)};
        }
    };
    static Operand squares(const float* data, int64_t t, bool transposed) {
        return {data, t, t, transposed ? 1 : t, transposed ? t : 1, {1, 0, t * t}};
    }
    static float scale_of(const AttentionShape& shape) {
        return static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(shape.head_dim)));
    }

    static Angles angles(Stage& stage, const float* table, const AttentionShape& shape,
                         int64_t kv_heads) {
        return {stage.in(table, shape.context * shape.head_dim), shape.context, shape.heads,
                kv_heads, shape.head_dim};
    }

    static int64_t extent(const MatrixView& m) {
        if (m.rows == 0 || m.cols == 0) return 0;
        return (m.rows - 1) * m.row_stride + (m.cols - 1) * m.col_stride + 1;
    }
    static Operand rows_of(Stage& stage, const MatrixView& a) {
        return {stage.in(a.data, extent(a)), a.rows, a.cols, a.row_stride, a.col_stride, {}};
    }
    static Operand columns_of(Stage& stage, const MatrixView& b) {
        return {stage.in(b.data, extent(b)), b.cols, b.rows, b.col_stride, b.row_stride, {}};
    }

    template <class Kernel>
    void launch(int64_t blocks, const Kernel& kernel) {
        launches_.launch(blocks, kernel);
    }
    template <class Body>
    void elementwise(int64_t n, const Body& body) {
        launches_.elementwise(n, body);
    }
    template <class T>
    T* scratch(Scratch number, int64_t count) {
        return launches_.template scratch<T>(number, count);
    }
    template <class T>
    T* zeros(Scratch number, int64_t count) {
        return launches_.template zeros<T>(number, count);
    }

    void sum_of(const float* x, int64_t n, float divisor, float* out) {
        auto* top = zeros<uint32_t>(kTop, 1);
        auto* sum = zeros<int64_t>(kSum, 1);
        launch(blocks_of(n, kSpan), MaxAbs{x, n, top});
        launches_.join_tops(top, 1);
        launch(blocks_of(n, kSpan), SumAll{x, n, top, false, sum});
        launches_.join_sums(sum, 1);
        launch(1, FinishSum{top, sum, divisor, false, out});
    }

    void columns(const float* x, const float* y, int64_t rows, int64_t cols, float* out) {
        auto* tops = zeros<uint32_t>(kTops, cols);
        auto* sums = zeros<int64_t>(kSums, cols);
        Columns pass{x, y, rows, cols, tops, nullptr};
        launch(pass.blocks(), pass);
        launches_.join_tops(tops, cols);
        pass.sums = sums;
        launch(pass.blocks(), pass);
        launches_.join_sums(sums, cols);
        elementwise(cols, FinishSums{tops, 1, sums, out});
    }

    const std::unique_ptr<Device> device_;
    Launches<Device> launches_;
    DeviceMemory<Device>& memory_;
    ProductPath<Device> products_;
    const std::vector<std::unique_ptr<Backend>> peers_;
};

}  // namespace assay::compute::gpu
