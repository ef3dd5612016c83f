// A slot's work: its result is stored and remembered, and a restart never chooses another salt.
#include "node/agent/local_task.h"

#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "tests/node/agent/agent_fixture.h"

namespace assay::node {
namespace {

using testing::expected_output;
using testing::import_text;
using testing::small_spec;
using testing::to_ref;

class LocalTaskTest : public ::testing::Test {
protected:
    LocalTaskTest() : services_(make_services()) {
        data_ = import_text(folder_.path());
        spec_ = small_spec(to_ref(blobs_->put_file(data_).value()), 1, 1);
        const Hash256 id = {{7}};
        task_.set_id(id.bytes.data(), id.bytes.size());
        task_.add_inputs();  // no root: initial weights
    }
    TaskServices make_services() {
        ProviderConfig config;
        config.backend = "portable";
        return TaskServices{
            *blobs_,
            [this](const pb::ArtifactRef& ref, const pb::Task&, const FetchWatch& watch) -> Status {
                ++fetches_;
                if (hang_) hang_(watch);
                const auto root = hash_from(view_of(ref.root()));
                if (root && blobs_->has(*root)) return {};
                return fail(Code::kNotFound, "no peer has it");
            },
            [this]() -> Result<Hash256> {
                if (!random_works_) return fail(Code::kIo, "no random bytes");
                Hash256 salt;
                salt.bytes.fill(++salts_);
                return salt;
            },
            folder_.path() / "work",
            ASSAY_EXECUTABLE,
            config};
    }
    // Runs to its end.
    LocalTask::Phase finish(LocalTask& task) {
        task.start();
        while (task.phase() != LocalTask::Phase::kDone &&
               task.phase() != LocalTask::Phase::kFailed) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return task.phase();
    }
    Bytes stored(const pb::ArtifactRef& ref) {
        return blobs_->get_bytes(*hash_from(view_of(ref.root())), 1 << 24).value();
    }

    const ScratchFolder folder_ = ScratchFolder::make({}, "assay-task-").value();
    std::unique_ptr<BlobStore> blobs_ = BlobStore::open(folder_.path() / "blobs", {}).value();
    TaskServices services_;
    std::filesystem::path data_;
    pb::JobSpec spec_;
    pb::Task task_;
    int fetches_ = 0;
    std::function<void(const FetchWatch&)> hang_;
    uint8_t salts_ = 0;
    bool random_works_ = true;
};

TEST_F(LocalTaskTest, StoresTheOutputAndItsTrace) {
    LocalTask task(services_, task_, spec_);
    ASSERT_EQ(finish(task), LocalTask::Phase::kDone) << task.error();
    const auto result = task.result();
    EXPECT_FALSE(result.diverged);
    EXPECT_EQ(result.salt, Bytes(32, 1));
    EXPECT_EQ(stored(result.output), expected_output(spec_, data_, folder_.path()));
    EXPECT_FALSE(stored(result.trace).empty());
    EXPECT_EQ(fetches_, 1);
}

TEST_F(LocalTaskTest, ARestartGoesOnWithTheSameSalt) {
    LocalResult first;
    {
        LocalTask task(services_, task_, spec_);
        ASSERT_EQ(finish(task), LocalTask::Phase::kDone) << task.error();
        first = task.result();
    }
    LocalTask again(services_, task_, spec_);
    ASSERT_EQ(finish(again), LocalTask::Phase::kDone) << again.error();
    EXPECT_EQ(again.result().salt, first.salt);
    EXPECT_EQ(again.result().output.root(), first.output.root());
    EXPECT_EQ(salts_, 1);
    EXPECT_EQ(fetches_, 1);  // nothing was computed again
}

// A salt that can be guessed shows the result behind a commitment to the other replicas.
TEST_F(LocalTaskTest, WithoutRandomBytesThereIsNoResult) {
    random_works_ = false;
    LocalTask task(services_, task_, spec_);
    ASSERT_EQ(finish(task), LocalTask::Phase::kFailed);
    EXPECT_NE(task.error().find("no random bytes"), std::string::npos) << task.error();
    EXPECT_FALSE(
        std::filesystem::exists(services_.work / to_hex(view_of(task_.id())) / "result.json"));
}

TEST_F(LocalTaskTest, ADamagedResultMeansStartingOver) {
    std::string root;
    {
        LocalTask task(services_, task_, spec_);
        ASSERT_EQ(finish(task), LocalTask::Phase::kDone) << task.error();
        root = task.result().output.root();
    }
    const auto file = services_.work / to_hex(view_of(task_.id())) / "result.json";
    const auto whole = read_text(file, 1 << 16).value();
    int salt = 1;
    for (const std::string& damaged :
         {std::string(), whole.substr(0, whole.size() / 2), std::string("{}"), std::string("[")}) {
        ASSERT_TRUE(write_text(file, damaged, 0600).ok());
        LocalTask task(services_, task_, spec_);
        ASSERT_EQ(finish(task), LocalTask::Phase::kDone) << task.error();
        EXPECT_EQ(task.result().output.root(), root);
        EXPECT_EQ(task.result().salt, Bytes(32, static_cast<uint8_t>(++salt)));
    }
}

TEST_F(LocalTaskTest, ALostOutputMeansStartingOver) {
    Hash256 root;
    {
        LocalTask task(services_, task_, spec_);
        ASSERT_EQ(finish(task), LocalTask::Phase::kDone) << task.error();
        root = *hash_from(view_of(task.result().output.root()));
    }
    ASSERT_TRUE(blobs_->remove(root).ok());
    LocalTask task(services_, task_, spec_);
    ASSERT_EQ(finish(task), LocalTask::Phase::kDone) << task.error();
    EXPECT_TRUE(blobs_->has(root));
}

TEST_F(LocalTaskTest, ACrashingTrainerFailsTheTaskOnly) {
    services_.config.fault = "crash";
    LocalTask task(services_, task_, spec_);
    ASSERT_EQ(finish(task), LocalTask::Phase::kFailed);
    EXPECT_NE(task.error().find("signal 6"), std::string::npos) << task.error();
}

// What a training process started meanwhile may use of address space.
class AddressSpaceLimit {
public:
    explicit AddressSpaceLimit(rlim_t bytes) {
        EXPECT_EQ(::getrlimit(RLIMIT_AS, &before_), 0);
        const rlimit limited{bytes, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_AS, &limited), 0);
    }
    ~AddressSpaceLimit() { EXPECT_EQ(::setrlimit(RLIMIT_AS, &before_), 0); }
    AddressSpaceLimit(const AddressSpaceLimit&) = delete;
    AddressSpaceLimit& operator=(const AddressSpaceLimit&) = delete;

private:
    rlimit before_{};
};

TEST_F(LocalTaskTest, ATrainerOutOfMemoryFailsTheTaskOnly) {
    const AddressSpaceLimit limit(1 << 30);
    pb::JobSpec large = spec_;
    large.mutable_model()->mutable_gpt()->set_d_model(8192);  // 800 million parameters
    LocalTask task(services_, task_, large);
    ASSERT_EQ(finish(task), LocalTask::Phase::kFailed);
    EXPECT_NE(task.error().find("parameters and moments need 9691889664 bytes of memory"),
              std::string::npos)
        << task.error();

    LocalTask next(services_, task_, spec_);
    ASSERT_EQ(finish(next), LocalTask::Phase::kDone) << next.error();
    EXPECT_EQ(stored(next.result().output), expected_output(spec_, data_, folder_.path()));
}

TEST_F(LocalTaskTest, TheWrongResultFaultDiffersInOneBit) {
    services_.config.fault = "wrong-result";
    LocalTask task(services_, task_, spec_);
    ASSERT_EQ(finish(task), LocalTask::Phase::kDone) << task.error();
    auto lie = stored(task.result().output);
    const auto truth = expected_output(spec_, data_, folder_.path());
    ASSERT_EQ(lie.size(), truth.size());
    EXPECT_NE(lie, truth);
    lie.back() ^= 1;
    EXPECT_EQ(lie, truth);
}

TEST_F(LocalTaskTest, StopEndsAFetchThatNobodyAnswers) {
    spec_.mutable_data()->set_root(std::string(32, 'x'));
    LocalTask task(services_, task_, spec_);
    task.start();
    while (task.phase() != LocalTask::Phase::kFetching) std::this_thread::yield();
    task.stop();
    EXPECT_EQ(task.phase(), LocalTask::Phase::kFailed);
    EXPECT_FALSE(task.error().empty());
}

// A fetch may hang for minutes: who asks the task to stop has other slots to see to.
TEST_F(LocalTaskTest, ARequestToStopDoesNotWaitForAFetch) {
    std::atomic<bool> entered{false};
    std::atomic<bool> released{false};
    std::atomic<bool> told{false};
    hang_ = [&](const FetchWatch& watch) {
        entered = true;
        while (!released) std::this_thread::yield();
        told = watch.stop.load();
    };
    spec_.mutable_data()->set_root(std::string(32, 'x'));
    LocalTask task(services_, task_, spec_);
    task.start();
    while (!entered) std::this_thread::yield();
    task.request_stop();
    EXPECT_FALSE(task.ended());
    released = true;
    task.stop();
    EXPECT_TRUE(task.ended());
    EXPECT_TRUE(told);
}

// A source that answers nothing is no reason to accept an offer.
TEST_F(LocalTaskTest, InputsAreComingOnceAPieceOfThemCame) {
    std::atomic<int> step{0};
    hang_ = [&](const FetchWatch& watch) {
        step = 1;
        while (step != 2 && !watch.stop) std::this_thread::yield();
        watch.on_progress();
        step = 3;
        while (!watch.stop) std::this_thread::yield();
    };
    spec_.mutable_data()->set_root(std::string(32, 'x'));
    LocalTask task(services_, task_, spec_);
    task.start();
    while (step != 1) std::this_thread::yield();
    EXPECT_FALSE(task.inputs_coming());
    step = 2;
    while (step != 3) std::this_thread::yield();
    EXPECT_TRUE(task.inputs_coming());
    task.stop();
    EXPECT_FALSE(task.inputs_coming());
}

TEST_F(LocalTaskTest, DiscardRemovesTheFolder) {
    LocalTask task(services_, task_, spec_);
    ASSERT_EQ(finish(task), LocalTask::Phase::kDone) << task.error();
    ASSERT_TRUE(std::filesystem::exists(task.folder()));
    task.discard();
    EXPECT_FALSE(std::filesystem::exists(task.folder()));
}

}  // namespace
}  // namespace assay::node
