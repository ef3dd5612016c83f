// The instructions of the AVX-512 VNNI and AMX kernels in plain loops. Only for the files that make
// tables of them; in an unnamed namespace, as each is built with other flags. Threads: pure.
// Errors: none.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "compute/arithmetic/scalar.h"
#include "compute/kernels/pack_digits.h"

namespace assay::compute {
namespace {

// The meaning of each function of Avx512Vectors, lane by lane.
struct PlainVectors {
    using I = std::array<int32_t, 16>;
    using F = std::array<float, 16>;
    using Wide = std::array<int64_t, 8>;

    template <class Body>
    static F each(Body body) {
        F out;
        for (size_t i = 0; i < 16; ++i) out[i] = body(i);
        return out;
    }

    static I zero() { return {}; }
    static I load(const int32_t* p) {
        I x;
        std::copy_n(p, 16, x.begin());
        return x;
    }
    static I set(int32_t v) {
        I x;
        x.fill(v);
        return x;
    }
    static int64_t dot(int32_t a, int32_t b) {
        return int64_t{static_cast<int16_t>(a)} * static_cast<int16_t>(b) +
               int64_t{a >> 16} * (b >> 16);
    }
    static I add_dot(I acc, I a, I b) {  // modulo 2^32, as the instruction
        for (size_t i = 0; i < 16; ++i)
            acc[i] = static_cast<int32_t>(static_cast<uint32_t>(acc[i] + dot(a[i], b[i])));
        return acc;
    }
    static F to_floats(I x) {
        return each([&](size_t i) { return int_to_f32(x[i]); });
    }
    static void widen(I x, bool set, int64_t* to) {
        for (size_t i = 0; i < 16; ++i) to[i] = (set ? 0 : to[i]) + x[i];
    }
    static F wide_to_floats(const int64_t* p) {
        return each([&](size_t i) { return int_to_f32(p[i]); });
    }

    static Wide zero_wide() { return {}; }
    static Wide add_even(Wide acc, I a, I b) {
        for (size_t i = 0; i < 8; ++i) acc[i] += int64_t{a[2 * i]} * b[2 * i];
        return acc;
    }
    static Wide add_odd(Wide acc, I a, I b) {
        for (size_t i = 0; i < 8; ++i) acc[i] += int64_t{a[2 * i]} * b[2 * i + 1];
        return acc;
    }
    static void add_interleaved(Wide even, Wide odd, bool set, int64_t* to) {
        for (size_t i = 0; i < 16; ++i)
            to[i] = (set ? 0 : to[i]) + (i % 2 == 0 ? even : odd)[i / 2];
    }

    static F set(float v) {
        return each([&](size_t) { return v; });
    }
    static F mul(F a, F b) {
        return each([&](size_t i) { return a[i] * b[i]; });
    }
    static F add(F a, F b) {
        return each([&](size_t i) { return a[i] + b[i]; });
    }
    static F load_some(const float* p, int64_t count) {
        return each([&](size_t i) { return static_cast<int64_t>(i) < count ? p[i] : 0.0F; });
    }
    static void store_some(float* p, F x, int64_t count) {
        std::copy_n(x.begin(), std::min<int64_t>(count, 16), p);
    }
    static I max_magnitude(I top, F x, int64_t count) {
        for (size_t i = 0; i < 16 && static_cast<int64_t>(i) < count; ++i)
            top[i] = std::max(top[i], static_cast<int32_t>(abs_bits(x[i])));
        return top;
    }
    static uint32_t top(I x) {
        return static_cast<uint32_t>(*std::max_element(x.begin(), x.end()));
    }
};

// The meaning of each function of AmxUnit: eight tiles of 16 rows of 64 bytes.
struct PlainTiles {
    std::array<std::array<int8_t, 1024>, 8> tile;

    template <int kTile>
    void zero() {
        tile[kTile].fill(0);
    }
    template <int kTile>
    void load(const int32_t* from, int64_t stride) {
        for (int64_t row = 0; row < 16; ++row)
            std::memcpy(&tile[kTile][static_cast<size_t>(row * 64)],
                        reinterpret_cast<const char*>(from) + row * stride, 64);
    }
    template <int kTile>
    void store(int32_t* to, int64_t stride) const {
        for (int64_t row = 0; row < 16; ++row)
            std::memcpy(reinterpret_cast<char*>(to) + row * stride,
                        &tile[kTile][static_cast<size_t>(row * 64)], 64);
    }
    // out (16 x 16 int32) += a (16 x 64) * b, where b holds four rows of k in each of its rows.
    template <int kOut, int kA, int kB>
    void add_product() {
        for (size_t i = 0; i < 16; ++i) {
            for (size_t j = 0; j < 16; ++j) {
                int32_t sum = 0;
                std::memcpy(&sum, &tile[kOut][i * 64 + j * 4], 4);
                for (size_t k = 0; k < 64; ++k)
                    sum += tile[kA][i * 64 + k] * tile[kB][k / 4 * 64 + j * 4 + k % 4];
                std::memcpy(&tile[kOut][i * 64 + j * 4], &sum, 4);
            }
        }
    }
};

// The meaning of each function of Avx512Digits.
struct PlainDigits {
    static void split(const int32_t* from, int slices, int32_t* to, int64_t stride) {
        auto* bytes = reinterpret_cast<int8_t*>(to);
        const auto put = [&](int64_t plane, int64_t k, int32_t digit) {
            bytes[plane * stride * 4 + k] = static_cast<int8_t>(digit);
        };
        for (int64_t k = 0; k < kDigitBlock; ++k) {
            if (slices == 1) {
                put(0, k, pair_element(from, k));
            } else if (slices == 2) {
                const int32_t q = pair_element(from, k), d0 = low_digit(q), d1 = (q - d0) / 128;
                put(0, k, d0);
                put(1, k, d1);
                put(2, k, d0 + d1);
            } else {
                const int32_t q = from[k], d0 = low_digit(q), rest = (q - d0) / 128;
                const int32_t d1 = low_digit(rest), d2 = (rest - d1) / 128;
                put(0, k, d0);
                put(1, k, d1);
                put(2, k, d2);
                put(3, k, d0 + d1);
                put(4, k, d0 + d2);
                put(5, k, d1 + d2);
            }
        }
    }
    static void transpose(const int32_t* from, int32_t* to) {
        for (int64_t v = 0; v < kDigitLanes; ++v)
            for (int64_t i = 0; i < kPlaneUnits; ++i)
                to[i * kDigitLanes + v] = from[v * kPlaneUnits + i];
    }

private:
    static int32_t pair_element(const int32_t* from, int64_t k) {
        return k % 2 == 0 ? static_cast<int16_t>(from[k / 2]) : from[k / 2] >> 16;
    }
    static int32_t low_digit(int32_t q) { return ((q + 64) & 127) - 64; }
};

}  // namespace
}  // namespace assay::compute
