// The peer service between two endpoints of one process.
#include "node/peer/credentials.h"
#include "peer.grpc.pb.h"
#include "tests/node/peer/peer_fixture.h"

namespace assay::node {
namespace {

using testing::eventually;
using testing::identity_of;
using testing::kChain;
using testing::key_of;
using testing::kMiB;
using testing::pattern;

class PeerServiceTest : public testing::PeerFixture {
protected:
    // Below PeerClient, to send what it never would.
    static std::unique_ptr<pb::Peer::Stub> stub(const PeerServer& server) {
        const auto credentials = channel_credentials(identity_of(kClientKey), kChain);
        return pb::Peer::NewStub(grpc::CreateChannel(endpoint(server), *credentials));
    }
};

TEST_F(PeerServiceTest, status_tells_chain_height_and_hashes) {
    const auto server = serve();
    engine_.commit();
    engine_.commit();
    const auto head = client(*server)->status();
    ASSERT_TRUE(head.ok()) << head.error().message;
    EXPECT_EQ(head->chain_id, kChain);
    EXPECT_EQ(head->height, 2u);
    EXPECT_EQ(head->head_hash, engine_.head_hash());
    EXPECT_EQ(head->genesis_hash, compute::chunk_hash(view_of("genesis")));
}

TEST_F(PeerServiceTest, relay_hands_the_bytes_to_the_engine_and_brings_its_answer) {
    const auto server = serve();
    const auto peer = client(*server);
    EXPECT_EQ(peer->relay(view_of("first"))->code, ledger::TxCode::kOk);
    engine_.answer = ledger::TxCode::kNotAccepting;
    const auto answer = peer->relay(view_of("second"));
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->code, ledger::TxCode::kNotAccepting);
    EXPECT_EQ(answer->log, "as told");
    EXPECT_EQ(engine_.submitted(), (std::vector<Bytes>{bytes_of("first"), bytes_of("second")}));
}

// An offer leads back to who made it, whatever the caller says: no third party can be named.
TEST_F(PeerServiceTest, an_offer_names_the_callers_own_address) {
    std::string offered;
    PeerServerConfig config;
    config.on_offer = [&](const Hash256&, uint64_t size, const std::string& at) -> Status {
        offered = at + " " + std::to_string(size);
        if (size == 13) return fail(Code::kUnavailable, "cannot be reached");
        return {};
    };
    const auto server = serve(config);
    const auto root = compute::chunk_hash(view_of("artifact"));
    EXPECT_TRUE(client(*server)->offer(root, 7, 4321).ok());
    EXPECT_EQ(offered, "127.0.0.1:4321 7");
    const auto refused = client(*server)->offer(root, 13, 4321);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kUnavailable);
    EXPECT_NE(refused.error().message.find("cannot be reached"), std::string::npos);
    EXPECT_EQ(client(*server)->offer(root, 7, 0).error().code, Code::kInvalidArgument);
}

// A ledger key is free to make: however many of them call from one host, others get their turn.
TEST_F(PeerServiceTest, offers_under_way_are_limited_by_the_callers_host) {
    std::atomic<uint32_t> under_way{0};
    std::atomic<bool> released{false};
    PeerServerConfig config;
    config.on_offer = [&](const Hash256&, uint64_t, const std::string&) -> Status {
        under_way += 1;
        while (!released) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return {};
    };
    const auto server = serve(config);
    const auto root = compute::chunk_hash(view_of("artifact"));
    std::vector<std::thread> callers;
    for (uint8_t i = 0; i < kMaxOffersAtOncePerHost; ++i) {
        callers.emplace_back([&, i] {
            const auto key = identity_of(static_cast<uint8_t>(10 + i));
            EXPECT_TRUE(client(*server, key)->offer(root, 7, 4321).ok());
        });
    }
    EXPECT_TRUE(eventually([&] { return under_way == kMaxOffersAtOncePerHost; }));
    const auto refused = client(*server, identity_of(30))->offer(root, 7, 4321);
    released = true;
    for (auto& caller : callers) caller.join();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kLimit);
    EXPECT_TRUE(client(*server, identity_of(30))->offer(root, 7, 4321).ok());
}

TEST_F(PeerServiceTest, sizes_and_counts_are_limited) {
    const auto server = serve();
    const auto peer = client(*server);
    EXPECT_EQ(peer->relay(Bytes(64 * 1024 + 1)).error().code, Code::kInvalidArgument);
    EXPECT_EQ(peer->relay(Bytes(5 << 20)).error().code, Code::kLimit);
    EXPECT_TRUE(engine_.submitted().empty());

    const auto root = server_store_->put_bytes(pattern(10, 1))->root;
    std::vector<uint32_t> many(kMaxChunksPerRequest + 1);
    for (uint32_t i = 0; i < many.size(); ++i) many[i] = i;
    const auto refused = peer->chunks(root, many, [](uint32_t, ByteView) { return Status(); });
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_NE(refused.error().message.find("256"), std::string::npos);

    grpc::ClientContext context;
    pb::ArtifactRequest request;
    request.set_root("31 bytes are no root, nor are 33");
    request.mutable_root()->pop_back();
    pb::ManifestReply reply;
    EXPECT_EQ(stub(*server)->Manifest(&context, request, &reply).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(PeerServiceTest, artifacts_are_served_as_they_are_stored) {
    const auto server = serve();
    const auto peer = client(*server);
    const auto data = pattern(2 * kMiB + 9, 2);
    const auto root = server_store_->put_bytes(data)->root;
    const auto manifest = peer->manifest(root);
    ASSERT_TRUE(manifest.ok()) << manifest.error().message;
    EXPECT_EQ(manifest->chunks, compute::manifest_of(data).chunks);

    std::map<uint32_t, Bytes> got;
    const auto done = peer->chunks(root, {2, 0, 2}, [&](uint32_t index, ByteView chunk) {
        got[index] = bytes_of(chunk);
        return Status();
    });
    EXPECT_TRUE(done.ok());
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0], bytes_of(ByteView(data).subspan(0, kMiB)));
    EXPECT_EQ(got[2], bytes_of(ByteView(data).subspan(2 * kMiB)));

    EXPECT_EQ(peer->manifest(Hash256{}).error().code, Code::kNotFound);
    const auto none = [](uint32_t, ByteView) { return Status(); };
    EXPECT_EQ(peer->chunks(Hash256{}, {0}, none).error().code, Code::kNotFound);
    EXPECT_EQ(peer->chunks(root, {3}, none).error().code, Code::kInvalidArgument);
}

TEST_F(PeerServiceTest, a_damaged_chunk_is_not_served_and_its_path_not_told) {
    const auto server = serve();
    const auto data = pattern(kMiB, 3);
    const auto root = server_store_->put_bytes(data)->root;
    write(chunk_file(compute::manifest_of(data).chunks[0], "server"), Bytes(kMiB));
    int chunks = 0;
    const auto refused = client(*server)->chunks(root, {0}, [&](uint32_t, ByteView) {
        ++chunks;
        return Status();
    });
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(chunks, 0);
    EXPECT_EQ(refused.error().message.find(folder_.string()), std::string::npos);
}

TEST_F(PeerServiceTest, the_callers_error_ends_a_transfer_with_the_peer_named) {
    const auto server = serve();
    const auto root = server_store_->put_bytes(pattern(3 * kMiB, 4))->root;
    int chunks = 0;
    const auto ended = client(*server)->chunks(root, {0, 1, 2}, [&](uint32_t, ByteView) -> Status {
        ++chunks;
        return fail(Code::kIo, "no space left");
    });
    ASSERT_FALSE(ended.ok());
    EXPECT_EQ(chunks, 1);
    EXPECT_EQ(ended.error().code, Code::kIo);
    EXPECT_EQ(ended.error().message, "peer " + endpoint(*server) + ": no space left");
}

TEST_F(PeerServiceTest, an_access_rule_decides_by_ledger_address) {
    PeerServerConfig config;
    const auto friend_address = key_of(kClientKey).address();
    config.allow = [friend_address](const ledger::Address& who) { return who == friend_address; };
    const auto server = serve(config);
    EXPECT_TRUE(client(*server)->status().ok());
    const auto stranger = client(*server, identity_of(9));
    EXPECT_EQ(stranger->status().error().code, Code::kUnauthorized);
    EXPECT_EQ(stranger->relay(view_of("tx")).error().code, Code::kUnauthorized);
    EXPECT_EQ(stranger->manifest(Hash256{}).error().code, Code::kUnauthorized);
    const std::atomic<bool> stop{false};
    BlockStream stream;
    stream.on_block = [](ByteView) { return Status(); };
    EXPECT_EQ(stranger->follow_blocks(1, stream, stop).error().code, Code::kUnauthorized);
    EXPECT_TRUE(engine_.submitted().empty());
}

TEST_F(PeerServiceTest, a_caller_beyond_its_rate_is_told_so_and_others_are_served) {
    const auto server = serve();
    const auto peer = client(*server);
    Code last = Code::kOk;
    for (int i = 0; i < 20 * kPeerRequestBurst && last == Code::kOk; ++i) {
        const auto head = peer->status();
        last = head.ok() ? Code::kOk : head.error().code;
    }
    EXPECT_EQ(last, Code::kLimit);
    EXPECT_TRUE(client(*server, identity_of(9))->status().ok());
}

TEST_F(PeerServiceTest, blocks_stored_and_new_ones_arrive_in_order) {
    const auto server = serve();
    for (int i = 0; i < 5; ++i) engine_.commit();
    std::mutex mutex;
    std::vector<uint64_t> heights;
    std::atomic<bool> stop{false}, open{false};
    BlockStream stream;
    stream.on_open = [&] { open = true; };
    stream.on_block = [&](ByteView block) {
        const std::lock_guard lock(mutex);
        heights.push_back(testing::height_in(block));
        return Status();
    };
    Status ended = fail(Code::kInternal, "still running");
    std::thread follower([&] { ended = client(*server)->follow_blocks(3, stream, stop); });
    const auto count = [&] {
        const std::lock_guard lock(mutex);
        return heights.size();
    };
    EXPECT_TRUE(eventually([&] { return count() == 3; }));
    EXPECT_TRUE(open);
    engine_.commit();
    engine_.commit();
    EXPECT_TRUE(eventually([&] { return count() == 5; }));
    stop = true;
    follower.join();
    EXPECT_TRUE(ended.ok());
    EXPECT_EQ(heights, (std::vector<uint64_t>{3, 4, 5, 6, 7}));
}

TEST_F(PeerServiceTest, without_follow_the_stream_ends_at_the_head) {
    const auto server = serve();
    for (int i = 0; i < 3; ++i) engine_.commit();
    grpc::ClientContext context;
    pb::BlocksRequest request;  // from 0: from the first
    const auto peer = stub(*server);
    const auto reader = peer->Blocks(&context, request);
    pb::BlockReply reply;
    std::vector<uint64_t> heights;
    while (reader->Read(&reply)) heights.push_back(testing::height_in(view_of(reply.block())));
    EXPECT_TRUE(reader->Finish().ok());
    EXPECT_EQ(heights, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(PeerServiceTest, stopping_the_server_ends_open_streams_and_frees_the_engine) {
    auto server = serve();
    EXPECT_EQ(engine_.listeners(), 1u);
    const auto peer = client(*server);
    std::atomic<bool> stop{false}, open{false};
    BlockStream stream;
    stream.on_open = [&] { open = true; };
    stream.on_block = [](ByteView) { return Status(); };
    Status ended;
    std::thread follower([&] { ended = peer->follow_blocks(1, stream, stop); });
    EXPECT_TRUE(eventually([&] { return open.load(); }));
    server->stop();
    follower.join();
    ASSERT_FALSE(ended.ok());
    EXPECT_EQ(ended.error().code, Code::kUnavailable);
    EXPECT_EQ(engine_.listeners(), 0u);
    server->stop();  // again: nothing happens
    engine_.commit();
    EXPECT_EQ(peer->status().error().code, Code::kUnavailable);
}

TEST_F(PeerServiceTest, a_silent_stream_is_given_up) {
    const auto server = serve();
    BlockStream stream;
    stream.idle_ms = 200;
    stream.on_block = [](ByteView) { return Status(); };
    const std::atomic<bool> stop{false};
    const auto ended = client(*server)->follow_blocks(1, stream, stop);
    ASSERT_FALSE(ended.ok());
    EXPECT_EQ(ended.error().code, Code::kTimeout);
}

TEST_F(PeerServiceTest, streams_of_one_caller_are_limited_and_a_closed_one_frees_its_place) {
    const auto server = serve();
    const auto peer = stub(*server);
    std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
    std::vector<std::unique_ptr<grpc::ClientReader<pb::BlockReply>>> readers;
    pb::BlocksRequest request;
    request.set_follow(true);
    for (uint32_t i = 0; i < kMaxStreamsPerPeer; ++i) {
        contexts.push_back(std::make_unique<grpc::ClientContext>());
        readers.push_back(peer->Blocks(contexts.back().get(), request));
        readers.back()->WaitForInitialMetadata();
        ASSERT_TRUE(contexts.back()->GetServerInitialMetadata().contains(kBlockStreamOpen)) << i;
    }
    const auto one_more = [&] {
        grpc::ClientContext context;
        pb::BlocksRequest now;
        const auto reader = peer->Blocks(&context, now);
        pb::BlockReply reply;
        while (reader->Read(&reply)) {
        }
        return reader->Finish().error_code();
    };
    EXPECT_EQ(one_more(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    contexts.front()->TryCancel();
    EXPECT_EQ(readers.front()->Finish().error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_TRUE(eventually([&] { return one_more() == grpc::StatusCode::OK; }));
    for (auto& context : contexts) context->TryCancel();
    for (size_t i = 1; i < readers.size(); ++i) {
        EXPECT_EQ(readers[i]->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
}

TEST_F(PeerServiceTest, cancel_ends_calls_under_way_and_later_ones) {
    const auto server = serve();
    const auto peer = client(*server);
    std::atomic<bool> stop{false}, open{false};
    BlockStream stream;
    stream.on_open = [&] { open = true; };
    stream.on_block = [](ByteView) { return Status(); };
    Status ended;
    std::thread follower([&] { ended = peer->follow_blocks(1, stream, stop); });
    EXPECT_TRUE(eventually([&] { return open.load(); }));
    peer->cancel();
    follower.join();
    EXPECT_EQ(ended.error().code, Code::kUnavailable);
    EXPECT_EQ(peer->status().error().code, Code::kUnavailable);
}

TEST_F(PeerServiceTest, a_port_in_use_is_named_with_its_remedy) {
    const auto server = serve();
    PeerServerConfig config;
    config.port = server->port();
    config.chain_id = kChain;
    config.identity = identity_of(kServerKey);
    const auto second = PeerServer::start(config, engine_, *server_store_);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, Code::kUnavailable);
    EXPECT_NE(second.error().message.find(std::to_string(server->port())), std::string::npos);
    EXPECT_NE(second.error().message.find("Remedy"), std::string::npos);
    EXPECT_EQ(engine_.listeners(), 1u);
}

TEST_F(PeerServiceTest, nobody_there_is_unavailable) {
    PeerClient peer("127.0.0.1:1", identity_of(kClientKey), kChain);
    const auto head = peer.status();
    ASSERT_FALSE(head.ok());
    EXPECT_EQ(head.error().code, Code::kUnavailable);
    EXPECT_NE(head.error().message.find("127.0.0.1:1"), std::string::npos);
}

}  // namespace
}  // namespace assay::node
