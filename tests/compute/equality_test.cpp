// 300 steps have the same bits on every backend and thread count, and through kill -9 and resuming
// elsewhere. tests/soak runs 10,000.
#include "tests/compute/equality.h"

#include <algorithm>

#include "tests/support/test.h"

namespace assay::compute {
namespace {

using testing::Roots;

// The first step at which they differ, or -1.
int64_t first_difference(const Roots& a, const Roots& b) {
    const size_t common = std::min(a.size(), b.size());
    for (size_t i = 0; i < common; ++i)
        if (a[i] != b[i]) return static_cast<int64_t>(i);
    return a.size() == b.size() ? -1 : static_cast<int64_t>(common);
}

TEST(Equality, EveryMachineHasTheSameRootAtEveryOfThreeHundredSteps) {
    const auto training = testing::equality_training(300);
    const auto expected = testing::run(training, {"portable", 1});
    ASSERT_TRUE(expected.ok());
    ASSERT_EQ(expected->size(), 300u);
    for (size_t i = 1; i < expected->size(); ++i) EXPECT_NE((*expected)[i], (*expected)[i - 1]);
    for (const auto& machine : testing::machines()) {
        const auto roots = testing::run(training, machine);
        ASSERT_TRUE(roots.ok()) << machine.text();
        EXPECT_EQ(first_difference(*roots, *expected), -1) << machine.text();
    }
}

TEST(Equality, KillsAndOtherMachinesLeaveNoTrace) {
    const auto training = testing::equality_training(300);
    const auto expected = testing::run(training, {"portable", 2});
    ASSERT_TRUE(expected.ok());
    int kills = 0;
    const auto roots = testing::run_with_kills(training, testing::machines(), 120, kills);
    ASSERT_TRUE(roots.ok()) << roots.error().message;
    EXPECT_GE(kills, 1);
    EXPECT_EQ(first_difference(*roots, *expected), -1);
}

TEST(Equality, MachinesThatTakeTurnsLeaveNoTrace) {
    const auto training = testing::equality_training(60);
    const auto expected = testing::run(training, {"portable", 1});
    ASSERT_TRUE(expected.ok());
    const auto roots = testing::run_in_turns(training, testing::machines(), 7);
    ASSERT_TRUE(roots.ok()) << roots.error().message;
    EXPECT_EQ(first_difference(*roots, *expected), -1);
}

TEST(Equality, AnotherSeedHasOtherRoots) {
    auto training = testing::equality_training(3);
    const auto one = testing::run(training, {"portable", 1});
    ++training.job.seed;
    const auto other = testing::run(training, {"portable", 1});
    ASSERT_TRUE(one.ok() && other.ok());
    EXPECT_EQ(first_difference(*one, *other), 0);
}

}  // namespace
}  // namespace assay::compute
