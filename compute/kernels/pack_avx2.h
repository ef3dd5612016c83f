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

ASSAY_HD void store_unit(const PackJob& job, int64_t u, __m256i x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(job.low + u * job.stride),
                     _mm256_castsi256_si128(x));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(job.high + u * job.stride),
                     _mm256_extracti128_si256(x, 1));
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

// Vectors side by side in memory: lane v is vector v.
struct SideBySide {
    const PackJob& job;
    ASSAY_HD __m256 value(int64_t k) const {
        const __m256 x = load_count(job.data + k * job.depth_stride, job.vectors);
        return job.multiply == nullptr ? x : L8::mul(x, L8::set(job.multiply[k]));
    }
    ASSAY_HD void tops(uint32_t* out) const {
        __m256i top = L8::zero_int();
        for (int64_t k = 0; k < job.depth; ++k) top = L8::max_int(top, L8::magnitude(value(k)));
        L8::store_magnitudes(out, top);
    }
    ASSAY_HD void write(const float* inverse) const {
        const __m256 by = L8::load(inverse);
        const auto quantised = [&](int64_t k)
                                   ASSAY_BODY { return L8::to_int(L8::mul(value(k), by)); };
        if (job.slices == 3) {
            for (int64_t k = 0; k < job.depth; ++k) store_unit(job, k, quantised(k));
            return;
        }
        int64_t k = 0;
        for (; k + 1 < job.depth; k += 2) {
            const __m256i second = _mm256_slli_epi32(quantised(k + 1), 16);
            store_unit(job, k / 2, _mm256_blend_epi16(quantised(k), second, 0xAA));
        }
        if (k < job.depth)
            store_unit(job, k / 2, _mm256_blend_epi16(quantised(k), _mm256_setzero_si256(), 0xAA));
    }
};

// Each vector contiguous in memory: lane i is element k + i, transposed on the way out.
struct EndToEnd {
    const PackJob& job;
    ASSAY_HD __m256 value(int64_t v, int64_t k) const {
        const int64_t count = job.depth - k;
        const __m256 x = load_count(job.data + v * job.vector_stride + k, count);
        return job.multiply == nullptr ? x : L8::mul(x, load_count(job.multiply + k, count));
    }
    ASSAY_HD void tops(uint32_t* out) const {
        for (int64_t v = 0; v < job.vectors; ++v) {
            __m256i top = L8::zero_int();
            for (int64_t k = 0; k < job.depth; k += 8)
                top = L8::max_int(top, L8::magnitude(value(v, k)));
            out[v] = L8::top(top);
        }
    }
    ASSAY_HD void write(const float* inverse) const {
        const int64_t units = pack_units(job.depth, job.slices);
        for (int64_t u = 0; u < units; u += 8) {
            __m256i r[8];
            for (int64_t v = 0; v < 8; ++v)
                r[v] = v < job.vectors ? eight_units(v, u, L8::set(inverse[v]))
                                       : _mm256_setzero_si256();
            transpose(r);
            const int64_t count = units - u < 8 ? units - u : 8;
            for (int64_t i = 0; i < count; ++i) store_unit(job, u + i, r[i]);
        }
    }
    ASSAY_HD __m256i eight_units(int64_t v, int64_t u, __m256 by) const {
        const auto quantised = [&](int64_t k)
                                   ASSAY_BODY { return L8::to_int(L8::mul(value(v, k), by)); };
        if (job.slices == 3) return quantised(u);
        const __m256i mixed = _mm256_packs_epi32(quantised(2 * u), quantised(2 * u + 8));
        return _mm256_permute4x64_epi64(mixed, 0xD8);
    }
};

template <class Source>
ASSAY_HD Bits pack_from(const PackJob& job, const Source& source) {
    alignas(32) uint32_t tops[8] = {};
    alignas(32) float inverse[8];
    source.tops(tops);
    const Bits bits = pack_scales(job, tops, inverse);
    if (bits < kInfinityBits) source.write(inverse);
    return bits;
}

inline Bits pack_avx2(const PackJob& job) {
    if (job.depth_stride == 1) return pack_from(job, EndToEnd{job});
    if (job.vector_stride == 1) return pack_from(job, SideBySide{job});
    return PackKernels<Avx2Lanes>::pack(job);
}

}  // namespace
}  // namespace assay::compute

#endif
