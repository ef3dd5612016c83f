#include "market/score.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace assay::market {
namespace {

using Wide = unsigned __int128;
constexpr uint64_t kSaturated = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

uint64_t saturate(Wide value) {
    return value > kSaturated ? kSaturated : static_cast<uint64_t>(value);
}

uint32_t top_bit(Wide value) {  // value > 0
    const auto high = static_cast<uint64_t>(value >> 64);
    const auto low = static_cast<uint64_t>(value);
    return high != 0 ? 127U - static_cast<uint32_t>(std::countl_zero(high))
                     : 63U - static_cast<uint32_t>(std::countl_zero(low));
}

}  // namespace

uint64_t expected_ms(uint64_t work_units, uint64_t score) {
    // seconds = work * 1000 / score, because the score is in thousandths.
    return saturate((Wide{work_units} * 1'000'000 + score - 1) / score);
}

uint32_t price_time_class(uint64_t price_floor, uint64_t score) {
    const Wide value = (Wide{price_floor} << 63) / score;
    if (value < 8) return static_cast<uint32_t>(value);
    const uint32_t top = top_bit(value);
    const auto eighth = static_cast<uint32_t>(value >> (top - 3)) & 7U;
    return top * 8 + eighth;
}

uint32_t reputation_class(uint64_t reputation_milli) {
    const uint64_t agreements = reputation_milli / 1000;
    if (agreements == 0) return 0;
    return std::min(64U - static_cast<uint32_t>(std::countl_zero(agreements)), kMaxReputationClass);
}

uint64_t log2_q32(uint64_t x) {
    const auto whole = 63U - static_cast<uint32_t>(std::countl_zero(x));
    uint64_t mantissa = x << (63 - whole);  // in [2^63, 2^64): 1.0 to 2.0
    uint64_t fraction = 0;
    for (int bit = 0; bit < 32; ++bit) {
        const Wide square = (Wide{mantissa} * mantissa) >> 63;
        const bool carry = (square >> 64) != 0;
        mantissa = static_cast<uint64_t>(carry ? square >> 1 : square);
        fraction = fraction << 1 | static_cast<uint64_t>(carry);
    }
    return (uint64_t{whole} << 32) + fraction;
}

uint64_t draw_key(uint64_t draw, uint64_t weight, uint64_t cap) {
    constexpr uint64_t kTop = uint64_t{64} << 32;
    constexpr uint64_t kWhole = 65'536;
    const Wide share = Wide{std::min(weight, cap)} * kWhole / cap;
    const uint64_t exponential = kTop - log2_q32(draw | 1);  // -log2(u), u in (0, 1)
    return (exponential << 24) / std::max<uint64_t>(1, static_cast<uint64_t>(share));
}

}  // namespace assay::market
