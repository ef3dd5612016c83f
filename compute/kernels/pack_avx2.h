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

// What both sources share; fields are copied from the job, so that the compiler keeps them in
// registers. kPairs: one or two slices; kFold: values are multiplied first.
template <bool kFold>
struct Values {
    const float* data;
    int64_t stride, vectors, from, stop, octets;
    const float* multiply;
    Values(const PackJob& job, int64_t vector_or_depth_stride)
        : data(job.data),
          stride(vector_or_depth_stride),
          vectors(job.vectors),
          from(job.from),
          stop(job.stop),
          octets(job.group / 8),
          multiply(job.multiply) {}
};

// Vectors side by side in memory: lane v of octet g is vector 8 g + v. kWhole: none is missing.
template <bool kPairs, bool kFold, bool kWhole>
struct SideBySide : Values<kFold> {
    explicit SideBySide(const PackJob& job) : Values<kFold>(job, job.depth_stride) {}
    static constexpr int64_t kAhead = 12;  // rows of k to prefetch: each lies in a page of its own

    ASSAY_HD __m256 value(int64_t g, int64_t k) const {
        const float* at = this->data + k * this->stride + 8 * g;
        const __m256 x = kWhole ? L8::load(at) : load_count(at, this->vectors - 8 * g);
        if constexpr (kFold) return L8::mul(x, L8::set(this->multiply[k]));
        return x;
    }
    ASSAY_HD void prefetch(int64_t k) const {
        const float* at = this->data + (k + kAhead < this->stop ? k + kAhead : k) * this->stride;
        _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0);
        if (kWhole) _mm_prefetch(reinterpret_cast<const char*>(at + 15), _MM_HINT_T0);
    }
    ASSAY_HD void tops(uint32_t* out) const {
        __m256i top[kMaxGroup / 8];
        for (int64_t g = 0; g < this->octets; ++g) top[g] = L8::zero_int();
        for (int64_t k = this->from; k < this->stop; ++k) {
            prefetch(k);
            for (int64_t g = 0; g < this->octets; ++g)
                top[g] = L8::max_int(top[g], L8::magnitude(value(g, k)));
        }
        for (int64_t g = 0; g < this->octets; ++g) L8::store_magnitudes(out + 8 * g, top[g]);
    }
    // Unit u of eight vectors. kInside: all of its elements exist.
    template <bool kInside>
    ASSAY_HD __m256i unit(int64_t g, int64_t u, __m256 by) const {
        const auto quantised = [&](int64_t k) ASSAY_BODY {
            return kInside || k < this->stop ? L8::to_int(L8::mul(value(g, k), by))
                                             : L8::zero_int();
        };
        if constexpr (!kPairs) return quantised(u);
        return _mm256_blend_epi16(quantised(2 * u), _mm256_slli_epi32(quantised(2 * u + 1), 16),
                                  0xAA);
    }
    // Units [u, u + 8) of eight vectors: r[i] lane v is unit u + i.
    ASSAY_HD void by_unit(int64_t g, int64_t u, const float* inverse, __m256i* r) const {
        const __m256 by = L8::load(inverse + 8 * g);
        if ((kPairs ? 2 : 1) * (u + 8) <= this->stop) {
            for (int64_t i = 0; i < 8; ++i) r[i] = unit<true>(g, u + i, by);
        } else {
            for (int64_t i = 0; i < 8; ++i) r[i] = unit<false>(g, u + i, by);
        }
    }
    // The same, r[v] lane i.
    ASSAY_HD void by_vector(int64_t g, int64_t u, const float* inverse, __m256i* r) const {
        by_unit(g, u, inverse, r);
        transpose(r);
    }
};

// Each vector contiguous in memory.
template <bool kPairs, bool kFold>
struct EndToEnd : Values<kFold> {
    explicit EndToEnd(const PackJob& job) : Values<kFold>(job, job.vector_stride) {}

    template <bool kInside>
    ASSAY_HD __m256 value(int64_t v, int64_t k) const {
        const int64_t count = this->stop - k;
        const float* at = this->data + v * this->stride + k;
        const __m256 x = kInside ? L8::load(at) : load_count(at, count);
        if constexpr (!kFold) return x;
        return L8::mul(
            x, kInside ? L8::load(this->multiply + k) : load_count(this->multiply + k, count));
    }
    ASSAY_HD void tops(uint32_t* out) const {
        for (int64_t v = 0; v < this->vectors; ++v) {
            __m256i top0 = L8::zero_int(), top1 = top0;
            int64_t k = this->from;
            for (; k + 16 <= this->stop; k += 16) {
                top0 = L8::max_int(top0, L8::magnitude(value<true>(v, k)));
                top1 = L8::max_int(top1, L8::magnitude(value<true>(v, k + 8)));
            }
            for (; k < this->stop; k += 8)
                top0 = L8::max_int(top0, L8::magnitude(value<false>(v, k)));
            out[v] = L8::top(L8::max_int(top0, top1));
        }
    }
    template <bool kInside>
    ASSAY_HD __m256i eight_units(int64_t v, int64_t u, __m256 by) const {
        const auto quantised = [&](int64_t k) ASSAY_BODY {
            return L8::to_int(L8::mul(value<kInside>(v, k), by));
        };
        if constexpr (!kPairs) return quantised(u);
        const __m256i mixed = _mm256_packs_epi32(quantised(2 * u), quantised(2 * u + 8));
        return _mm256_permute4x64_epi64(mixed, 0xD8);
    }
    ASSAY_HD void by_vector(int64_t g, int64_t u, const float* inverse, __m256i* r) const {
        const bool inside = (kPairs ? 2 : 1) * (u + 8) <= this->stop;
        if (inside && 8 * g + 8 <= this->vectors) {
            for (int64_t v = 8 * g; v < 8 * g + 8; ++v)
                r[v - 8 * g] = eight_units<true>(v, u, L8::set(inverse[v]));
            return;
        }
        for (int64_t v = 8 * g; v < 8 * g + 8; ++v)
            r[v - 8 * g] =
                v < this->vectors ? eight_units<false>(v, u, L8::set(inverse[v])) : L8::zero_int();
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
    __m256i norm[kMaxGroup];
    for (int64_t v = 0; v < 8 * source.octets; ++v) norm[v] = L8::zero_int();
    const int64_t stride = job.out_vector_stride;
    for (int64_t u = begin; u < end; u += 8) {
        for (int64_t g = 0; g < source.octets; ++g) {
            __m256i r[8];
            source.by_vector(g, u, inverse, r);
            int32_t* to = job.out + 8 * g * stride + u;
            for (int64_t v = 0; v < 8; ++v) {
                _mm256_storeu_si256(vector_at(to + v * stride), r[v]);
                norm[8 * g + v] = _mm256_add_epi32(norm[8 * g + v], squares(r[v]));
            }
        }
    }
    for (int64_t v = 0; v < 8 * source.octets; ++v) norms[v] = sum_lanes(norm[v]);
}

// The same, unit by unit.
template <class Source>
ASSAY_HD void write_units(const PackJob& job, const Source& source, const float* inverse,
                          int64_t begin, int64_t end, uint32_t* norms) {
    __m256i norm[kMaxGroup / 8];
    for (int64_t g = 0; g < source.octets; ++g) norm[g] = L8::zero_int();
    const int64_t stride = job.out_unit_stride;
    for (int64_t u = begin; u < end; u += 8) {
        const int64_t count = end - u < 8 ? end - u : 8;
        for (int64_t g = 0; g < source.octets; ++g) {
            __m256i r[8];
            source.by_unit(g, u, inverse, r);
            int32_t* to = job.out + u * stride + 8 * g;
            for (int64_t i = 0; i < count; ++i) {
                _mm256_storeu_si256(vector_at(to + i * stride), r[i]);
                norm[g] = _mm256_add_epi32(norm[g], squares(r[i]));
            }
        }
    }
    for (int64_t g = 0; g < source.octets; ++g)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(norms + 8 * g), norm[g]);
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

template <bool kPairs, bool kFold>
Bits pack_as(const PackJob& job) {
    if (job.depth_stride == 1) return pack_from<kPairs>(job, EndToEnd<kPairs, kFold>(job));
    if (job.vector_stride != 1) return PackKernels<Avx2Lanes>::pack(job);
    if (job.vectors == job.group)
        return pack_from<kPairs>(job, SideBySide<kPairs, kFold, true>(job));
    return pack_from<kPairs>(job, SideBySide<kPairs, kFold, false>(job));
}

inline Bits pack_avx2(const PackJob& job) {
    if (job.slices == 3)
        return job.multiply != nullptr ? pack_as<false, true>(job) : pack_as<false, false>(job);
    return job.multiply != nullptr ? pack_as<true, true>(job) : pack_as<true, false>(job);
}

}  // namespace
}  // namespace assay::compute

#endif
