// Several threads and several processes in one folder.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/node/blobs/store_fixture.h"

namespace assay::node {
namespace {

using testing::kMiB;
using testing::pattern;

constexpr uint64_t kSize = kMiB + 4096;

class WritersTest : public testing::StoreFixture {};

// Every writer puts every artifact, so all of them write the same files at once; true when each
// read back what it put.
bool put_and_read_all(BlobStore& store, uint8_t first) {
    for (uint8_t i = 0; i < 6; ++i) {
        const auto data = pattern(kSize, static_cast<uint8_t>((first + i) % 6));
        const auto stored = store.put_bytes(data);
        if (!stored.ok()) return false;
        const auto back = store.get_bytes(stored->root, kSize);
        if (!back.ok() || *back != data) return false;
    }
    return true;
}

TEST_F(WritersTest, threads_of_one_store_and_of_several_write_the_same_artifacts) {
    const auto shared = open();
    std::vector<std::unique_ptr<BlobStore>> own;
    std::vector<std::thread> threads;
    std::vector<int> good(6);
    for (size_t i = 0; i < good.size(); ++i) {
        if (i % 2 == 1) own.push_back(open());
        BlobStore& store = i % 2 == 1 ? *own.back() : *shared;
        threads.emplace_back([&store, &good, i] {
            good[i] = put_and_read_all(store, static_cast<uint8_t>(i)) ? 1 : 0;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, std::vector<int>(6, 1));
    EXPECT_EQ(shared->list().size(), 6u);
    EXPECT_TRUE(files_in("tmp").empty());
}

TEST_F(WritersTest, processes_write_the_same_artifacts) {
    std::vector<pid_t> children;
    for (uint8_t i = 0; i < 4; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto store = BlobStore::open(folder_ / "store", {uint64_t{1} << 30});
            ::_exit(store.ok() && put_and_read_all(**store, i) ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = -1;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    const auto store = open();
    EXPECT_EQ(store->list().size(), 6u);
    for (const auto& artifact : store->list()) EXPECT_TRUE(store->has(artifact.root));
    EXPECT_TRUE(files_in("tmp").empty());
}

// Removal by one process never takes a chunk from an artifact that another has just put.
TEST_F(WritersTest, removing_and_putting_artifacts_with_shared_chunks_loses_nothing) {
    auto kept = pattern(kSize, 1);
    auto doomed = kept;
    doomed.back() ^= 1;  // shares chunk 0 with `kept`
    const pid_t child = ::fork();
    if (child == 0) {
        const auto store = BlobStore::open(folder_ / "store", {uint64_t{1} << 30});
        bool good = store.ok();
        for (int i = 0; good && i < 40; ++i) {
            const auto stored = (*store)->put_bytes(doomed);
            good = stored.ok() && (*store)->remove(stored->root).ok();
        }
        ::_exit(good ? 0 : 1);
    }
    const auto store = open();
    for (int i = 0; i < 40; ++i) {
        const auto stored = store->put_bytes(kept);
        ASSERT_TRUE(stored.ok()) << stored.error().message;
        ASSERT_EQ(store->get_bytes(stored->root, kSize).value(), kept);
        ASSERT_TRUE(store->remove(stored->root).ok());
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(files_in("chunks").empty());
}

TEST_F(WritersTest, a_killed_writer_leaves_only_whole_chunks) {
    const pid_t child = ::fork();
    if (child == 0) {
        const auto store = BlobStore::open(folder_ / "store", {uint64_t{1} << 30});
        for (uint8_t seed = 0; store.ok(); ++seed) {
            (void)(*store)->put_bytes(pattern(kSize, seed)).ok();
        }
        ::_exit(1);
    }
    // Killed at whatever it does after its first chunk.
    while (!std::filesystem::exists(folder_ / "store" / "chunks") || files_in("chunks").empty()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    for (const auto& name : files_in("chunks")) {
        const auto data = read(folder_ / "store" / "chunks" / name.substr(0, 2) / name);
        EXPECT_EQ(to_hex(compute::chunk_hash(data)), name);
    }
    const auto store = open();
    for (const auto& artifact : store->list()) {
        EXPECT_TRUE(store->get_bytes(artifact.root, kSize).ok());
    }
    EXPECT_TRUE(put_and_read_all(*store, 0));
}

}  // namespace
}  // namespace assay::node
