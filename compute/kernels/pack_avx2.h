// Quantising and packing eight vectors at a time in AVX2. Internal to avx2.cpp.
// Threads: pure. Errors: see kernel_table.h.
#pragma once

#if defined(__AVX2__)  // nothing elsewhere

#include "compute/kernels/lanes_avx2.h"
#include "compute/kernels/pack_kernels.h"

namespace assay::compute {
namespace {

using L8 = Avx2Lanes;

ASSAY_HD __m256 load_count(const float* p, int64_t count) {
    if (count >= 8) return L8::load(p);
    return count > 0 ? L8::load_some(p, count) : L8::set(0.0F);
}

ASSAY_HD __m256i* vector_at(int32_t* p) {
    return reinterpret_cast<__m256i*>(p);
}

// r[i] lane j becomes r[j] lane i.
ASSAY_HD void transpose(__m256i* r) {
    __m256i t[8], s[8];
    for (int i = 0; i < 4; ++i) {
        t[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; ++i) {
        s[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        s[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        s[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        s[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm256_permute2x128_si256(s[i], s[i + 4], 0x20);
        r[i + 4] = _mm256_permute2x128_si256(s[i], s[i + 4], 0x31);
    }
}

// Vectors side by side in memory: lane v of octet g is vector 8 g + v.
template <bool kPairs>
struct SideBySide {
    const PackJob& job;
    int64_t octets;

    ASSAY_HD __m256 value(int64_t g, int64_t k) const {
        const __m256 x = load_count(job.data + k * job.depth_stride + 8 * g, job.vectors - 8 * g);
        return job.multiply == nullptr ? x : L8::mul(x, L8::set(job.multiply[k]));
    }
    ASSAY_HD void tops(uint32_t* out) const {
        __m256i top[kMaxGroup / 8];
        for (int64_t g = 0; g < octets; ++g) top[g] = L8::zero_int();
        for (int64_t k = job.from; k < job.stop; ++k)
            for (int64_t g = 0; g < octets; ++g)
                top[g] = L8::max_int(top[g], L8::magnitude(value(g, k)));
        for (int64_t g = 0; g < octets; ++g) L8::store_magnitudes(out + 8 * g, top[g]);
    }
    // Unit u of eight vectors.
    ASSAY_HD __m256i unit(int64_t g, int64_t u, __m256 by) const {
        const auto quantised = [&](int64_t k)
                                   ASSAY_BODY { return L8::to_int(L8::mul(value(g, k), by)); };
        if constexpr (!kPairs) return u < job.stop ? quantised(u) : L8::zero_int();
        const int64_t k = 2 * u;
        const __m256i second =
            k + 1 < job.stop ? _mm256_slli_epi32(quantised(k + 1), 16) : L8::zero_int();
        return k < job.stop ? _mm256_blend_epi16(quantised(k), second, 0xAA) : second;
    }
    // Units [u, u + 8) of eight vectors: r[i] lane v is unit u + i.
    ASSAY_HD void by_unit(int64_t g, int64_t u, const float* inverse, __m256i* r) const {
        const __m256 by = L8::load(inverse + 8 * g);
        for (int64_t i = 0; i < 8; ++i) r[i] = unit(g, u + i, by);
    }
    // The same, r[v] lane i.
    ASSAY_HD void by_vector(int64_t g, int64_t u, const float* inverse, __m256i* r) const {
        by_unit(g, u, inverse, r);
        transpose(r);
    }
};

// Each vector contiguous in memory.
template <bool kPairs>
struct EndToEnd {
    const PackJob& job;
    int64_t octets;

    ASSAY_HD __m256 value(int64_t v, int64_t k) const {
        const int64_t count = job.stop - k;
        const __m256 x = load_count(job.data + v * job.vector_stride + k, count);
        return job.multiply == nullptr ? x : L8::mul(x, load_count(job.multiply + k, count));
    }
    ASSAY_HD void tops(uint32_t* out) const {
        for (int64_t v = 0; v < job.vectors; ++v) {
            __m256i top0 = L8::zero_int(), top1 = top0;
            for (int64_t k = job.from; k < job.stop; k += 16) {
                top0 = L8::max_int(top0, L8::magnitude(value(v, k)));
                top1 = L8::max_int(top1, L8::magnitude(value(v, k + 8)));
            }
            out[v] = L8::top(L8::max_int(top0, top1));
        }
    }
    ASSAY_HD __m256i eight_units(int64_t v, int64_t u, __m256 by) const {
        const auto quantised = [&](int64_t k)
                                   ASSAY_BODY { return L8::to_int(L8::mul(value(v, k), by)); };
        if constexpr (!kPairs) return quantised(u);
        const __m256i mixed = _mm256_packs_epi32(quantised(2 * u), quantised(2 * u + 8));
        return _mm256_permute4x64_epi64(mixed, 0xD8);
    }
    ASSAY_HD void by_vector(int64_t g, int64_t u, const float* inverse, __m256i* r) const {
        for (int64_t v = 0; v < 8; ++v)
            r[v] = 8 * g + v < job.vectors ? eight_units(8 * g + v, u, L8::set(inverse[8 * g + v]))
                                           : L8::zero_int();
    }
    ASSAY_HD void by_unit(int64_t g, int64_t u, const float* inverse, __m256i* r) const {
        by_vector(g, u, inverse, r);
        transpose(r);
    }
};

ASSAY_HD __m256i squares(__m256i pairs) {
    return _mm256_madd_epi16(pairs, pairs);
}

ASSAY_HD uint32_t sum_lanes(__m256i x) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
    return static_cast<uint32_t>(_mm_cvtsi128_si32(s));
}

// Units [begin, end) of the group, `begin` a multiple of eight and all in one norm block, row by
// row; their square sums to `norms`, one a vector.
template <class Source>
ASSAY_HD void write_rows(const PackJob& job, const Source& source, const float* inverse,
                         int64_t begin, int64_t end, uint32_t* norms) {
    for (int64_t g = 0; g < source.octets; ++g) {
        __m256i norm[8], r[8];
        for (auto& n : norm) n = L8::zero_int();
        for (int64_t u = begin; u < end; u += 8) {
            source.by_vector(g, u, inverse, r);
            for (int64_t v = 0; v < 8; ++v) {
                _mm256_storeu_si256(vector_at(job.out + (8 * g + v) * job.out_vector_stride + u),
                                    r[v]);
                norm[v] = _mm256_add_epi32(norm[v], squares(r[v]));
            }
        }
        for (int64_t v = 0; v < 8; ++v) norms[8 * g + v] = sum_lanes(norm[v]);
    }
}

// The same, unit by unit.
template <class Source>
ASSAY_HD void write_units(const PackJob& job, const Source& source, const float* inverse,
                          int64_t begin, int64_t end, uint32_t* norms) {
    for (int64_t g = 0; g < source.octets; ++g) {
        __m256i norm = L8::zero_int(), r[8];
        for (int64_t u = begin; u < end; u += 8) {
            source.by_unit(g, u, inverse, r);
            const int64_t count = end - u < 8 ? end - u : 8;
            for (int64_t i = 0; i < count; ++i) {
                _mm256_storeu_si256(vector_at(job.out + (u + i) * job.out_unit_stride + 8 * g),
                                    r[i]);
                norm = _mm256_add_epi32(norm, squares(r[i]));
            }
        }
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(norms + 8 * g), norm);
    }
}

template <bool kPairs, class Source>
ASSAY_HD Bits pack_from(const PackJob& job, const Source& source) {
    alignas(32) uint32_t tops[kMaxGroup] = {};
    alignas(32) float inverse[kMaxGroup];
    if (!job.unit_scale) source.tops(tops);
    const Bits bits = pack_scales(job, tops, inverse);
    if (bits >= kInfinityBits) return bits;
    constexpr int64_t kBlock = kPairs ? kNormBlock / 2 : kNormBlock;  // units
    const int64_t end = pack_units(job.stop, job.slices);
    const int64_t begin = pack_units(job.from, job.slices) / 8 * 8;
    for (int64_t u = begin; u < end; u = (u / kBlock + 1) * kBlock) {
        const int64_t next = (u / kBlock + 1) * kBlock < end ? (u / kBlock + 1) * kBlock : end;
        alignas(32) uint32_t norms[kMaxGroup];
        if (job.out_unit_stride == 1) {
            write_rows(job, source, inverse, u, next, norms);
        } else {
            write_units(job, source, inverse, u, next, norms);
        }
        if constexpr (!kPairs) continue;
        for (int64_t first = 0; first < job.group; first += job.panel) {
            uint32_t top = 0;
            for (int64_t v = first; v < first + job.panel; ++v)
                top = norms[v] > top ? norms[v] : top;
            job.norms[first / job.panel * job.norm_stride + u / kBlock] = top;
        }
    }
    return bits;
}

inline Bits pack_avx2(const PackJob& job) {
    const int64_t octets = job.group / 8;
    if (job.depth_stride == 1) {
        if (job.slices == 3) return pack_from<false>(job, EndToEnd<false>{job, octets});
        return pack_from<true>(job, EndToEnd<true>{job, octets});
    }
    if (job.vector_stride == 1) {
        if (job.slices == 3) return pack_from<false>(job, SideBySide<false>{job, octets});
        return pack_from<true>(job, SideBySide<true>{job, octets});
    }
    return PackKernels<Avx2Lanes>::pack(job);
}

}  // namespace
}  // namespace assay::compute

#endif
