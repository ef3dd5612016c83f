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
        const int64_t width = L::kWidth;
        for (int64_t c = begin; c < end; c += width) {
            const int64_t count = end - c < width ? end - c : width;
            const Bits found = y == nullptr ? column_block<false>(x, y, rows, cols, c, count, out)
                                            : column_block<true>(x, y, rows, cols, c, count, out);
            bits = found > bits ? found : bits;
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
    // One vector of columns: a scale for each lane.
    template <bool kProduct>
    static Bits column_block(const float* x, const float* y, int64_t rows, int64_t cols, int64_t c,
                             int64_t count, float* out) {
        const auto value = [&](int64_t r) ASSAY_BODY {
            const auto v = load(x + r * cols + c, count);
            if constexpr (kProduct) return L::mul(v, load(y + r * cols + c, count));
            return v;
        };
        typename L::I top = L::zero_int();
        for (int64_t r = 0; r < rows; ++r) top = L::max_int(top, L::magnitude(value(r)));
        uint32_t tops[L::kWidth];
        float up[L::kWidth], down[L::kWidth];
        L::store_magnitudes(tops, top);
        for (int64_t i = 0; i < L::kWidth; ++i) {
            const SumScale scale = sum_scale(tops[i]);
            up[i] = scale.up;
            down[i] = scale.down;
        }
        if (L::top(top) >= kInfinityBits) return L::top(top);
        typename L::Sum sum;
        const auto scale = L::load(up);
        for (int64_t r = 0; r < rows; ++r) sum.add(L::to_int(L::mul(value(r), scale)));
        int64_t sums[L::kWidth] = {};
        sum.add_lanes_to(sums, L::kWidth);
        Bits bits = 0;
        for (int64_t i = 0; i < count; ++i) {
            out[c + i] = int_to_f32(sums[i]) * down[i];
            bits = abs_bits(out[c + i]) > bits ? abs_bits(out[c + i]) : bits;
        }
        return bits;
    }

    static ASSAY_HD typename L::F load(const float* p, int64_t count) {
        return count == L::kWidth ? L::load(p) : L::load_some(p, count);
    }
};

}  // namespace assay::compute
