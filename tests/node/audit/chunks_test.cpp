// A wrong chunk of a checkpoint is named with its index.
#include "node/audit/chunks.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "node/blobs/blob_store.h"
#include "tests/ledger/engine/toy_chain.h"

namespace assay::node {
namespace {

Bytes random_bytes(size_t size) {
    std::mt19937_64 random(7);
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
    return bytes;
}
void write(const std::string& file, const Bytes& bytes) {
    std::ofstream(file, std::ios::binary) << text_of(bytes);
}

class ChunksTest : public ::testing::Test {
protected:
    const ledger::testing::TempDirectory directory_;
    const std::string file_ = directory_.file("checkpoint");
    const Bytes bytes_ = random_bytes(5 * compute::kChunkBytes / 2);  // three chunks
    const compute::Manifest due_ = compute::manifest_of(bytes_);
};

TEST_F(ChunksTest, EachWrongChunkIsNamed) {
    write(file_, bytes_);
    EXPECT_TRUE(check_artifact(file_, due_.root(), due_).ok());
    const char* const ranges[] = {"(bytes 0 to 1048575)", "(bytes 1048576 to 2097151)",
                                  "(bytes 2097152 to 2621439)"};
    for (size_t chunk = 0; chunk < 3; ++chunk) {
        Bytes changed = bytes_;
        changed[chunk * compute::kChunkBytes + 12'345] ^= 4;
        write(file_, changed);
        const auto status = check_artifact(file_, due_.root(), due_);
        ASSERT_FALSE(status.ok());
        EXPECT_EQ(status.error().code, Code::kCorrupt);
        EXPECT_TRUE(status.error().message.starts_with(file_ + ": chunk " + std::to_string(chunk) +
                                                       " of 3 " + ranges[chunk] + ": hash "))
            << status.error().message;
    }
}

TEST_F(ChunksTest, OtherSizesAreNamed) {
    for (const size_t size : {size_t{0}, size_t{compute::kChunkBytes}, bytes_.size() - 1}) {
        Bytes shorter = bytes_;
        shorter.resize(size);
        write(file_, shorter);
        const auto status = check_artifact(file_, due_.root(), due_);
        ASSERT_FALSE(status.ok());
        const bool cut_in_chunk = size == bytes_.size() - 1;
        EXPECT_NE(status.error().message.find(cut_in_chunk ? "chunk 2 of 3" : "size: "),
                  std::string::npos)
            << status.error().message;
    }
}

TEST_F(ChunksTest, WithoutTheManifestTheRootIsNamed) {
    write(file_, {1, 2, 3});
    EXPECT_NE(check_artifact(file_, due_.root(), std::nullopt).error().message.find("root: is "),
              std::string::npos);
    // A manifest of something else proves nothing.
    EXPECT_NE(check_artifact(file_, due_.root(), compute::manifest_of(Bytes{9}))
                  .error()
                  .message.find("root: is "),
              std::string::npos);
    EXPECT_EQ(check_artifact(directory_.file("none"), due_.root(), due_).error().code,
              Code::kNotFound);
}

TEST_F(ChunksTest, TheStoreNamesADamagedChunk) {
    const std::filesystem::path folder = directory_.file("blobs");
    auto store = BlobStore::open(folder, {}).value();
    const auto stored = store->put_bytes(bytes_).value();
    const std::string leaf = to_hex(due_.chunks[1]);
    Bytes damaged(bytes_.begin() + compute::kChunkBytes, bytes_.begin() + 2 * compute::kChunkBytes);
    damaged[0] ^= 1;
    write(folder / "chunks" / leaf.substr(0, 2) / leaf, damaged);
    const auto status = store->materialise(stored.root, file_);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kCorrupt);
    EXPECT_NE(status.error().message.find(to_hex(stored.root) + " chunk 1"), std::string::npos)
        << status.error().message;
    EXPECT_FALSE(std::filesystem::exists(file_));
}

}  // namespace
}  // namespace assay::node
