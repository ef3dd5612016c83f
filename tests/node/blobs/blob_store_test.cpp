// The chunk store: what goes in comes out bit for bit, and what is damaged is named and missing.
#include <sys/stat.h>

#include "tests/node/blobs/store_fixture.h"

namespace assay::node {
namespace {

using testing::kMiB;
using testing::pattern;

class BlobStoreTest : public testing::StoreFixture {};

TEST_F(BlobStoreTest, bytes_come_back_at_every_size_around_a_chunk) {
    const auto store = open();
    for (const uint64_t size : {uint64_t{0}, uint64_t{1}, kMiB - 1, kMiB, kMiB + 1, 3 * kMiB}) {
        const auto data = pattern(size, 1);
        const auto stored = store->put_bytes(data);
        ASSERT_TRUE(stored.ok()) << stored.error().message;
        EXPECT_EQ(stored->root, compute::manifest_of(data).root());
        EXPECT_EQ(stored->size, size);
        EXPECT_TRUE(store->has(stored->root));
        EXPECT_EQ(store->get_bytes(stored->root, size).value(), data);
        const auto file = folder_ / "out";
        ASSERT_TRUE(store->materialise(stored->root, file).ok());
        EXPECT_EQ(read(file), data);
    }
    EXPECT_EQ(store->list().size(), 6u);
    EXPECT_TRUE(files_in("tmp").empty());
}

TEST_F(BlobStoreTest, roots_are_those_of_the_format_description) {
    const auto store = open();
    EXPECT_EQ(to_hex(store->put_bytes({})->root),
              "d878e9f6f975bd9c00003f4dccd8dffc8a166dd395bed5a87bb837f5612b54e4");
    EXPECT_EQ(to_hex(store->put_bytes(view_of("abc"))->root),
              "6c4070521c5e6a52ae5aa73e48fbc38c1a36d8b65ad01c2a3f4112addb0433be");
    EXPECT_EQ(to_hex(store->put_bytes(Bytes(2 * kMiB + 1))->root),
              "bd241231c115f03cfd73266e7236c669fa72fe25ffdc3af69dd14e0ab27c802b");
}

TEST_F(BlobStoreTest, a_file_has_the_root_of_its_bytes) {
    const auto store = open();
    const auto data = pattern(2 * kMiB + 77, 2);
    write(folder_ / "in", data);
    const auto stored = store->put_file(folder_ / "in");
    ASSERT_TRUE(stored.ok());
    EXPECT_EQ(stored->root, compute::manifest_of(data).root());
    EXPECT_EQ(store->manifest(stored->root)->chunks, compute::manifest_of(data).chunks);
    EXPECT_EQ(store->read_chunk(stored->root, 2)->size(), 77u);
    EXPECT_EQ(store->usage_bytes(), data.size());
}

TEST_F(BlobStoreTest, sizes_are_limited_with_the_limit_named) {
    const auto store = open(2 * kMiB);
    write(folder_ / "in", pattern(kMiB, 3));
    const auto over = store->put_file(folder_ / "in", kMiB - 1);
    ASSERT_FALSE(over.ok());
    EXPECT_EQ(over.error().code, Code::kLimit);
    EXPECT_NE(over.error().message.find(std::to_string(kMiB - 1)), std::string::npos);

    const auto too_big = store->put_bytes(pattern(2 * kMiB + 1, 3));
    ASSERT_FALSE(too_big.ok());
    EXPECT_EQ(too_big.error().code, Code::kLimit);
    EXPECT_NE(too_big.error().message.find("blobLimitMb"), std::string::npos);
    EXPECT_TRUE(files_in("chunks").empty());

    const auto stored = store->put_file(folder_ / "in", kMiB);
    ASSERT_TRUE(stored.ok());
    EXPECT_EQ(store->get_bytes(stored->root, kMiB - 1).error().code, Code::kLimit);
}

TEST_F(BlobStoreTest, absent_things_are_not_found) {
    const auto store = open();
    const Hash256 nothing{};
    EXPECT_FALSE(store->has(nothing));
    EXPECT_EQ(store->manifest(nothing).error().code, Code::kNotFound);
    EXPECT_EQ(store->missing_chunks(nothing).error().code, Code::kNotFound);
    EXPECT_EQ(store->read_chunk(nothing, 0).error().code, Code::kNotFound);
    EXPECT_EQ(store->put_chunk(nothing, 0, {}).error().code, Code::kNotFound);
    EXPECT_EQ(store->get_bytes(nothing, 1).error().code, Code::kNotFound);
    EXPECT_EQ(store->materialise(nothing, folder_ / "out").error().code, Code::kNotFound);
    EXPECT_EQ(store->remove(nothing).error().code, Code::kNotFound);
    EXPECT_EQ(store->put_file(folder_ / "nothing").error().code, Code::kNotFound);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(BlobStoreTest, chunks_that_arrive_are_checked_before_they_are_visible) {
    const auto store = open();
    const auto data = pattern(2 * kMiB + 5, 4);
    const auto manifest = compute::manifest_of(data);
    const auto root = manifest.root();

    auto wrong = manifest;
    std::swap(wrong.chunks[0], wrong.chunks[1]);
    EXPECT_EQ(store->put_manifest(root, wrong).error().code, Code::kCorrupt);
    wrong = manifest;
    wrong.size += 1;
    EXPECT_EQ(store->put_manifest(root, wrong).error().code, Code::kCorrupt);
    EXPECT_TRUE(files_in("manifests").empty());

    ASSERT_TRUE(store->put_manifest(root, manifest).ok());
    EXPECT_EQ(store->missing_chunks(root).value(), (std::vector<uint32_t>{0, 1, 2}));
    const ByteView whole(data);
    auto tampered = bytes_of(whole.subspan(0, kMiB));
    tampered[kMiB / 2] ^= 1;
    EXPECT_EQ(store->put_chunk(root, 0, tampered).error().code, Code::kCorrupt);
    EXPECT_EQ(store->put_chunk(root, 1, whole.subspan(0, kMiB)).error().code, Code::kCorrupt);
    EXPECT_EQ(store->put_chunk(root, 2, whole.subspan(2 * kMiB - 1)).error().code, Code::kCorrupt);
    EXPECT_EQ(store->put_chunk(root, 3, {}).error().code, Code::kCorrupt);
    EXPECT_TRUE(files_in("chunks").empty());

    ASSERT_TRUE(store->put_chunk(root, 2, whole.subspan(2 * kMiB)).ok());
    ASSERT_TRUE(store->put_chunk(root, 0, whole.subspan(0, kMiB)).ok());
    EXPECT_EQ(store->missing_chunks(root).value(), std::vector<uint32_t>{1});
    EXPECT_FALSE(store->has(root));
    EXPECT_EQ(store->get_bytes(root, data.size()).error().code, Code::kNotFound);
    ASSERT_TRUE(store->put_chunk(root, 1, whole.subspan(kMiB, kMiB)).ok());
    EXPECT_TRUE(store->has(root));
    EXPECT_EQ(store->get_bytes(root, data.size()).value(), data);
    EXPECT_EQ(store->read_chunk(root, 3).error().code, Code::kInvalidArgument);
}

TEST_F(BlobStoreTest, a_flipped_bit_on_disk_is_named_and_the_chunk_becomes_missing) {
    const auto store = open();
    const auto data = pattern(3 * kMiB, 5);
    const auto root = store->put_bytes(data)->root;
    const auto file = chunk_file(compute::manifest_of(data).chunks[1]);
    auto bytes = read(file);
    bytes[12345] ^= 0x40;
    write(file, bytes);

    EXPECT_TRUE(store->has(root));  // the size still fits: only reading tells
    const auto damaged = store->get_bytes(root, data.size());
    ASSERT_FALSE(damaged.ok());
    EXPECT_EQ(damaged.error().code, Code::kCorrupt);
    EXPECT_NE(damaged.error().message.find(to_hex(root) + " chunk 1"), std::string::npos);
    EXPECT_NE(damaged.error().message.find(file.string()), std::string::npos);
    EXPECT_EQ(store->missing_chunks(root).value(), std::vector<uint32_t>{1});

    ASSERT_TRUE(store->put_chunk(root, 1, ByteView(data).subspan(kMiB, kMiB)).ok());
    EXPECT_EQ(store->get_bytes(root, data.size()).value(), data);
}

TEST_F(BlobStoreTest, damage_of_every_kind_is_found_by_materialise) {
    const auto store = open();
    const auto data = pattern(kMiB + 100, 6);
    const auto leaf = compute::manifest_of(data).chunks[1];
    const Bytes longer(kMiB + 1);
    for (const auto& bad : {Bytes{}, Bytes(99), Bytes(100), Bytes(101), longer}) {
        const auto root = store->put_bytes(data)->root;
        write(chunk_file(leaf), bad);
        EXPECT_EQ(store->materialise(root, folder_ / "out").error().code, Code::kCorrupt);
        EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
        EXPECT_FALSE(store->has(root));
    }
}

TEST_F(BlobStoreTest, putting_again_repairs_a_damaged_chunk) {
    const auto store = open();
    const auto data = pattern(kMiB, 7);
    const auto root = store->put_bytes(data)->root;
    const auto file = chunk_file(compute::manifest_of(data).chunks[0]);
    write(file, Bytes(kMiB, 0xaa));
    ASSERT_TRUE(store->put_bytes(data).ok());
    EXPECT_EQ(store->get_bytes(root, kMiB).value(), data);
}

TEST_F(BlobStoreTest, a_damaged_manifest_is_named_removed_and_can_come_again) {
    const auto data = pattern(2 * kMiB, 8);
    const auto manifest = compute::manifest_of(data);
    const auto root = manifest.root();
    const auto file = folder_ / "store" / "manifests" / to_hex(root);
    ASSERT_TRUE(open()->put_bytes(data).ok());
    for (size_t i = 0; i < 72; i += 5) {
        auto bytes = compute::encode(manifest);
        bytes[i] ^= 1;
        write(file, bytes);
        const auto store = open();  // as after a restart
        EXPECT_FALSE(store->has(root));
        write(file, bytes);
        const auto damaged = store->manifest(root);
        ASSERT_FALSE(damaged.ok());
        EXPECT_EQ(damaged.error().code, Code::kCorrupt);
        EXPECT_NE(damaged.error().message.find(file.string()), std::string::npos);
        EXPECT_EQ(store->manifest(root).error().code, Code::kNotFound);
        ASSERT_TRUE(store->put_manifest(root, manifest).ok());
        EXPECT_TRUE(store->has(root));  // the chunks were not lost with it
    }
}

TEST_F(BlobStoreTest, materialise_replaces_a_file_whole_or_not_at_all) {
    const auto store = open();
    const auto data = pattern(2 * kMiB, 9);
    const auto root = store->put_bytes(data)->root;
    write(folder_ / "out", bytes_of("before"));
    write(chunk_file(compute::manifest_of(data).chunks[1]), bytes_of("damage"));
    EXPECT_FALSE(store->materialise(root, folder_ / "out").ok());
    EXPECT_EQ(read(folder_ / "out"), bytes_of("before"));
    ASSERT_TRUE(store->put_bytes(data).ok());
    ASSERT_TRUE(store->materialise(root, folder_ / "out").ok());
    EXPECT_EQ(read(folder_ / "out"), data);
    EXPECT_EQ(store->materialise(root, folder_ / "no" / "out").error().code, Code::kNotFound);
}

TEST_F(BlobStoreTest, removing_keeps_chunks_that_another_artifact_names) {
    const auto store = open();
    auto first = pattern(2 * kMiB, 10);
    auto second = first;
    second[2 * kMiB - 1] ^= 1;  // shares chunk 0
    const auto a = store->put_bytes(first)->root;
    const auto b = store->put_bytes(second)->root;
    EXPECT_EQ(store->usage_bytes(), 3 * kMiB);
    ASSERT_TRUE(store->remove(a).ok());
    EXPECT_FALSE(store->has(a));
    EXPECT_EQ(store->get_bytes(b, 2 * kMiB).value(), second);
    EXPECT_EQ(store->usage_bytes(), 2 * kMiB);
    ASSERT_TRUE(store->remove(b).ok());
    EXPECT_EQ(store->usage_bytes(), 0u);
    EXPECT_TRUE(store->list().empty());
}

TEST_F(BlobStoreTest, a_chunk_repeated_in_one_artifact_is_stored_once_and_removed) {
    const auto store = open();
    const Bytes zeros(3 * kMiB);
    const auto root = store->put_bytes(zeros)->root;
    EXPECT_EQ(store->usage_bytes(), kMiB);
    EXPECT_EQ(store->get_bytes(root, 3 * kMiB).value(), zeros);
    ASSERT_TRUE(store->remove(root).ok());
    EXPECT_TRUE(files_in("chunks").empty());
}

TEST_F(BlobStoreTest, files_that_the_store_did_not_name_are_left_alone) {
    const auto store = open();
    const auto root = store->put_bytes(pattern(10, 11))->root;
    const auto folder = folder_ / "store" / "manifests";
    write(folder / "README", bytes_of("x"));
    write(folder / std::string(64, 'Z'), bytes_of("x"));
    write(folder / std::string(64, 'A'), bytes_of("x"));
    ASSERT_EQ(store->list().size(), 1u);
    EXPECT_EQ(store->list()[0].root, root);
    EXPECT_EQ(files_in("manifests").size(), 4u);
}

}  // namespace
}  // namespace assay::node
