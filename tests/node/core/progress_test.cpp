// Progress: one line drawn again on a terminal, lines now and then in a pipe, else nothing.
#include "node/core/progress.h"

#include <gtest/gtest.h>

#include <sstream>

namespace assay::node {
namespace {

using Style = ProgressLine::Style;
using std::chrono::milliseconds;
using std::chrono::seconds;

class ProgressTest : public ::testing::Test {
protected:
    ProgressLine line(Style style) {
        return {out_, style, [this] { return now_; }};
    }
    std::ostringstream out_;
    ProgressLine::Clock::time_point now_{};
};

TEST_F(ProgressTest, ATerminalsLineIsDrawnAgainAndCleared) {
    {
        auto shown = line(Style::kTerminal);
        shown.show("one");
        shown.show("too soon");
        now_ += milliseconds(100);
        shown.show("two");
    }
    EXPECT_EQ(out_.str(), "\r\033[Kone\r\033[Ktwo\r\033[K");
}

TEST_F(ProgressTest, APipeGetsNothingOfAShortCommandAndWholeLinesOfALongOne) {
    {
        auto shown = line(Style::kLines);
        shown.show("at once");
        now_ += seconds(5);
        shown.show("one");
        shown.show("too soon");
        now_ += seconds(5);
        shown.show("two");
        shown.clear();
    }
    EXPECT_EQ(out_.str(), "one\ntwo\n");
}

TEST_F(ProgressTest, SilentIsSilent) {
    auto shown = line(Style::kSilent);
    now_ += seconds(60);
    shown.show("one");
    shown.clear();
    EXPECT_EQ(out_.str(), "");
}

TEST_F(ProgressTest, SharesOfBytes) {
    EXPECT_EQ(share_text(2'500'000, 0), "2.5 MB");
    EXPECT_EQ(share_text(500'000'000, 2'000'000'000), "25% of 2.0 GB");
}

}  // namespace
}  // namespace assay::node
