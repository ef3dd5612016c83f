// Random numbers of OFA-1: Philox4x32-10 keyed by the job seed, counted by logical position.
//
// Counter word 3 is the domain: 1 = parameter initialisation, 2 = data sampling. Source: Salmon et
// al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Threads: pure functions. Errors:
// none; below(0, ...) is 0.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "compute/arithmetic/scalar.h"

namespace assay::compute {

struct Philox4 {
    uint32_t word[4];
};

ASSAY_HD Philox4 philox(Philox4 c, uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t p0 = uint64_t{0xD2511F53U} * c.word[0];
        const uint64_t p1 = uint64_t{0xCD9E8D57U} * c.word[2];
        c = {{static_cast<uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<uint32_t>(p1),
              static_cast<uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<uint32_t>(p0)}};
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
    return c;
}

inline constexpr uint32_t kDomainInitialisation = 1, kDomainSampling = 2;

// Element i of a tensor of nearly normal values with unit `scale`: the sum of four 24-bit uniforms,
// centred, times scale = f32(std * sqrt(3)).
ASSAY_HD float normalish_at(uint64_t i, float scale, uint64_t seed, uint32_t tensor_id) {
    const Philox4 counter = {{static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), tensor_id,
                              kDomainInitialisation}};
    const Philox4 w =
        philox(counter, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
    int64_t sum = -(int64_t{1} << 25);
    for (const uint32_t word : w.word) sum += word >> 8;
    return (int_to_f32(sum) * pow2(-24)) * scale;
}

// Fills out[i] = element i.
void normalish(std::span<float> out, double std, uint64_t seed, uint32_t tensor_id);

// Uniform integer in [0, n): the high 64 bits of (64-bit word * n), word from counter (a, b, 0, 2).
uint64_t below(uint64_t n, uint64_t seed, uint32_t a, uint32_t b);

}  // namespace assay::compute
