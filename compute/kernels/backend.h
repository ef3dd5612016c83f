// Backend: every operation of a training step, with the bits fixed by OFA-1 (docs/arithmetic.md).
//
// All tensors are row-major binary32, sizes in elements. A backend changes speed, never bits: tests
// compare each with `portable` bit for bit. Buffers lie in host memory; a backend with memory of
// its own takes buffers of either kind and is fast on those from allocate(). Ownership: callers own
// every buffer; outputs may not overlap inputs unless said. Threads: a Backend owns its worker
// threads; call it from one thread at a time. Errors: an operation that meets a non-finite value or
// leaves its domain reports a fault (see Fault); outputs are then unspecified and the training step
// ends. A device that fails is a failure(), never a fault and never a wrong result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "compute/arithmetic/scalar.h"

namespace assay::compute {

// rows x cols view of a float matrix; element (i, j) is data[i * row_stride + j * col_stride].
// A transpose swaps the strides.
struct MatrixView {
    const float* data = nullptr;
    int64_t rows = 0, cols = 0;
    int64_t row_stride = 0, col_stride = 1;
    MatrixView transposed() const { return {data, cols, rows, col_stride, row_stride}; }
};
inline MatrixView matrix(const float* data, int64_t rows, int64_t cols) {
    return {data, rows, cols, cols, 1};
}

struct AttentionShape {
    int64_t batch, context, heads, head_dim;  // B, T, H, D/H
    int64_t rows() const { return batch * context; }
    int64_t width() const { return heads * head_dim; }
};

// Patches of images: rows x = pixels (batch, height, width) of `channels` columns.
struct PatchShape {
    int64_t batch, height, width, channels;
    int64_t kernel_height, kernel_width, stride, pad;
    ASSAY_HD int64_t pixels() const { return batch * height * width; }
    ASSAY_HD int64_t out_height() const { return (height + 2 * pad - kernel_height) / stride + 1; }
    ASSAY_HD int64_t out_width() const { return (width + 2 * pad - kernel_width) / stride + 1; }
    ASSAY_HD int64_t out_rows() const { return batch * out_height() * out_width(); }
    ASSAY_HD int64_t out_cols() const { return kernel_height * kernel_width * channels; }
};
// Of how many patches one pixel may be a part: kernels of 3 x 3, or one that is the whole image.
inline constexpr int kMaxPatchTaps = 9;

struct AdamWStep {  // binary64 hyperparameters; derived values are rounded once to binary32
    double lr, beta1, beta2, eps, decay, clip;
    uint64_t step;  // from 1
};
struct ParameterSlot {  // one parameter tensor in the optimiser's order
    float* value;
    const float* grad;
    float* m;
    float* v;
    int64_t size;
    bool decays;  // 2-D parameters only
};

// A part of a message that lies in pieces, in host memory or the backend's. Address and size are
// multiples of 4 bytes.
struct MemoryPiece {
    const void* data;
    size_t bytes;
};

// Longest contraction of a product (rows for a weight gradient): exact in every accumulator.
// A longer one is reported as a fault.
inline constexpr int64_t kMaxContraction = int64_t{1} << 20;

// Joins what several backends reduce that each hold some sequences of one batch. All of them make
// the same calls in the same order, each from a thread of its own, and wait for each other.
class RowJoin {
public:
    virtual ~RowJoin() = default;
    // Rows of the whole batch where this backend holds `rows`.
    [[nodiscard]] virtual int64_t whole(int64_t rows) const = 0;
    // Element by element the largest, or the sum, of all. `usable`: the values are results, not
    // what a fault or failure left. False: someone's were not; `values` stay as they are.
    [[nodiscard]] virtual bool max(std::span<uint32_t> values, bool usable) = 0;
    [[nodiscard]] virtual bool add(std::span<int64_t> values, bool usable) = 0;
};

class Backend {
public:
    virtual ~Backend() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual int threads() const = 0;

    // Sticky: true once any operation since clear_fault() met a fault. With memory of its own:
    // waits for the operations before it.
    [[nodiscard]] virtual bool faulted() const = 0;
    virtual void clear_fault() = 0;
    // Why the device can compute no more (out of memory: how much was needed); empty while it can.
    [[nodiscard]] virtual std::string failure() const { return {}; }

    // Memory of the backend's own, for what stays there between operations. In host memory all of
    // this is done by the caller, and allocate() is not called.
    [[nodiscard]] virtual bool in_host_memory() const { return true; }
    // Of its own memory; 0: not known.
    [[nodiscard]] virtual uint64_t free_bytes() const { return 0; }
    virtual void* allocate(size_t) { return nullptr; }  // null: see failure()
    virtual void release(void*) {}
    // Bytes to the device and back. Both wait for what was asked before.
    virtual void upload(void*, const void*, size_t) {}
    virtual void download(void*, const void*, size_t) {}

    // Other devices that take sequences of each batch beside this one.
    [[nodiscard]] virtual std::span<const std::unique_ptr<Backend>> peers() const { return {}; }
    // From now on operations that reduce over rows (gemm: over its contraction; gradients of gains
    // and biases; column_sums, scatter, the loss) reduce over those of all members of `join`; null:
    // over their own. A fault or failure of one is then a fault of all. False: it cannot.
    [[nodiscard]] virtual bool join_rows(RowJoin* join) { return join == nullptr; }

    // out[0] = esum(x[0..n))
    virtual void sum(const float* x, int64_t n, float* out) = 0;
    // c (M x N, row stride ldc) = a (M x K) * b (K x N), exact product; bias (N) added when not
    // null.
    virtual void gemm(MatrixView a, MatrixView b, const float* bias, float* c, int64_t ldc,
                      int slices) = 0;
    // As gemm, with b quantised by its rows and their scales folded into a.
    virtual void gemm_folded(MatrixView a, MatrixView b, float* c, int64_t ldc, int slices) = 0;

    // x (R x C) -> y, xhat (R x C), rstd (R); gain, bias (C)
    virtual void layernorm(const float* x, const float* gain, const float* bias, int64_t rows,
                           int64_t cols, float* y, float* xhat, float* rstd) = 0;
    // dx may not alias dy. dgain, dbias (C) are overwritten.
    virtual void layernorm_grad(const float* dy, const float* gain, const float* xhat,
                                const float* rstd, int64_t rows, int64_t cols, float* dx,
                                float* dgain, float* dbias) = 0;
    // x (R x C) -> y, xhat (R x C), rstd (R); gain (C)
    virtual void rmsnorm(const float* x, const float* gain, float eps, int64_t rows, int64_t cols,
                         float* y, float* xhat, float* rstd) = 0;
    virtual void rmsnorm_grad(const float* dy, const float* gain, const float* xhat,
                              const float* rstd, int64_t rows, int64_t cols, float* dx,
                              float* dgain) = 0;
    virtual void swiglu(const float* gate, const float* up, int64_t n, float* h) = 0;
    virtual void swiglu_grad(const float* gate, const float* up, const float* dh, int64_t n,
                             float* dgate, float* dup) = 0;
    // q (B*T x D), k, v (B*T x KV), table (T x D/H: cosines, then sines) -> qkv (B*T x 3D): q and k
    // turned by their position, k and v repeated for each head of their group.
    virtual void rotary(const float* q, const float* k, const float* v, const float* table,
                        const AttentionShape& shape, int64_t kv_heads, float* qkv) = 0;
    // Back: dk and dv are exact sums over the heads of a group.
    virtual void rotary_grad(const float* dqkv, const float* table, const AttentionShape& shape,
                             int64_t kv_heads, float* dq, float* dk, float* dv) = 0;
    virtual void gelu(const float* x, int64_t n, float* y) = 0;
    virtual void gelu_grad(const float* x, const float* dy, int64_t n, float* dx) = 0;
    virtual void add(const float* a, const float* b, int64_t n, float* out) = 0;  // out may alias
    // out (C) = esum over rows of x (R x C)
    virtual void column_sums(const float* x, int64_t rows, int64_t cols, float* out) = 0;

    // qkv (B*T x 3D) -> out (B*T x D); probabilities (B*H x T x T) kept for the gradient.
    virtual void attention(const float* qkv, const AttentionShape& shape, int slices, float* out,
                           float* probabilities) = 0;
    // `probabilities` are those of attention: zero above the diagonal.
    virtual void attention_grad(const float* dout, const float* qkv, const float* probabilities,
                                const AttentionShape& shape, int slices, float* dqkv) = 0;

    // x (pixels x channels) -> out (out_rows x out_cols): the pixels under each place of the
    // kernel, by ky, kx, channel; zeros outside of the image.
    virtual void patches(const float* x, const PatchShape& shape, float* out) = 0;
    // Back: dx (pixels x channels) = exact sums over the patches that a pixel is part of.
    virtual void patches_grad(const float* dout, const PatchShape& shape, float* dx) = 0;

    // logits (R x V), target (R) -> loss[0] (mean), dlogits (R x V) of the mean loss
    virtual void cross_entropy(const float* logits, const int32_t* target, int64_t rows,
                               int64_t classes, float* loss, float* dlogits) = 0;

    // out (R x C): token row + position row; wpe may be null
    virtual void embedding(const float* wte, const float* wpe, const int32_t* tokens, int64_t rows,
                           int64_t context, int64_t cols, float* out) = 0;
    // out (rows_out x C) = sums of values (R x C) by index (R), one scale for the whole tensor
    virtual void scatter(const float* values, const int32_t* index, int64_t rows, int64_t cols,
                         int64_t rows_out, float* out) = 0;

    // Global-norm clipping, then AdamW in place. norm[0] = the gradient norm.
    virtual void adamw(const std::vector<ParameterSlot>& parameters, const AdamWStep& step,
                       float* norm) = 0;

    // leaves[i] = merkle_leaf (compute/hash/sha256.h) of chunk i of the joined pieces; the last one
    // is what remains. chunk_bytes: a multiple of 4. Unspecified after a fault or failure.
    virtual void chunk_leaves(const std::vector<MemoryPiece>& pieces, size_t chunk_bytes,
                              Hash256* leaves) = 0;
};

inline constexpr int kMaxDevices = 64;  // of one backend

struct BackendOptions {
    std::string name;  // empty: the best this machine has; else "portable", "avx2", ...
    int threads = 0;   // 0: all hardware threads
    int devices = 1;   // GPUs that share each batch; 0: all that there are
};
[[nodiscard]] std::vector<std::string> available_backends();  // on this machine, best first
// More devices than one are the first's peers().
Result<std::unique_ptr<Backend>> make_backend(const BackendOptions& options);

}  // namespace assay::compute
