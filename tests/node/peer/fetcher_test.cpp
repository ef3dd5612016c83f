// Fetching artifacts from honest, lying, partial and interrupted peers.
#include "node/peer/fetcher.h"

#include "node/peer/credentials.h"
#include "peer.grpc.pb.h"
#include "tests/node/peer/peer_fixture.h"

namespace assay::node {
namespace {

using testing::identity_of;
using testing::kChain;
using testing::kMiB;
using testing::pattern;

// A peer with a valid certificate that serves a store its own way.
class LyingPeer final : public pb::Peer::Service {
public:
    LyingPeer(BlobStore& store, uint8_t key) : store_(store) {
        grpc::ServerBuilder builder;
        builder.AddListeningPort("127.0.0.1:0", *server_credentials(identity_of(key), kChain),
                                 &port_);
        builder.RegisterService(this);
        server_ = builder.BuildAndStart();
    }
    ~LyingPeer() override { server_->Shutdown(); }
    std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

    grpc::Status Manifest(grpc::ServerContext*, const pb::ArtifactRequest* request,
                          pb::ManifestReply* reply) override {
        manifests += 1;
        const auto manifest = store_.manifest(*hash_from(view_of(request->root())));
        if (!manifest.ok()) return {grpc::StatusCode::NOT_FOUND, "not here"};
        auto encoded = compute::encode(*manifest);
        if (wrong_manifest) encoded.back() ^= 1;
        reply->set_manifest(encoded.data(), encoded.size());
        return grpc::Status::OK;
    }
    grpc::Status Chunks(grpc::ServerContext*, const pb::ChunkRequest* request,
                        grpc::ServerWriter<pb::ChunkReply>* writer) override {
        transfers += 1;
        uint32_t sent = 0;
        for (const uint32_t index : request->index()) {
            {
                const std::lock_guard lock(mutex_);
                requested_.push_back(index);
            }
            if (sent++ == cut_after) return {grpc::StatusCode::UNAVAILABLE, "going away"};
            const auto chunk = store_.read_chunk(*hash_from(view_of(request->root())), index);
            if (!chunk.ok()) return {grpc::StatusCode::NOT_FOUND, "not here"};
            pb::ChunkReply reply;
            reply.set_index(index + shift_index);
            reply.set_data(chunk->data(), chunk->size());
            if (index == tampered_chunk) (*reply.mutable_data())[17] ^= 4;
            if (index == short_chunk) reply.mutable_data()->pop_back();
            if (!writer->Write(reply)) break;
            if (repeat && !writer->Write(reply)) break;
        }
        return grpc::Status::OK;
    }
    std::vector<uint32_t> requested() {
        const std::lock_guard lock(mutex_);
        return requested_;
    }

    static constexpr uint32_t kNever = ~uint32_t{0};
    std::atomic<uint32_t> cut_after{kNever}, tampered_chunk{kNever}, short_chunk{kNever};
    std::atomic<uint32_t> shift_index{0};
    std::atomic<bool> wrong_manifest{false}, repeat{false};
    std::atomic<int> manifests{0}, transfers{0};

private:
    BlobStore& store_;
    int port_ = 0;
    std::unique_ptr<grpc::Server> server_;
    std::mutex mutex_;
    std::vector<uint32_t> requested_;  // guarded by mutex_
};

class FetcherTest : public testing::PeerFixture {
protected:
    FetcherTest() : source_(open(uint64_t{1} << 30, "source")), store_(open()) {
        stored_ = source_->put_bytes(data_).value();
    }
    Fetcher fetcher() { return {*store_, identity_of(kClientKey), kChain}; }
    Hash256 root() const { return stored_.root; }
    Bytes fetched() const { return store_->get_bytes(root(), data_.size()).value(); }
    std::string honest_endpoint() {
        honest_ = std::make_unique<LyingPeer>(*source_, 8);  // that tells no lie
        return honest_->endpoint();
    }

    const Bytes data_ = pattern(4 * kMiB + 123, 1);
    std::unique_ptr<BlobStore> source_, store_;
    StoredArtifact stored_;
    std::unique_ptr<LyingPeer> honest_;
};

TEST_F(FetcherTest, brings_a_whole_artifact_from_a_peer) {
    const auto server = serve();
    ASSERT_TRUE(server_store_->put_bytes(data_).ok());
    std::vector<uint64_t> progress;
    auto from = fetcher();
    const auto done =
        from.fetch(root(), data_.size(), {endpoint(*server)}, [&](uint64_t here, uint64_t total) {
            EXPECT_EQ(total, 5u);
            progress.push_back(here);
        });
    ASSERT_TRUE(done.ok()) << done.error().message;
    EXPECT_EQ(progress, (std::vector<uint64_t>{1, 2, 3, 4, 5}));
    EXPECT_EQ(fetched(), data_);
    // Here already: no peer is needed.
    EXPECT_TRUE(from.fetch(root(), data_.size(), {}).ok());
}

TEST_F(FetcherTest, asks_who_offered_it_when_nobody_else_has_it) {
    const auto server = serve();
    ASSERT_TRUE(server_store_->put_bytes(data_).ok());
    auto from = fetcher();
    EXPECT_EQ(from.fetch(root(), data_.size(), {}).error().code, Code::kNotFound);
    EXPECT_EQ(from.take_offer(root(), 1, endpoint(*server)).error().code, Code::kCorrupt);
    EXPECT_EQ(from.take_offer(root(), data_.size(), "127.0.0.1:1").error().code,
              Code::kUnavailable);
    EXPECT_EQ(from.fetch(root(), data_.size(), {}).error().code, Code::kNotFound);
    ASSERT_TRUE(from.take_offer(root(), data_.size(), endpoint(*server)).ok());
    EXPECT_FALSE(store_->manifest(root()).ok());  // an offer alone stores nothing
    ASSERT_TRUE(from.fetch(root(), data_.size(), {}).ok());
    EXPECT_EQ(fetched(), data_);
    EXPECT_TRUE(from.take_offer(root(), data_.size(), "127.0.0.1:1").ok());  // it is here
}

TEST_F(FetcherTest, who_offered_it_is_asked_before_all_others) {
    LyingPeer other(*source_, 7);
    auto from = fetcher();
    ASSERT_TRUE(from.take_offer(root(), data_.size(), honest_endpoint()).ok());
    ASSERT_TRUE(from.fetch(root(), data_.size(), {other.endpoint()}).ok());
    EXPECT_EQ(fetched(), data_);
    EXPECT_EQ(other.manifests, 0);
}

TEST_F(FetcherTest, a_silent_peer_is_passed_over_and_not_asked_again_at_once) {
    const testing::SilentPort silent;
    auto from = fetcher();
    const auto refused = from.fetch(root(), data_.size(), {silent.endpoint()});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kTimeout);
    const auto again = from.fetch(root(), data_.size(), {silent.endpoint()});
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, Code::kTimeout);
    EXPECT_NE(again.error().message.find("not asked after"), std::string::npos);
    // Also when the manifest is here already.
    ASSERT_TRUE(store_->put_manifest(root(), source_->manifest(root()).value()).ok());
    const testing::SilentPort another;
    const auto done = from.fetch(root(), data_.size(),
                                 {silent.endpoint(), another.endpoint(), honest_endpoint()});
    ASSERT_TRUE(done.ok()) << done.error().message;
    EXPECT_EQ(fetched(), data_);
}

TEST_F(FetcherTest, a_transfer_that_nobody_wants_any_more_ends) {
    std::atomic<bool> stop{false};
    auto from = fetcher();
    uint64_t last = 0;
    const auto ended = from.fetch(
        root(), data_.size(), {honest_endpoint()},
        [&](uint64_t here, uint64_t) {
            last = here;
            stop = true;
        },
        &stop);
    ASSERT_FALSE(ended.ok());
    EXPECT_EQ(ended.error().code, Code::kUnavailable);
    EXPECT_EQ(last, 1U);
    EXPECT_EQ(store_->missing_chunks(root()).value().size(), 4U);
    EXPECT_TRUE(from.fetch(root(), data_.size(), {honest_->endpoint()}).ok());
}

TEST_F(FetcherTest, an_artifact_of_more_chunks_than_one_request_and_an_empty_one) {
    const auto server = serve();
    const Bytes zeros((kChunksPerFetch + 3) * kMiB);  // one chunk, many times
    const auto many = server_store_->put_bytes(zeros)->root;
    const auto empty = server_store_->put_bytes({})->root;
    auto from = fetcher();
    ASSERT_TRUE(from.fetch(many, zeros.size(), {endpoint(*server)}).ok());
    EXPECT_EQ(store_->get_bytes(many, zeros.size()).value(), zeros);
    ASSERT_TRUE(from.fetch(empty, 0, {endpoint(*server)}).ok());
    EXPECT_TRUE(store_->get_bytes(empty, 0).value().empty());
}

TEST_F(FetcherTest, a_tampered_chunk_is_refused_the_peer_dropped_and_another_used) {
    LyingPeer liar(*source_, 7);
    liar.tampered_chunk = 2;
    auto from = fetcher();
    const auto refused = from.fetch(root(), data_.size(), {liar.endpoint()});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kCorrupt);
    EXPECT_NE(refused.error().message.find("peer " + liar.endpoint()), std::string::npos);
    EXPECT_NE(refused.error().message.find("chunk 2 does not match its hash"), std::string::npos);
    // What came before it was good and is kept; nothing bad is.
    EXPECT_EQ(store_->missing_chunks(root()).value(), (std::vector<uint32_t>{2, 3, 4}));

    const auto again = from.fetch(root(), data_.size(), {liar.endpoint()});
    EXPECT_NE(again.error().message.find("not asked after"), std::string::npos);
    const auto done = from.fetch(root(), data_.size(), {liar.endpoint(), honest_endpoint()});
    ASSERT_TRUE(done.ok()) << done.error().message;
    EXPECT_EQ(liar.transfers, 1);
    EXPECT_EQ(honest_->requested(), (std::vector<uint32_t>{2, 3, 4}));
    EXPECT_EQ(fetched(), data_);
}

TEST_F(FetcherTest, every_lie_about_chunks_is_refused) {
    const auto lies = std::vector<std::function<void(LyingPeer&)>>{
        [](LyingPeer& peer) { peer.tampered_chunk = 0; },
        [](LyingPeer& peer) { peer.tampered_chunk = 4; },
        [](LyingPeer& peer) { peer.short_chunk = 4; },
        [](LyingPeer& peer) { peer.short_chunk = 0; },
        [](LyingPeer& peer) { peer.shift_index = 1; },
        [](LyingPeer& peer) { peer.shift_index = 1000; },
        [](LyingPeer& peer) { peer.repeat = true; },
        [](LyingPeer& peer) { peer.wrong_manifest = true; },
    };
    for (size_t i = 0; i < lies.size(); ++i) {
        const auto name = "lie" + std::to_string(i);
        const auto store = open(uint64_t{1} << 30, name);
        LyingPeer liar(*source_, 7);
        lies[i](liar);
        Fetcher from(*store, identity_of(kClientKey), kChain);
        const auto refused = from.fetch(root(), data_.size(), {liar.endpoint()});
        ASSERT_FALSE(refused.ok()) << name;
        EXPECT_EQ(refused.error().code, Code::kCorrupt) << refused.error().message;
        EXPECT_FALSE(store->has(root()));
        ASSERT_TRUE(from.fetch(root(), data_.size(), {liar.endpoint(), honest_endpoint()}).ok());
        EXPECT_EQ(store->get_bytes(root(), data_.size()).value(), data_);
    }
}

TEST_F(FetcherTest, an_interrupted_transfer_goes_on_with_the_missing_chunks_only) {
    LyingPeer peer(*source_, 7);
    peer.cut_after = 2;
    // Each round brings two chunks, so that the transfer ends well by itself.
    ASSERT_TRUE(fetcher().fetch(root(), data_.size(), {peer.endpoint()}).ok());
    EXPECT_EQ(peer.manifests, 1);
    EXPECT_EQ(peer.requested(), (std::vector<uint32_t>{0, 1, 2, 2, 3, 4, 4}));
    EXPECT_EQ(fetched(), data_);
}

TEST_F(FetcherTest, a_transfer_goes_on_in_a_new_process_and_with_another_peer) {
    auto first = std::make_unique<LyingPeer>(*source_, 7);
    first->cut_after = 0;
    EXPECT_EQ(fetcher().fetch(root(), 0, {first->endpoint()}).error().code, Code::kUnavailable);
    EXPECT_EQ(store_->missing_chunks(root())->size(), 5u);
    ASSERT_TRUE(store_->put_chunk(root(), 3, ByteView(data_).subspan(3 * kMiB, kMiB)).ok());
    first.reset();
    store_ = open();  // as after a restart
    ASSERT_TRUE(fetcher().fetch(root(), 0, {"127.0.0.1:1", honest_endpoint()}).ok());
    EXPECT_EQ(honest_->requested(), (std::vector<uint32_t>{0, 1, 2, 4}));
    EXPECT_EQ(honest_->manifests, 1);  // whether it answers
    EXPECT_EQ(fetched(), data_);
}

TEST_F(FetcherTest, peers_with_different_parts_make_a_whole) {
    const auto half = [&](const std::string& name, const std::vector<uint32_t>& indices) {
        auto store = open(uint64_t{1} << 30, name);
        EXPECT_TRUE(store->put_manifest(root(), compute::manifest_of(data_)).ok());
        for (const uint32_t i : indices) {
            EXPECT_TRUE(store->put_chunk(root(), i, source_->read_chunk(root(), i).value()).ok());
        }
        return store;
    };
    const auto low = half("low", {0, 1, 2});
    const auto high = half("high", {2, 3, 4});
    LyingPeer one(*low, 6), two(*high, 7);
    ASSERT_TRUE(fetcher().fetch(root(), 0, {one.endpoint(), two.endpoint()}).ok());
    EXPECT_EQ(fetched(), data_);
}

TEST_F(FetcherTest, nobody_has_it_is_not_found_with_every_peer_named) {
    const auto server = serve();
    auto from = fetcher();
    EXPECT_EQ(from.fetch(root(), 0, {}).error().code, Code::kNotFound);
    const auto none = from.fetch(root(), 0, {endpoint(*server)});
    EXPECT_EQ(none.error().code, Code::kNotFound);
    EXPECT_NE(none.error().message.find(endpoint(*server)), std::string::npos);
    const auto absent = from.fetch(root(), 0, {"127.0.0.1:1", endpoint(*server)});
    EXPECT_EQ(absent.error().code, Code::kUnavailable);
    EXPECT_NE(absent.error().message.find("127.0.0.1:1"), std::string::npos);
    EXPECT_NE(absent.error().message.find(endpoint(*server)), std::string::npos);
}

TEST_F(FetcherTest, a_size_that_is_not_the_ledgers_is_refused_before_any_chunk) {
    for (const uint64_t size : {data_.size() - 1, data_.size() + 1}) {
        const auto refused = fetcher().fetch(root(), size, {honest_endpoint()});
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().code, Code::kCorrupt);
        EXPECT_NE(refused.error().message.find(std::to_string(size)), std::string::npos);
        EXPECT_TRUE(honest_->requested().empty());
        EXPECT_TRUE(store_->list().empty());
    }
}

TEST_F(FetcherTest, an_artifact_larger_than_the_store_is_refused_without_blaming_the_peer) {
    const auto small = open(kMiB, "small");
    Fetcher from(*small, identity_of(kClientKey), kChain);
    const auto refused = from.fetch(root(), 0, {honest_endpoint()});
    EXPECT_EQ(refused.error().code, Code::kLimit);
    EXPECT_TRUE(honest_->requested().empty());
    EXPECT_EQ(from.fetch(root(), 0, {honest_->endpoint()}).error().code, Code::kLimit);
    EXPECT_EQ(honest_->manifests, 2);
}

TEST_F(FetcherTest, threads_that_want_the_same_artifact_fetch_it_once) {
    const auto peer = honest_endpoint();
    auto from = fetcher();
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            if (from.fetch(root(), 0, {peer}).ok()) ++good;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 4);
    EXPECT_EQ(honest_->requested(), (std::vector<uint32_t>{0, 1, 2, 3, 4}));
}

TEST_F(FetcherTest, a_damaged_chunk_is_fetched_again_after_it_was_found) {
    ASSERT_TRUE(fetcher().fetch(root(), 0, {honest_endpoint()}).ok());
    write(chunk_file(compute::manifest_of(data_).chunks[3]), Bytes(kMiB));
    EXPECT_EQ(store_->get_bytes(root(), data_.size()).error().code, Code::kCorrupt);
    ASSERT_TRUE(fetcher().fetch(root(), 0, {honest_endpoint()}).ok());
    EXPECT_EQ(honest_->requested(), std::vector<uint32_t>{3});
    EXPECT_EQ(fetched(), data_);
}

TEST_F(FetcherTest, stop_refuses_later_transfers) {
    auto from = fetcher();
    from.stop();
    EXPECT_EQ(from.fetch(root(), 0, {honest_endpoint()}).error().code, Code::kUnavailable);
    EXPECT_TRUE(honest_->requested().empty());
}

}  // namespace
}  // namespace assay::node
