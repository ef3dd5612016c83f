// Scalars, trees, random numbers and the schedule against known answers and exact integer rules.
#include <cmath>

#include "compute/arithmetic/philox.h"
#include "compute/arithmetic/schedule.h"
#include "compute/arithmetic/trees.h"
#include "tests/support/test.h"

namespace assay::compute {
namespace {

TEST(arithmetic, rne_rounds_ties_to_even) {
    EXPECT_EQ(rne(0.5F), 0);
    EXPECT_EQ(rne(1.5F), 2);
    EXPECT_EQ(rne(2.5F), 2);
    EXPECT_EQ(rne(-0.5F), 0);
    EXPECT_EQ(rne(-1.5F), -2);
    EXPECT_EQ(rne(-2.5F), -2);
    EXPECT_EQ(rne(4194304.5F), 4194304);
    EXPECT_EQ(rne(4194305.5F), 4194306);
    EXPECT_EQ(rne(8388607.5F), 8388608);
    EXPECT_EQ(rne(-8388606.5F), -8388606);
    EXPECT_EQ(rne(8388609.0F), 8388609);
    EXPECT_EQ(rne(1073741824.0F), 1 << 30);
    EXPECT_EQ(rne(-1073741824.0F), -(1 << 30));
}

// The definition: at most 24 bits kept, the remainder against half.
float int_to_f32_by_definition(int64_t s) {
    const bool negative = s < 0;
    auto a = negative ? uint64_t{0} - static_cast<uint64_t>(s) : static_cast<uint64_t>(s);
    int bits = 0;
    while (bits < 64 && (a >> bits) != 0) ++bits;
    if (bits > 24) {
        const int shift = bits - 24;
        const uint64_t rest = a & ((uint64_t{1} << shift) - 1), half = uint64_t{1} << (shift - 1);
        a >>= shift;
        if (rest > half || (rest == half && (a & 1) != 0)) ++a;
        a <<= shift;
    }
    const auto value = static_cast<float>(static_cast<double>(a));
    return negative ? -value : value;
}

TEST(arithmetic, int_to_f32_rounds_once) {
    uint64_t word = 1;
    for (int i = 0; i < 20000; ++i) {
        const Philox4 w = philox({{static_cast<uint32_t>(i), 0, 0, 9}}, 1, 2);
        word = w.word[0] | uint64_t{w.word[1]} << 32;
        const auto s = static_cast<int64_t>(word) >> (w.word[2] % 63);
        EXPECT_EQ(to_bits(int_to_f32(s)), to_bits(int_to_f32_by_definition(s))) << s;
    }
    for (const int64_t tie :
         {(int64_t{1} << 24) + 1, (int64_t{1} << 24) + 3, (int64_t{1} << 40) + (int64_t{1} << 16)})
        EXPECT_EQ(to_bits(int_to_f32(tie)), to_bits(int_to_f32_by_definition(tie)));
}

TEST(arithmetic, scales_at_their_edges) {
    EXPECT_EQ(sum_scale(to_bits(pow2(-90)) - 1).up, 0.0F);
    EXPECT_EQ(sum_scale(to_bits(pow2(-90))).up, pow2(119));
    EXPECT_EQ(sum_scale(to_bits(3.0F)).up, pow2(28));
    EXPECT_TRUE(row_scale(to_bits(pow2(-60)) - 1, 2).zero);
    EXPECT_EQ(row_scale(to_bits(pow2(-60)), 2).e, -72);
    // 8127 fits two slices, the next float above does not
    EXPECT_EQ(row_scale(to_bits(8127.0F), 2).e, 0);
    EXPECT_EQ(row_scale(to_bits(8127.0F) + 1, 2).e, 1);
    EXPECT_EQ(row_scale(to_bits(127.0F), 1).e, 0);
    EXPECT_EQ(row_scale(to_bits(127.0F) + 1, 1).e, 1);
    EXPECT_EQ(row_scale(to_bits(1040319.0F), 3).e, 0);
    EXPECT_EQ(row_scale(to_bits(1040319.0F) + 1, 3).e, 1);
}

TEST(arithmetic, functions_fault_outside_their_domain) {
    const float infinity = from_bits(kInfinityBits), nan = from_bits(0x7FC00000);
    // The functions are inlined wherever they are called, so each needs one to point at.
    using Function = float (*)(float, bool&);
    const Function exp_of = [](float x, bool& fault) { return exp32(x, fault); };
    const Function log_of = [](float x, bool& fault) { return log32(x, fault); };
    const Function tanh_of = [](float x, bool& fault) { return tanh32(x, fault); };
    const Function sigmoid_of = [](float x, bool& fault) { return sigmoid32(x, fault); };
    const Function gelu_of = [](float x, bool& fault) { return gelu32(x, fault); };
    const auto faults = [](Function f, float x) {
        bool fault = false;
        f(x, fault);
        return fault;
    };
    EXPECT_FALSE(faults(exp_of, 88.0F));
    EXPECT_TRUE(faults(exp_of, from_bits(to_bits(88.0F) + 1)));
    EXPECT_FALSE(faults(exp_of, -3e38F));
    EXPECT_FALSE(faults(log_of, pow2(-126)));
    EXPECT_TRUE(faults(log_of, from_bits(to_bits(pow2(-126)) - 1)));
    EXPECT_TRUE(faults(log_of, 0.0F));
    EXPECT_TRUE(faults(log_of, -1.0F));
    EXPECT_TRUE(faults(gelu_of, 1e13F));  // its cube overflows
    EXPECT_FALSE(faults(gelu_of, 1e12F));
    for (const float bad : {infinity, -infinity, nan}) {
        EXPECT_TRUE(faults(exp_of, bad));
        EXPECT_TRUE(faults(log_of, bad));
        EXPECT_TRUE(faults(tanh_of, bad));
        EXPECT_TRUE(faults(sigmoid_of, bad));
        EXPECT_TRUE(faults(gelu_of, bad));
    }
}

TEST(arithmetic, functions_have_their_stated_values) {
    bool fault = false;
    EXPECT_EQ(exp32(0.0F, fault), 1.0F);
    EXPECT_EQ(exp32(-0.0F, fault), 1.0F);
    EXPECT_EQ(exp32(-87.5F, fault), 0.0F);
    EXPECT_EQ(log32(1.0F, fault), 0.0F);
    EXPECT_EQ(tanh32(20.0F, fault), 1.0F);
    EXPECT_EQ(tanh32(-20.0F, fault), -1.0F);
    EXPECT_EQ(sigmoid32(0.0F, fault), 0.5F);
    EXPECT_EQ(gelu32(0.0F, fault), 0.0F);
    EXPECT_FALSE(fault);
}

// The published vectors of Philox4x32-10.
TEST(philox, published_answers) {
    const Philox4 zero = philox({{0, 0, 0, 0}}, 0, 0);
    EXPECT_EQ(zero.word[0], 0x6627e8d5U);
    EXPECT_EQ(zero.word[1], 0xe169c58dU);
    EXPECT_EQ(zero.word[2], 0xbc57ac4cU);
    EXPECT_EQ(zero.word[3], 0x9b00dbd8U);
    const Philox4 ones = philox({{~0U, ~0U, ~0U, ~0U}}, ~0U, ~0U);
    EXPECT_EQ(ones.word[0], 0x408f276dU);
    EXPECT_EQ(ones.word[1], 0x41c83b0eU);
    EXPECT_EQ(ones.word[2], 0xa20bc7c6U);
    EXPECT_EQ(ones.word[3], 0x6d5451fdU);
    const Philox4 pi =
        philox({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0);
    EXPECT_EQ(pi.word[0], 0xd16cfe09U);
    EXPECT_EQ(pi.word[1], 0x94fdccebU);
    EXPECT_EQ(pi.word[2], 0x5001e420U);
    EXPECT_EQ(pi.word[3], 0x24126ea1U);
}

TEST(philox, below_stays_below_and_handles_the_edges) {
    EXPECT_EQ(below(0, 1, 2, 3), 0U);
    EXPECT_EQ(below(1, 1, 2, 3), 0U);
    for (uint32_t i = 0; i < 1000; ++i) EXPECT_LT(below(7, 42, i, 0), 7U);
    const Philox4 w = philox({{5, 6, 0, 2}}, 9, 0);
    const uint64_t word = w.word[0] | uint64_t{w.word[1]} << 32;
    EXPECT_EQ(below(uint64_t{1} << 63, 9, 5, 6), word >> 1);
}

TEST(schedule, cosine_of_pi_is_accurate_and_exact_at_the_ends) {
    EXPECT_EQ(cos_pi(0.0), 1.0);
    EXPECT_EQ(cos_pi(0.5), 0.0);
    EXPECT_EQ(cos_pi(1.0), -1.0);
    for (int i = 0; i <= 10000; ++i) {
        const double t = i / 10000.0;
        EXPECT_LT(std::fabs(cos_pi(t) - std::cos(3.14159265358979323846 * t)), 1e-15) << t;
        EXPECT_EQ(cos_pi(1.0 - t), -cos_pi(1.0 - (1.0 - t))) << t;
    }
}

TEST(schedule, warms_up_then_falls_to_the_minimum) {
    EXPECT_EQ(learning_rate(0.5, 0.125, 4, 100, 0), 0.125);
    EXPECT_EQ(learning_rate(0.5, 0.125, 4, 100, 3), 0.5);
    EXPECT_EQ(learning_rate(0.5, 0.125, 4, 100, 4), 0.5);
    EXPECT_EQ(learning_rate(0.5, 0.125, 4, 100, 52), 0.3125);  // half way
    EXPECT_EQ(learning_rate(0.5, 0.125, 4, 100, 100), 0.125);
    EXPECT_EQ(learning_rate(0.5, 0.125, 0, 0, 0), 0.125);
    EXPECT_EQ(learning_rate(0.25, 0.25, 0, 10, 7), 0.25);
    for (uint64_t s = 4; s < 99; ++s)
        EXPECT_GT(learning_rate(0.5, 0.1, 4, 100, s), learning_rate(0.5, 0.1, 4, 100, s + 1));
}

// Bits fixed once, so that a compiler that reorders binary64 is caught.
TEST(schedule, known_bits) {
    EXPECT_EQ(pow_int(0.9, 0), 1.0);
    EXPECT_EQ(pow_int(0.5, 10), 0.0009765625);
    EXPECT_EQ(__builtin_bit_cast(uint64_t, pow_int(0.95, 1000)), 0x3b4ffcb2f6993296ULL);
    EXPECT_EQ(__builtin_bit_cast(uint64_t, cos_pi(0.1)), 0x3fee6f0e134454ffULL);
    EXPECT_EQ(__builtin_bit_cast(uint64_t, cos_pi(0.4)), 0x3fd3c6ef372fe94eULL);
}

}  // namespace
}  // namespace assay::compute
