// Quantising and packing as many vectors at a time as a unit U has lanes. Internal to the files of
// one instruction set, hence in an unnamed namespace (see lanes_avx2.h).
//
// U is Avx2Pack or Avx512Pack: int32 vectors with the few operations that its lanes L do not have.
// Threads: pure. Errors: see kernel_table.h.
#pragma once

#include "compute/kernels/pack_kernels.h"

namespace assay::compute {
namespace {

template <class U>
ASSAY_HD typename U::F load_count(const float* p, int64_t count) {
    using L = typename U::L;
    if (count >= L::kWidth) return L::load(p);
    return count > 0 ? L::load_some(p, count) : L::set(0.0F);
}

// What both sources share; fields are copied from the job, so that the compiler keeps them in
// registers. kPairs: one or two slices; kFold: values are multiplied first. A bundle is as many
// vectors as U has lanes.
struct Values {
    const float* data;
    int64_t stride, vectors, from, stop, bundles;
    const float* multiply;
    Values(const PackJob& job, int64_t vector_or_depth_stride, int64_t width)
        : data(job.data),
          stride(vector_or_depth_stride),
          vectors(job.vectors),
          from(job.from),
          stop(job.stop),
          bundles((job.group + width - 1) / width),
          multiply(job.multiply) {}
};

// Vectors side by side in memory: lane v of bundle g is its vector v. kWhole: none is missing.
template <class U, bool kPairs, bool kFold, bool kWhole>
struct SideBySide : Values {
    using L = typename U::L;
    using F = typename U::F;
    using I = typename U::I;
    static constexpr int64_t kWidth = L::kWidth;
    static constexpr bool kToRows = true;
    static constexpr int64_t kAhead = 12;  // rows of k to prefetch: each lies in a page of its own

    explicit SideBySide(const PackJob& job) : Values(job, job.depth_stride, kWidth) {}
    // Bundle g of others alone.
    SideBySide(const SideBySide& others, int64_t g) : Values(others) {
        data += kWidth * g;
        vectors -= kWidth * g;
        bundles = 1;
    }

    ASSAY_HD F value(int64_t g, int64_t k) const {
        const float* at = data + k * stride + kWidth * g;
        const F x = kWhole ? L::load(at) : load_count<U>(at, vectors - kWidth * g);
        if constexpr (kFold) return L::mul(x, L::set(multiply[k]));
        return x;
    }
    ASSAY_HD void prefetch(int64_t k) const {
        const float* at = data + (k + kAhead < stop ? k + kAhead : k) * stride;
        for (int64_t v = 0; v < (kWhole ? vectors : 1); v += 16) __builtin_prefetch(at + v, 0, 3);
        if (kWhole) __builtin_prefetch(at + vectors - 1, 0, 3);
    }
    ASSAY_HD void tops(uint32_t* out) const {
        if (bundles == 2) return tops_of<2>(out);
        if (bundles == 3) return tops_of<3>(out);
        if (bundles == 4) return tops_of<4>(out);
        for (int64_t g = 0; g < bundles; ++g)
            SideBySide(*this, g).template tops_of<1>(out + kWidth * g);
    }
    template <int64_t kBundles>
    ASSAY_HD void tops_of(uint32_t* out) const {
        I top[kBundles];
        for (I& each : top) each = L::zero_int();
        for (int64_t k = from; k < stop; ++k) {
            prefetch(k);
            ASSAY_UNROLL_ALL
            for (int64_t g = 0; g < kBundles; ++g)
                top[g] = L::max_int(top[g], L::magnitude(value(g, k)));
        }
        for (int64_t g = 0; g < kBundles; ++g) L::store_magnitudes(out + kWidth * g, top[g]);
    }
    // Unit u of a bundle. kInside: all of its elements exist.
    template <bool kInside>
    ASSAY_HD I unit(int64_t g, int64_t u, F by) const {
        const auto quantised = [&](int64_t k) ASSAY_BODY {
            return kInside || k < stop ? L::to_int(L::mul(value(g, k), by)) : L::zero_int();
        };
        if constexpr (!kPairs) return quantised(u);
        return U::pair(quantised(2 * u), quantised(2 * u + 1));
    }
    // Units [u, u + kWidth) of a bundle: r[i] lane v is unit u + i.
    ASSAY_HD void by_unit(int64_t g, int64_t u, const float* inverse, I* r) const {
        const F by = L::load(inverse + kWidth * g);
        if ((kPairs ? 2 : 1) * (u + kWidth) <= stop) {
            ASSAY_UNROLL_ALL
            for (int64_t i = 0; i < kWidth; ++i) r[i] = unit<true>(g, u + i, by);
        } else {
            ASSAY_UNROLL_ALL
            for (int64_t i = 0; i < kWidth; ++i) r[i] = unit<false>(g, u + i, by);
        }
    }
    // The same, r[v] lane i.
    ASSAY_HD void by_vector(int64_t g, int64_t u, const float* inverse, I* r) const {
        by_unit(g, u, inverse, r);
        U::transpose(r);
    }
};

// Each vector contiguous in memory.
template <class U, bool kPairs, bool kFold>
struct EndToEnd : Values {
    using L = typename U::L;
    using F = typename U::F;
    using I = typename U::I;
    static constexpr int64_t kWidth = L::kWidth;
    static constexpr bool kToRows = false;  // see pack_rows

    explicit EndToEnd(const PackJob& job) : Values(job, job.vector_stride, kWidth) {}

    template <bool kInside>
    ASSAY_HD F value(int64_t v, int64_t k) const {
        const int64_t count = stop - k;
        const float* at = data + v * stride + k;
        const F x = kInside ? L::load(at) : load_count<U>(at, count);
        if constexpr (!kFold) return x;
        return L::mul(x, kInside ? L::load(multiply + k) : load_count<U>(multiply + k, count));
    }
    ASSAY_HD uint32_t top(int64_t v) const {
        I top0 = L::zero_int(), top1 = top0;
        int64_t k = from;
        for (; k + 2 * kWidth <= stop; k += 2 * kWidth) {
            top0 = L::max_int(top0, L::magnitude(value<true>(v, k)));
            top1 = L::max_int(top1, L::magnitude(value<true>(v, k + kWidth)));
        }
        for (; k < stop; k += kWidth) top0 = L::max_int(top0, L::magnitude(value<false>(v, k)));
        return L::top(L::max_int(top0, top1));
    }
    ASSAY_HD void tops(uint32_t* out) const {
        for (int64_t v = 0; v < vectors; ++v) out[v] = top(v);
    }
    // kWidth units of vector v.
    template <bool kInside>
    ASSAY_HD I units(int64_t v, int64_t u, F by) const {
        const auto quantised = [&](int64_t k) ASSAY_BODY {
            return L::to_int(L::mul(value<kInside>(v, k), by));
        };
        if constexpr (!kPairs) return quantised(u);
        return U::pairs_of(quantised(2 * u), quantised(2 * u + kWidth));
    }
    // The same where the last of them may not exist.
    ASSAY_HD I units_of(int64_t v, int64_t u, F by) const {
        const bool inside = (kPairs ? 2 : 1) * (u + kWidth) <= stop;
        if (v >= vectors) return L::zero_int();
        return inside ? units<true>(v, u, by) : units<false>(v, u, by);
    }
    ASSAY_HD void by_unit(int64_t g, int64_t u, const float* inverse, I* r) const {
        const bool inside = (kPairs ? 2 : 1) * (u + kWidth) <= stop;
        const int64_t first = kWidth * g;
        if (inside && first + kWidth <= vectors) {
            ASSAY_UNROLL_ALL
            for (int64_t v = 0; v < kWidth; ++v)
                r[v] = units<true>(first + v, u, L::set(inverse[first + v]));
        } else {
            for (int64_t v = 0; v < kWidth; ++v)
                r[v] = units_of(first + v, u, L::set(inverse[first + v]));
        }
        U::transpose(r);
    }
};

// Units [begin, end) of the group, `begin` a multiple of kWidth and all in one norm block, row by
// row; their square sums to `norms`, one a vector.
template <class U, class Source>
ASSAY_HD void write_rows(const PackJob& job, const Source& source, const float* inverse,
                         int64_t begin, int64_t end, uint32_t* norms) {
    constexpr int64_t kWidth = U::L::kWidth;
    typename U::I norm[kMaxGroup];
    for (int64_t v = 0; v < kWidth * source.bundles; ++v) norm[v] = U::L::zero_int();
    const int64_t stride = job.out_vector_stride;
    for (int64_t u = begin; u < end; u += kWidth) {
        for (int64_t g = 0; g < source.bundles; ++g) {
            typename U::I r[kWidth];
            source.by_vector(g, u, inverse, r);
            int32_t* to = job.out + kWidth * g * stride + u;
            ASSAY_UNROLL_ALL
            for (int64_t v = 0; v < kWidth; ++v) {
                U::store(to + v * stride, r[v]);
                norm[kWidth * g + v] = U::add(norm[kWidth * g + v], U::squares(r[v]));
            }
        }
    }
    for (int64_t v = 0; v < kWidth * source.bundles; ++v) norms[v] = U::sum(norm[v]);
}

// The same, unit by unit.
template <class U, class Source>
ASSAY_HD void write_units(const PackJob& job, const Source& source, const float* inverse,
                          int64_t begin, int64_t end, uint32_t* norms) {
    constexpr int64_t kWidth = U::L::kWidth;
    typename U::I norm[kMaxGroup / kWidth];
    for (int64_t g = 0; g < source.bundles; ++g) norm[g] = U::L::zero_int();
    const int64_t stride = job.out_unit_stride;
    for (int64_t u = begin; u < end; u += kWidth) {
        const int64_t count = end - u < kWidth ? end - u : kWidth;
        for (int64_t g = 0; g < source.bundles; ++g) {
            typename U::I r[kWidth], sum = norm[g];
            source.by_unit(g, u, inverse, r);
            int32_t* to = job.out + u * stride + kWidth * g;
            for (int64_t i = 0; i < count; ++i) {
                U::store(to + i * stride, r[i]);
                sum = U::add(sum, U::squares(r[i]));
            }
            norm[g] = sum;
        }
    }
    for (int64_t g = 0; g < source.bundles; ++g)
        U::store(reinterpret_cast<int32_t*>(norms + kWidth * g), norm[g]);
}

template <class U, bool kPairs, class Source>
ASSAY_HD Bits pack_from(const PackJob& job, const Source& source) {
    alignas(64) uint32_t tops[kMaxGroup] = {};
    alignas(64) float inverse[kMaxGroup];
    if (!job.unit_scale) source.tops(tops);
    const Bits bits = pack_scales(job, tops, inverse);
    if (bits >= kInfinityBits) return bits;
    constexpr int64_t kWidth = U::L::kWidth;
    constexpr int64_t kBlock = kPairs ? kNormBlock / 2 : kNormBlock;  // units
    const int64_t end = pack_units(job.stop, job.slices);
    const int64_t begin = pack_units(job.from, job.slices) / kWidth * kWidth;
    for (int64_t u = begin; u < end; u = (u / kBlock + 1) * kBlock) {
        const int64_t next = (u / kBlock + 1) * kBlock < end ? (u / kBlock + 1) * kBlock : end;
        alignas(64) uint32_t norms[kMaxGroup];
        const bool rows = Source::kToRows && job.out_unit_stride == 1;
        if constexpr (Source::kToRows)
            if (rows) write_rows<U>(job, source, inverse, u, next, norms);
        if (!rows) write_units<U>(job, source, inverse, u, next, norms);
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

// Row v, and its share of the norms of its panel.
template <class U, bool kPairs, bool kFold>
ASSAY_HD void write_row(const PackJob& job, const EndToEnd<U, kPairs, kFold>& source, int64_t v,
                        float inverse) {
    constexpr int64_t kWidth = U::L::kWidth;
    constexpr int64_t kBlock = kPairs ? kNormBlock / 2 : kNormBlock;  // units
    const int64_t end = pack_units(job.stop, job.slices);
    const int64_t begin = pack_units(job.from, job.slices) / kWidth * kWidth;
    const auto by = U::L::set(inverse);
    int32_t* to = job.out + v * job.out_vector_stride;
    for (int64_t u = begin; u < end;) {
        const int64_t block = u / kBlock;
        const int64_t next = (block + 1) * kBlock < end ? (block + 1) * kBlock : end;
        typename U::I norm = U::L::zero_int();
        for (; u < next; u += kWidth) {
            const typename U::I units = source.units_of(v, u, by);
            U::store(to + u, units);
            if constexpr (kPairs) norm = U::add(norm, U::squares(units));
        }
        if constexpr (!kPairs) continue;
        uint32_t& most = job.norms[v / job.panel * job.norm_stride + block];
        const uint32_t sum = U::sum(norm);
        most = v % job.panel == 0 || sum > most ? sum : most;
    }
}

// Rows from rows, one at a time: each is read twice, the second time from a near cache.
template <class U, bool kPairs, bool kFold>
Bits pack_rows(const PackJob& job) {
    const EndToEnd<U, kPairs, kFold> source(job);
    PackJob row = job;  // for its scale
    row.group = 1;
    Bits bits = 0;
    for (int64_t v = 0; v < job.group; ++v) {
        row.scale = job.scale + v;
        row.vectors = v < job.vectors ? 1 : 0;
        const uint32_t top = v < job.vectors && !job.unit_scale ? source.top(v) : 0;
        float inverse = 0;
        const Bits found = pack_scales(row, &top, &inverse);
        if (found >= kInfinityBits) return found;
        bits = found > bits ? found : bits;
        write_row(job, source, v, inverse);
    }
    return bits;
}

template <class U, bool kPairs, bool kFold>
Bits pack_as(const PackJob& job) {
    if (job.depth_stride == 1 && job.out_unit_stride == 1) return pack_rows<U, kPairs, kFold>(job);
    if (job.depth_stride == 1) return pack_from<U, kPairs>(job, EndToEnd<U, kPairs, kFold>(job));
    if (job.vector_stride != 1) return PackKernels<typename U::L>::pack(job);
    if (job.vectors == job.group)
        return pack_from<U, kPairs>(job, SideBySide<U, kPairs, kFold, true>(job));
    return pack_from<U, kPairs>(job, SideBySide<U, kPairs, kFold, false>(job));
}

// Groups are a multiple of U's lanes.
template <class U>
Bits pack_vectors(const PackJob& job) {
    const bool fold = job.multiply != nullptr;
    if (job.slices == 3) return fold ? pack_as<U, false, true>(job) : pack_as<U, false, false>(job);
    return fold ? pack_as<U, true, true>(job) : pack_as<U, true, false>(job);
}

}  // namespace
}  // namespace assay::compute
