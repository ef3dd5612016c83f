#include "market/score.h"

#include <gtest/gtest.h>

namespace assay::market {
namespace {

TEST(Score, ExpectedTimeRoundsUpAndSaturates) {
    EXPECT_EQ(expected_ms(1, 1'000), 1'000U);  // one unit at one unit a second
    EXPECT_EQ(expected_ms(10, 3'000), 3'334U);
    EXPECT_EQ(expected_ms(0, 1), 0U);
    EXPECT_EQ(expected_ms(UINT64_MAX, 1), static_cast<uint64_t>(INT64_MAX));
}

TEST(Score, Log2IsExactOnPowersAndKnownElsewhere) {
    for (uint32_t bit = 0; bit < 64; ++bit)
        EXPECT_EQ(log2_q32(uint64_t{1} << bit), uint64_t{bit} << 32);
    EXPECT_EQ(log2_q32(3), 6'807'362'105U);    // floor(1.584962500721156 * 2^32)
    EXPECT_EQ(log2_q32(10), 14'267'572'527U);  // floor(3.321928094887362 * 2^32)
    EXPECT_EQ(log2_q32(UINT64_MAX), (uint64_t{64} << 32) - 1);
}

TEST(Score, PriceTimeClassStepsByEighthsOfAnOctave) {
    const uint32_t base = price_time_class(1'000, 1'000);
    EXPECT_EQ(price_time_class(2'000, 1'000), base + 8);  // twice the price
    EXPECT_EQ(price_time_class(1'000, 500), base + 8);    // half the speed
    EXPECT_EQ(price_time_class(2'000, 2'000), base);      // price and speed cancel
    EXPECT_EQ(price_time_class(1'050, 1'000), base);      // within 12.5 % of a power of two
    EXPECT_EQ(price_time_class(1'130, 1'000), base + 1);
    EXPECT_LT(price_time_class(1, 1'000'000'000'000), price_time_class(1, 1'000'000));
}

TEST(Score, ReputationClassDoublesUpToItsCap) {
    EXPECT_EQ(reputation_class(0), 0U);
    EXPECT_EQ(reputation_class(999), 0U);
    EXPECT_EQ(reputation_class(1'000), 1U);
    EXPECT_EQ(reputation_class(2'000), 2U);
    EXPECT_EQ(reputation_class(3'999), 2U);
    EXPECT_EQ(reputation_class(4'000), 3U);
    EXPECT_EQ(reputation_class(UINT64_MAX), kMaxReputationClass);
}

TEST(Score, DrawPrefersWeightInProportion) {
    // Two operators with weights 1 : 3 over a fixed sequence of draws.
    uint64_t state = 42;
    const auto next = [&] {  // splitmix64
        state += 0x9E3779B97F4A7C15ULL;
        uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    };
    int heavy = 0;
    for (int i = 0; i < 10'000; ++i)
        heavy += draw_key(next(), 3, 3) < draw_key(next(), 1, 3) ? 1 : 0;
    EXPECT_NEAR(heavy, 7'500, 130);                               // 3 sigma of the binomial
    EXPECT_EQ(draw_key(1, 5, 5), uint64_t{1} << (38 + 24 - 16));  // 64 bits of luck, full weight
    EXPECT_EQ(draw_key(7, 9, 5), draw_key(7, 5, 5));              // the cap
    EXPECT_EQ(draw_key(7, 0, 5), draw_key(7, 1, 1'000'000));      // at least one 65536th
}

}  // namespace
}  // namespace assay::market
