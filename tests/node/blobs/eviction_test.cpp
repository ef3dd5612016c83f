// The size limit: the artifacts used longest ago go first, pinned ones never.
#include "tests/node/blobs/store_fixture.h"

namespace assay::node {
namespace {

using testing::kMiB;
using testing::pattern;

class EvictionTest : public testing::StoreFixture {
protected:
    Hash256 put(BlobStore& store, uint8_t seed) {
        const auto stored = store.put_bytes(pattern(kMiB, seed));
        EXPECT_TRUE(stored.ok());
        return stored->root;
    }
    // Last used `hours` ago.
    void age(const Hash256& root, int hours) {
        std::filesystem::last_write_time(
            folder_ / "store" / "manifests" / to_hex(root),
            std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
    }
};

TEST_F(EvictionTest, the_artifact_used_longest_ago_goes_first) {
    const auto store = open(3 * kMiB);
    const auto a = put(*store, 1);
    const auto b = put(*store, 2);
    const auto c = put(*store, 3);
    age(a, 1);
    age(b, 3);
    age(c, 2);
    const auto d = put(*store, 4);
    EXPECT_TRUE(store->has(a));
    EXPECT_FALSE(store->has(b));
    EXPECT_TRUE(store->has(c));
    EXPECT_TRUE(store->has(d));
    EXPECT_EQ(store->usage_bytes(), 3 * kMiB);
}

TEST_F(EvictionTest, every_way_to_read_is_a_use) {
    for (int way = 0; way < 3; ++way) {
        const auto store = open(2 * kMiB);
        const auto a = put(*store, 1);
        const auto b = put(*store, 2);
        age(a, 3);
        age(b, 2);
        const bool read = way == 0   ? store->get_bytes(a, kMiB).ok()
                          : way == 1 ? store->read_chunk(a, 0).ok()
                                     : store->materialise(a, folder_ / "out").ok();
        ASSERT_TRUE(read);
        const auto c = put(*store, 3);
        EXPECT_TRUE(store->has(a)) << way;
        EXPECT_FALSE(store->has(b)) << way;
        EXPECT_TRUE(store->has(c)) << way;
        ASSERT_TRUE(store->remove(a).ok());
        ASSERT_TRUE(store->remove(c).ok());
    }
}

TEST_F(EvictionTest, a_pinned_artifact_is_never_evicted) {
    const auto store = open(2 * kMiB);
    const auto a = put(*store, 1);
    const auto b = put(*store, 2);
    age(a, 3);
    age(b, 2);
    store->pin(a);
    EXPECT_TRUE(store->pinned(a));
    const auto c = put(*store, 3);
    EXPECT_TRUE(store->has(a));
    EXPECT_FALSE(store->has(b));
    store->pin(c);
    const auto d = put(*store, 4);  // all else is pinned: what is being stored stays
    EXPECT_TRUE(store->has(a) && store->has(c) && store->has(d));
    EXPECT_EQ(store->usage_bytes(), 3 * kMiB);
    store->unpin(a);
    age(a, 3);
    const auto e = put(*store, 5);
    EXPECT_FALSE(store->has(a));
    EXPECT_TRUE(store->has(c) && store->has(e));
}

TEST_F(EvictionTest, pins_survive_a_restart) {
    Hash256 a;
    {
        const auto store = open(2 * kMiB);
        a = put(*store, 1);
        store->pin(a);
    }
    const auto store = open(kMiB);
    age(a, 3);
    put(*store, 2);
    EXPECT_TRUE(store->has(a));
}

TEST_F(EvictionTest, an_artifact_still_arriving_makes_room_for_all_its_chunks) {
    const auto store = open(3 * kMiB);
    const auto a = put(*store, 1);
    const auto b = put(*store, 2);
    age(a, 3);
    age(b, 2);
    const auto data = pattern(2 * kMiB, 3);
    const auto manifest = compute::manifest_of(data);
    ASSERT_TRUE(store->put_manifest(manifest.root(), manifest).ok());
    EXPECT_FALSE(store->has(a));
    EXPECT_TRUE(store->has(b));
    for (uint32_t i = 0; i < 2; ++i) {
        ASSERT_TRUE(
            store->put_chunk(manifest.root(), i, ByteView(data).subspan(i * kMiB, kMiB)).ok());
    }
    EXPECT_TRUE(store->has(manifest.root()));
    EXPECT_EQ(store->usage_bytes(), 3 * kMiB);
}

TEST_F(EvictionTest, shared_chunks_count_once_and_stay_with_the_other_artifact) {
    const auto store = open(3 * kMiB);
    auto one = pattern(2 * kMiB, 1);
    auto two = one;
    two.back() ^= 1;
    const auto a = store->put_bytes(one)->root;
    const auto b = store->put_bytes(two)->root;
    EXPECT_TRUE(store->has(a) && store->has(b));  // 3 MiB on disk, not 4
    age(a, 3);
    const auto c = put(*store, 9);
    EXPECT_FALSE(store->has(a));
    EXPECT_EQ(store->get_bytes(b, 2 * kMiB).value(), two);
    EXPECT_TRUE(store->has(c));
}

TEST_F(EvictionTest, chunks_without_a_manifest_go_when_space_is_needed) {
    const auto store = open(2 * kMiB);
    const auto a = put(*store, 1);
    // As a process leaves it that ends before its manifest.
    const auto orphan = pattern(kMiB, 2);
    const auto file = chunk_file(compute::chunk_hash(orphan));
    std::filesystem::create_directories(file.parent_path());
    write(file, orphan);
    const auto b = put(*store, 3);
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_TRUE(store->has(a) && store->has(b));
}

}  // namespace
}  // namespace assay::node
