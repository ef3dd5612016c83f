#include "compute/arithmetic/philox.h"

namespace assay::compute {
namespace {

// High half of a 64 x 64 bit product, from 32-bit halves.
uint64_t high_product(uint64_t a, uint64_t b) {
    const uint64_t a0 = a & 0xFFFFFFFFU, a1 = a >> 32;
    const uint64_t b0 = b & 0xFFFFFFFFU, b1 = b >> 32;
    const uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    const uint64_t other = a0 * b1 + (middle & 0xFFFFFFFFU);
    return a1 * b1 + (middle >> 32) + (other >> 32);
}

}  // namespace

void normalish(std::span<float> out, double std, uint64_t seed, uint32_t tensor_id) {
    const auto scale = static_cast<float>(std * __builtin_sqrt(3.0));
    for (size_t i = 0; i < out.size(); ++i) out[i] = normalish_at(i, scale, seed, tensor_id);
}

uint64_t below(uint64_t n, uint64_t seed, uint32_t a, uint32_t b) {
    const Philox4 w = philox({{a, b, 0, kDomainSampling}}, static_cast<uint32_t>(seed),
                             static_cast<uint32_t>(seed >> 32));
    return high_product(w.word[0] | uint64_t{w.word[1]} << 32, n);
}

}  // namespace assay::compute
