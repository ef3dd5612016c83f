// CpuBackend: the operations of Backend on a KernelTable and a thread pool.
//
// Work is split by rows, columns or tiles whose outputs are disjoint; sums are joined as integers;
// so the bits do not depend on the number of threads. Ownership: owns its threads and scratch.
// Threads, errors: as Backend.
#pragma once

#include <atomic>

#include "compute/kernels/cpu_gemm.h"

namespace assay::compute {

class CpuBackend final : public Backend {
public:
    CpuBackend(std::string name, const KernelTable& kernels, int threads);

    std::string_view name() const override { return name_; }
    int threads() const override { return pool_.threads(); }
    bool faulted() const override { return faulted_.load(std::memory_order_relaxed); }
    void clear_fault() override { faulted_.store(false, std::memory_order_relaxed); }

    void sum(const float* x, int64_t n, float* out) override;
    void gemm(MatrixView a, MatrixView b, const float* bias, float* c, int64_t ldc,
              int slices) override;
    void gemm_folded(MatrixView a, MatrixView b, float* c, int64_t ldc, int slices) override;
    void layernorm(const float* x, const float* gain, const float* bias, int64_t rows, int64_t cols,
                   float* y, float* xhat, float* rstd) override;
    void layernorm_grad(const float* dy, const float* gain, const float* xhat, const float* rstd,
                        int64_t rows, int64_t cols, float* dx, float* dgain, float* dbias) override;
    void rmsnorm(const float* x, const float* gain, float eps, int64_t rows, int64_t cols, float* y,
                 float* xhat, float* rstd) override;
    void rmsnorm_grad(const float* dy, const float* gain, const float* xhat, const float* rstd,
                      int64_t rows, int64_t cols, float* dx, float* dgain) override;
    void swiglu(const float* gate, const float* up, int64_t n, float* h) override;
    void swiglu_grad(const float* gate, const float* up, const float* dh, int64_t n, float* dgate,
                     float* dup) override;
    void rotary(const float* q, const float* k, const float* v, const float* table,
                const AttentionShape& shape, int64_t kv_heads, float* qkv) override;
    void patches(const float* x, const PatchShape& shape, float* out) override;
    void patches_grad(const float* dout, const PatchShape& shape, float* dx) override;
    void rotary_grad(const float* dqkv, const float* table, const AttentionShape& shape,
                     int64_t kv_heads, float* dq, float* dk, float* dv) override;
    void gelu(const float* x, int64_t n, float* y) override;
    void gelu_grad(const float* x, const float* dy, int64_t n, float* dx) override;
    void add(const float* a, const float* b, int64_t n, float* out) override;
    void column_sums(const float* x, int64_t rows, int64_t cols, float* out) override;
    void attention(const float* qkv, const AttentionShape& shape, int slices, float* out,
                   float* probabilities) override;
    void attention_grad(const float* dout, const float* qkv, const float* probabilities,
                        const AttentionShape& shape, int slices, float* dqkv) override;
    void cross_entropy(const float* logits, const int32_t* target, int64_t rows, int64_t classes,
                       float* loss, float* dlogits) override;
    void embedding(const float* wte, const float* wpe, const int32_t* tokens, int64_t rows,
                   int64_t context, int64_t cols, float* out) override;
    void scatter(const float* values, const int32_t* index, int64_t rows, int64_t cols,
                 int64_t rows_out, float* out) override;
    void adamw(const std::vector<ParameterSlot>& parameters, const AdamWStep& step,
               float* norm) override;
    void chunk_leaves(const std::vector<MemoryPiece>& pieces, size_t chunk_bytes,
                      Hash256* leaves) override;

private:
    struct Head;  // one (sequence, head) of attention: views of its q, k, v
    static Head head_of(const float* qkv, const AttentionShape& shape, int64_t index);
    Bits head_forward(const Head& head, const AttentionShape& shape, int slices, float* out,
                      float* probabilities, int worker);
    Bits head_backward(const Head& head, const AttentionShape& shape, int slices, const float* dout,
                       const float* probabilities, float* dqkv, int worker);

    void note(Bits bits) {
        if (bits >= kInfinityBits) faulted_.store(true, std::memory_order_relaxed);
    }
    Bits max_abs(const float* x, int64_t n);
    void columns(const float* x, const float* y, int64_t rows, int64_t cols, float* out);
    // Packs and multiplies; up and down are gemm_folded's row scales of b, or null.
    void multiply(const MatrixView& a, const MatrixView& b, const float* up, const float* down,
                  const TileOutput& out, int slices);

    const std::string name_;
    const KernelTable& kernels_;
    std::atomic<bool> faulted_{false};
    std::vector<GemmScratch> gemm_scratch_;       // one a thread; [0] also serves large products
    std::vector<Scratch<float>> square_scratch_;  // two T x T matrices a thread
    Scratch<float> row_scratch_;
    Scratch<int64_t> sum_scratch_;
    ThreadPool pool_;  // last: its threads end before the rest goes
};

}  // namespace assay::compute
