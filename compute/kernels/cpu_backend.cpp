#include "compute/kernels/cpu_backend.h"

#include <algorithm>

#include "compute/kernels/adamw_factors.h"

namespace assay::compute {
namespace {

constexpr int64_t kGrain = 16384;     // elements a thread must have to be worth waking, cheap loops
constexpr int64_t kMathGrain = 2048;  // the same where each element costs a function

int64_t row_grain(int64_t cols) {
    return std::max<int64_t>(1, kMathGrain / std::max<int64_t>(1, cols));
}

Bits finish_sums(const int64_t* sums, int64_t n, SumScale scale, float* out) {
    Bits bits = 0;
    for (int64_t i = 0; i < n; ++i) {
        out[i] = sum_result(sums[i], scale);
        bits = std::max(bits, abs_bits(out[i]));
    }
    return bits;
}

// Runs of all parameters, so that one dispatch covers them: body(parameter, begin, end).
class ParameterRuns {
public:
    explicit ParameterRuns(const std::vector<ParameterSlot>& parameters) {
        for (const ParameterSlot& p : parameters)
            for (int64_t at = 0; at < p.size; at += kRun)
                runs_.push_back({&p, at, std::min(p.size, at + kRun)});
    }
    template <class Body>
    void each(ThreadPool& pool, const Body& body) const {
        pool.run_shared(std::ssize(runs_), 1, [&](int, int64_t first, int64_t stop) {
            for (int64_t i = first; i < stop; ++i) {
                const Run& run = runs_[static_cast<size_t>(i)];
                body(*run.parameter, run.begin, run.end);
            }
        });
    }

private:
    static constexpr int64_t kRun = 65536;
    struct Run {
        const ParameterSlot* parameter;
        int64_t begin, end;
    };
    std::vector<Run> runs_;
};

void raise(std::atomic<Bits>& top, Bits found) {
    Bits seen = top.load();
    while (found > seen && !top.compare_exchange_weak(seen, found)) {
    }
}

}  // namespace

CpuBackend::CpuBackend(std::string name, const KernelTable& kernels, int threads)
    : name_(std::move(name)), kernels_(kernels), pool_(threads) {
    gemm_scratch_.resize(static_cast<size_t>(pool_.threads()));
    square_scratch_.resize(static_cast<size_t>(pool_.threads()));
}

Bits CpuBackend::max_abs(const float* x, int64_t n) {
    std::atomic<Bits> top{0};
    pool_.run(n, kGrain, [&](int, int64_t begin, int64_t end) {
        raise(top, kernels_.max_abs(x + begin, end - begin));
    });
    return top;
}

void CpuBackend::sum(const float* x, int64_t n, float* out) {
    const Bits top = max_abs(x, n);
    note(top);
    const SumScale scale = sum_scale(top);
    *out = 0.0F;
    if (scale.up != 0.0F) {
        std::atomic<int64_t> sum{0};
        pool_.run(n, kGrain, [&](int, int64_t begin, int64_t end) {
            sum += kernels_.sum(x + begin, end - begin, scale.up);
        });
        *out = sum_result(sum, scale);
    }
    note(abs_bits(*out));
}

void CpuBackend::multiply(const MatrixView& a, const MatrixView& b, const float* up,
                          const float* down, const TileOutput& out, int slices) {
    if (a.cols > kMaxContraction) return note(kInfinityBits);
    GemmScratch& scratch = gemm_scratch_[0];
    const SideView left = rows_of(a), right = columns_of(b);
    prepare_rows(kernels_, scratch.a, left, slices);
    prepare_columns(kernels_, scratch.b, right, slices);
    const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, 16 * a.cols));
    const int64_t groups_a = scratch.a.groups(), groups_b = scratch.b.groups();
    pool_.run_shared(groups_a + groups_b, grain, [&](int, int64_t begin, int64_t end) {
        if (begin < groups_a)
            note(pack_groups(kernels_, scratch.a, left, slices, {up, false, Depth::kFull}, begin,
                             std::min(end, groups_a)));
        if (end > groups_a)
            note(pack_groups(kernels_, scratch.b, right, slices,
                             {down, down != nullptr, Depth::kFull},
                             std::max<int64_t>(begin - groups_a, 0), end - groups_a));
    });
    if (faulted()) return;
    const Blocks blocks = blocks_of(scratch.a, scratch.b);
    pool_.run_shared(blocks.count(), 1, [&](int worker, int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block)
            note(run_tiles(kernels_, scratch.a, scratch.b,
                           gemm_scratch_[static_cast<size_t>(worker)].sums, slices,
                           blocks.at(block), out));
    });
}

void CpuBackend::gemm(MatrixView a, MatrixView b, const float* bias, float* c, int64_t ldc,
                      int slices) {
    multiply(a, b, nullptr, nullptr, {.bias = bias, .c = c, .ldc = ldc}, slices);
}

void CpuBackend::gemm_folded(MatrixView a, MatrixView b, float* c, int64_t ldc, int slices) {
    GemmScratch& scratch = gemm_scratch_[0];
    float* up = scratch.fold_up.get(static_cast<size_t>(b.rows));
    float* down = scratch.fold_down.get(static_cast<size_t>(b.rows));
    note(fold_scales(kernels_, b, slices, up, down));
    if (!faulted()) multiply(a, b, up, down, {.c = c, .ldc = ldc}, slices);
}

void CpuBackend::layernorm(const float* x, const float* gain, const float* bias, int64_t rows,
                           int64_t cols, float* y, float* xhat, float* rstd) {
    pool_.run(rows, row_grain(cols), [&](int, int64_t begin, int64_t end) {
        const int64_t at = begin * cols;
        note(kernels_.layernorm(x + at, gain, bias, end - begin, cols, y + at, xhat + at,
                                rstd + begin));
    });
}

void CpuBackend::columns(const float* x, const float* y, int64_t rows, int64_t cols, float* out) {
    constexpr int64_t kVector = 64;  // whole vectors a part
    const int64_t groups = (cols + kVector - 1) / kVector;
    const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, kVector * rows));
    pool_.run(groups, grain, [&](int, int64_t begin, int64_t end) {
        note(kernels_.column_sums(x, y, rows, cols, begin * kVector, std::min(cols, end * kVector),
                                  out));
    });
}

void CpuBackend::layernorm_grad(const float* dy, const float* gain, const float* xhat,
                                const float* rstd, int64_t rows, int64_t cols, float* dx,
                                float* dgain, float* dbias) {
    columns(dy, xhat, rows, cols, dgain);
    columns(dy, nullptr, rows, cols, dbias);
    pool_.run(rows, row_grain(cols), [&](int, int64_t begin, int64_t end) {
        const int64_t at = begin * cols;
        note(kernels_.layernorm_grad(dy + at, gain, xhat + at, rstd + begin, end - begin, cols,
                                     dx + at));
    });
}

void CpuBackend::gelu(const float* x, int64_t n, float* y) {
    pool_.run(n, kMathGrain, [&](int, int64_t begin, int64_t end) {
        note(kernels_.gelu(x + begin, end - begin, y + begin));
    });
}

void CpuBackend::gelu_grad(const float* x, const float* dy, int64_t n, float* dx) {
    pool_.run(n, kMathGrain, [&](int, int64_t begin, int64_t end) {
        note(kernels_.gelu_grad(x + begin, dy + begin, end - begin, dx + begin));
    });
}

void CpuBackend::add(const float* a, const float* b, int64_t n, float* out) {
    pool_.run(n, kGrain, [&](int, int64_t begin, int64_t end) {
        note(kernels_.add(a + begin, b + begin, end - begin, out + begin));
    });
}

void CpuBackend::column_sums(const float* x, int64_t rows, int64_t cols, float* out) {
    columns(x, nullptr, rows, cols, out);
}

void CpuBackend::cross_entropy(const float* logits, const int32_t* target, int64_t rows,
                               int64_t classes, float* loss, float* dlogits) {
    float* losses = row_scratch_.get(static_cast<size_t>(rows));
    const auto count = static_cast<float>(rows);
    pool_.run(rows, row_grain(classes), [&](int, int64_t begin, int64_t end) {
        const int64_t at = begin * classes;
        note(kernels_.cross_entropy(logits + at, target + begin, end - begin, classes, count,
                                    losses + begin, dlogits + at));
    });
    sum(losses, rows, loss);
    *loss = *loss / count;
}

void CpuBackend::embedding(const float* wte, const float* wpe, const int32_t* tokens, int64_t rows,
                           int64_t context, int64_t cols, float* out) {
    pool_.run(rows, std::max<int64_t>(1, kGrain / cols), [&](int, int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            const float* row = wte + tokens[r] * cols;
            if (wpe == nullptr) {
                note(kernels_.max_abs(row, cols));
                std::copy(row, row + cols, out + r * cols);
            } else {
                note(kernels_.add(row, wpe + r % context * cols, cols, out + r * cols));
            }
        }
    });
}

// Rows of the result that no index names are zero: sums are kept for the others alone.
void CpuBackend::scatter(const float* values, const int32_t* index, int64_t rows, int64_t cols,
                         int64_t rows_out, float* out) {
    const Bits top = max_abs(values, rows * cols);
    note(top);
    const SumScale scale = sum_scale(top);
    if (scale.up == 0.0F) {
        std::fill(out, out + rows_out * cols, 0.0F);
        return;
    }
    std::vector<int32_t> slot_of(static_cast<size_t>(rows_out), -1);
    std::vector<int32_t> slots(static_cast<size_t>(rows)), named;
    for (int64_t r = 0; r < rows; ++r) {
        int32_t& slot = slot_of[static_cast<size_t>(index[r])];
        if (slot < 0) {
            slot = static_cast<int32_t>(named.size());
            named.push_back(index[r]);
        }
        slots[static_cast<size_t>(r)] = slot;
    }
    const auto used = static_cast<int64_t>(named.size());
    int64_t* sums = sum_scratch_.get(static_cast<size_t>(used * cols));
    pool_.run(cols, std::max<int64_t>(64, kGrain / std::max<int64_t>(1, rows)),
              [&](int, int64_t begin, int64_t end) {
                  for (int64_t r = 0; r < used; ++r)
                      std::fill(sums + r * cols + begin, sums + r * cols + end, int64_t{0});
                  kernels_.scatter(values, slots.data(), rows, cols, begin, end, scale.up, sums);
              });
    pool_.run(rows_out, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, cols)),
              [&](int, int64_t begin, int64_t end) {
                  for (int64_t r = begin; r < end; ++r) {
                      const int32_t slot = slot_of[static_cast<size_t>(r)];
                      if (slot < 0) {
                          std::fill(out + r * cols, out + (r + 1) * cols, 0.0F);
                      } else {
                          note(finish_sums(sums + slot * cols, cols, scale, out + r * cols));
                      }
                  }
              });
}

void CpuBackend::adamw(const std::vector<ParameterSlot>& parameters, const AdamWStep& step,
                       float* norm) {
    *norm = 0.0F;
    const ParameterRuns runs(parameters);
    std::atomic<Bits> top{0};
    runs.each(pool_, [&](const ParameterSlot& p, int64_t begin, int64_t end) {
        raise(top, kernels_.max_abs(p.grad + begin, end - begin));
    });
    note(top);
    const Bits top_square = abs_bits(from_bits(top) * from_bits(top));  // rounding is monotonic
    note(top_square);
    if (faulted()) return;
    const SumScale scale = sum_scale(top_square);
    if (scale.up != 0.0F) {
        std::atomic<int64_t> sum{0};
        runs.each(pool_, [&](const ParameterSlot& p, int64_t begin, int64_t end) {
            sum += kernels_.sum_squares(p.grad + begin, end - begin, scale.up);
        });
        const float square = sum_result(sum, scale);
        note(abs_bits(square));
        *norm = sqrt32(square);
    }
    const AdamWFactors factors = adamw_factors(step, *norm);
    runs.each(pool_, [&](const ParameterSlot& p, int64_t begin, int64_t end) {
        AdamWFactors mine = factors;
        mine.lr_decay = lr_decay(step, p.decays);
        note(kernels_.adamw(p.value + begin, p.grad + begin, p.m + begin, p.v + begin, end - begin,
                            mine));
    });
}

}  // namespace assay::compute
