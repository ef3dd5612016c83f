// Following the head through peers that stop, lie or fall silent.
#include "node/peer/block_sync.h"

#include "tests/node/peer/peer_fixture.h"

namespace assay::node {
namespace {

using testing::eventually;
using testing::identity_of;
using testing::kChain;

class BlockSyncTest : public testing::PeerFixture {
protected:
    BlockSyncHooks hooks() {
        BlockSyncHooks hooks;
        hooks.next_height = [this] { return height_ + 1; };
        hooks.apply = [this](ByteView block) -> Status {
            const auto height = testing::height_in(block);
            if (height <= height_) return fail(Code::kAlreadyExists, "a known block");
            if (height != height_ + 1) return fail(Code::kConflict, "not the next block");
            if (refuse_) return fail(Code::kCorrupt, "header.app_hash: does not fit");
            height_ = height;
            return {};
        };
        hooks.warn = [this](const std::string& text) {
            const std::lock_guard lock(mutex_);
            warnings_.push_back(text);
        };
        return hooks;
    }
    BlockSync sync(std::vector<std::string> peers, uint64_t idle_ms = kBlockStreamIdleMs) {
        return {std::move(peers), identity_of(kClientKey), kChain, hooks(), idle_ms};
    }
    bool warned(const std::string& words) {
        const std::lock_guard lock(mutex_);
        for (const auto& text : warnings_) {
            if (text.find(words) != std::string::npos) return true;
        }
        return false;
    }

    std::atomic<uint64_t> height_{0};
    std::atomic<bool> refuse_{false};
    std::mutex mutex_;
    std::vector<std::string> warnings_;  // guarded by mutex_
};

TEST_F(BlockSyncTest, catches_up_and_stays_at_the_head) {
    const auto server = serve();
    for (int i = 0; i < 20; ++i) engine_.commit();
    auto following = sync({endpoint(*server)});
    following.start();
    EXPECT_TRUE(eventually([&] { return height_ == 20; }));
    EXPECT_TRUE(following.connected());
    EXPECT_EQ(following.peer(), endpoint(*server));
    engine_.commit();
    EXPECT_TRUE(eventually([&] { return height_ == 21; }));
    following.stop();
    EXPECT_FALSE(following.connected());
    engine_.commit();
    EXPECT_EQ(height_, 21u);
}

TEST_F(BlockSyncTest, names_the_peer_it_follows_and_why_it_left_another) {
    const auto server = serve();
    auto following = sync({"127.0.0.1:1", endpoint(*server)});
    following.start();
    EXPECT_TRUE(eventually([&] { return following.peer() == endpoint(*server); }));
    EXPECT_NE(following.error_of("127.0.0.1:1").find("127.0.0.1:1"), std::string::npos);
    EXPECT_EQ(following.error_of(endpoint(*server)), "");
    following.stop();
    EXPECT_EQ(following.peer(), "");
}

TEST_F(BlockSyncTest, is_connected_before_there_is_a_block) {
    const auto server = serve();
    auto following = sync({endpoint(*server)});
    following.start();
    EXPECT_TRUE(eventually([&] { return following.connected(); }));
    EXPECT_EQ(height_, 0u);
}

TEST_F(BlockSyncTest, goes_on_where_it_was_after_the_peer_restarts) {
    auto server = serve();
    const auto port = server->port();
    for (int i = 0; i < 3; ++i) engine_.commit();
    auto following = sync({endpoint(*server)});
    following.start();
    EXPECT_TRUE(eventually([&] { return height_ == 3; }));
    server->stop();
    server.reset();
    EXPECT_TRUE(eventually([&] { return !following.connected(); }));
    for (int i = 0; i < 3; ++i) engine_.commit();
    PeerServerConfig config;
    config.port = port;
    server = serve(config);
    EXPECT_TRUE(eventually([&] { return height_ == 6; }));
}

TEST_F(BlockSyncTest, a_bad_block_is_reported_and_another_peer_taken) {
    testing::FakeEngine liar;  // one block ahead, which apply refuses
    for (int i = 0; i < 2; ++i) liar.commit();
    PeerServerConfig config;
    config.chain_id = kChain;
    config.identity = identity_of(7);
    auto store = open();
    auto lying = PeerServer::start(config, liar, *store);
    ASSERT_TRUE(lying.ok());
    const auto server = serve();
    engine_.commit();
    refuse_ = true;
    auto following = sync({endpoint(**lying), endpoint(*server)});
    following.start();
    EXPECT_TRUE(eventually([&] {
        return warned(endpoint(**lying) + ": header.app_hash") &&
               warned(endpoint(*server) + ": header.app_hash");
    }));
    EXPECT_EQ(height_, 0u);
    refuse_ = false;
    EXPECT_TRUE(eventually([&] { return height_ >= 1; }));
}

TEST_F(BlockSyncTest, a_silent_peer_is_left_for_one_that_has_blocks) {
    testing::FakeEngine silent;
    PeerServerConfig config;
    config.chain_id = kChain;
    config.identity = identity_of(7);
    auto store = open();
    auto stuck = PeerServer::start(config, silent, *store);
    ASSERT_TRUE(stuck.ok());
    const auto server = serve();
    for (int i = 0; i < 4; ++i) engine_.commit();
    auto following = sync({endpoint(**stuck), endpoint(*server)}, 300);
    following.start();
    EXPECT_TRUE(eventually([&] { return height_ == 4; }));
    EXPECT_TRUE(warned(endpoint(**stuck) + " sent no block"));
}

TEST_F(BlockSyncTest, an_absent_peer_is_passed_over) {
    const auto server = serve();
    engine_.commit();
    auto following = sync({"127.0.0.1:1", endpoint(*server)});
    following.start();
    EXPECT_TRUE(eventually([&] { return height_ == 1; }));
    EXPECT_TRUE(warned("127.0.0.1:1"));
}

TEST_F(BlockSyncTest, stops_while_no_peer_answers) {
    auto following = sync({"127.0.0.1:1"});
    following.start();
    EXPECT_TRUE(eventually([&] { return warned("127.0.0.1:1"); }));
    following.stop();
    following.stop();
    EXPECT_FALSE(following.connected());
}

}  // namespace
}  // namespace assay::node
