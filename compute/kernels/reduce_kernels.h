// Exact sums over vectors, columns and scattered rows, for any lane type. Internal to kernel files.
// Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/kernel_table.h"
#include "compute/kernels/vector_loop.h"

namespace assay::compute {

template <class L>
struct ReduceKernels {
    static Bits max_abs(const float* x, int64_t n) {
        return max_over<L>(n, [&](int64_t i, auto a) ASSAY_BODY { return a.load(x + i); });
    }

    static int64_t sum(const float* x, int64_t n, float up) {
        return sum_over<L>(n, up, [&](int64_t i, auto a) ASSAY_BODY { return a.load(x + i); });
    }

    static int64_t sum_squares(const float* x, int64_t n, float up) {
        return sum_over<L>(n, up, [&](int64_t i, auto a) ASSAY_BODY {
            const auto v = a.load(x + i);
            return L::mul(v, v);
        });
    }

    static Bits column_sums(const float* x, const float* y, int64_t rows, int64_t cols,
                            int64_t begin, int64_t end, float* out) {
        Bits bits = 0;
        const int64_t width = kAcross * L::kWidth;
        for (int64_t c = begin; c < end;) {
            const bool wide = c + width <= end;
            const Bits found =
                wide ? column_block<kAcross>(x, y, rows, cols, c, width, out)
                     : column_block<1>(x, y, rows, cols, c,
                                       end - c < L::kWidth ? end - c : L::kWidth, out);
            bits = found > bits ? found : bits;
            c += wide ? width : L::kWidth;
        }
        return bits;
    }

    static void scatter(const float* values, const int32_t* index, int64_t rows, int64_t cols,
                        int64_t begin, int64_t end, float up, int64_t* sums) {
        const int64_t n = end - begin;
        const auto scale = L::set(up);
        for (int64_t r = 0; r < rows; ++r) {
            const float* row = values + r * cols + begin;
            int64_t* to = sums + index[r] * cols + begin;
            for_lanes<L>(n, [&](int64_t i, auto a) ASSAY_BODY {
                typename L::Sum sum;
                sum.add(L::to_int(L::mul(a.load(row + i), scale)));
                const int64_t count = n - i < L::kWidth ? n - i : L::kWidth;
                sum.add_lanes_to(to + i, count);
            });
        }
    }

private:
    // Vectors of columns at once: a row of x is a page away from the next.
    static constexpr int64_t kAcross = 4;

    template <int64_t kVectors>
    static ASSAY_HD Bits column_block(const float* x, const float* y, int64_t rows, int64_t cols,
                                      int64_t c, int64_t count, float* out) {
        return y == nullptr
                   ? column_block_of<kVectors, false>(x + c, y, rows, cols, count, out + c)
                   : column_block_of<kVectors, true>(x + c, y + c, rows, cols, count, out + c);
    }

    // kVectors vectors of columns, the last one of `count` columns: a scale for each lane.
    template <int64_t kVectors, bool kProduct>
    static Bits column_block_of(const float* x, const float* y, int64_t rows, int64_t cols,
                                int64_t count, float* out) {
        constexpr int64_t kColumns = kVectors * L::kWidth;
        const auto value = [&](int64_t r, int64_t v) ASSAY_BODY {
            const int64_t at = r * cols + v * L::kWidth;
            if constexpr (kProduct) return L::mul(load(x + at, count), load(y + at, count));
            return load(x + at, count);
        };
        typename L::I top[kVectors];
        for (auto& each : top) each = L::zero_int();
        for (int64_t r = 0; r < rows; ++r) {
            for (int64_t v = 0; v < kVectors; ++v)
                top[v] = L::max_int(top[v], L::magnitude(value(r, v)));
        }
        uint32_t tops[kColumns];
        float up[kColumns], down[kColumns];
        Bits bits = 0;
        for (int64_t v = 0; v < kVectors; ++v) {
            L::store_magnitudes(tops + v * L::kWidth, top[v]);
            bits = L::top(top[v]) > bits ? L::top(top[v]) : bits;
        }
        if (bits >= kInfinityBits) return bits;
        for (int64_t i = 0; i < kColumns; ++i) {
            const SumScale scale = sum_scale(tops[i]);
            up[i] = scale.up;
            down[i] = scale.down;
        }
        typename L::Sum sum[kVectors];
        for (int64_t r = 0; r < rows; ++r) {
            for (int64_t v = 0; v < kVectors; ++v)
                sum[v].add(L::to_int(L::mul(value(r, v), L::load(up + v * L::kWidth))));
        }
        int64_t sums[kColumns] = {};
        for (int64_t v = 0; v < kVectors; ++v) sum[v].add_lanes_to(sums + v * L::kWidth, L::kWidth);
        bits = 0;
        for (int64_t i = 0; i < count; ++i) {
            out[i] = int_to_f32(sums[i]) * down[i];
            bits = abs_bits(out[i]) > bits ? abs_bits(out[i]) : bits;
        }
        return bits;
    }

    // A vector of all its lanes but where a single one is cut short.
    static ASSAY_HD typename L::F load(const float* p, int64_t count) {
        return count >= L::kWidth ? L::load(p) : L::load_some(p, count);
    }
};

}  // namespace assay::compute
