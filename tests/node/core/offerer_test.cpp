// Offers reach everybody within their time, and are made again.
#include "node/core/offerer.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::node {
namespace {

using std::chrono::milliseconds;

class OffererTest : public ::testing::Test {
protected:
    OfferHooks hooks() {
        return {[this] { return targets_; }, [this] { return std::vector<pb::ArtifactRef>(own_); },
                [this](const std::string& endpoint, const pb::ArtifactRef& ref) -> Status {
                    const std::lock_guard lock(mutex_);
                    calls_ += 1;
                    asked_.insert(endpoint + "/" + ref.root());
                    if (endpoint == refuses_) return fail(Code::kUnavailable, "no way there");
                    return {};
                }};
    }
    static pb::ArtifactRef ref(const std::string& root) {
        pb::ArtifactRef ref;
        ref.set_root(root);
        return ref;
    }
    size_t asked() {
        const std::lock_guard lock(mutex_);
        return asked_.size();
    }

    std::vector<std::string> targets_;
    std::vector<pb::ArtifactRef> own_;
    std::string refuses_;
    std::mutex mutex_;
    size_t calls_ = 0;             // guarded by mutex_
    std::set<std::string> asked_;  // guarded by mutex_
};

TEST_F(OffererTest, everybody_is_asked_once) {
    for (int i = 0; i < 500; ++i) targets_.push_back(std::to_string(i));
    refuses_ = "77";
    Offerer offerer(hooks(), std::chrono::minutes(5));
    const auto outcome = offerer.offer({ref("a")});
    EXPECT_EQ(outcome.asked, 500U);
    EXPECT_EQ(outcome.reachable, 499U);
    EXPECT_EQ(outcome.reason, "no way there");
    EXPECT_EQ(calls_, 500U);
    EXPECT_EQ(asked(), 500U);
}

TEST_F(OffererTest, nobody_there_is_no_failure) {
    Offerer offerer(hooks());
    const auto outcome = offerer.offer({ref("a")});
    EXPECT_EQ(outcome.asked, 0U);
    EXPECT_EQ(outcome.reason, "");
}

TEST_F(OffererTest, a_spent_budget_ends_it) {
    targets_ = {"a", "b"};
    Offerer offerer(hooks(), milliseconds(0));
    EXPECT_EQ(offerer.offer({ref("a")}).asked, 0U);
}

TEST_F(OffererTest, running_jobs_are_offered_again_and_again) {
    targets_ = {"x", "y"};
    own_ = {ref("a"), ref("b")};
    Offerer offerer(hooks(), std::chrono::minutes(5), milliseconds(1));
    offerer.start();
    const auto repeated = [this] {
        const std::lock_guard lock(mutex_);
        return asked_.size() == 4 && calls_ >= 12;
    };
    for (int i = 0; i < 2'000 && !repeated(); ++i) std::this_thread::sleep_for(milliseconds(10));
    EXPECT_TRUE(repeated());
    offerer.stop();
}

}  // namespace
}  // namespace assay::node
