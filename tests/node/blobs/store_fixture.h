// Test support: a chunk store in a fresh folder, and artifacts of chosen bytes.
// Ownership: the fixture removes its folder. Threads: one test thread. Errors: gtest failures.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "node/blobs/blob_store.h"

namespace assay::node::testing {

inline constexpr uint64_t kMiB = compute::kChunkBytes;

// `size` bytes that differ from chunk to chunk and from seed to seed.
inline Bytes pattern(uint64_t size, uint8_t seed) {
    Bytes data(size);
    for (uint64_t i = 0; i < size; ++i) {
        data[i] = static_cast<uint8_t>(i * 31 + (i >> 12) + (i >> 20) * 7 + seed);
    }
    return data;
}

class StoreFixture : public ::testing::Test {
protected:
    StoreFixture() {
        std::string name = (std::filesystem::temp_directory_path() / "assay-blobs-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~StoreFixture() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    std::unique_ptr<BlobStore> open(uint64_t limit_bytes = uint64_t{1} << 30,
                                    const std::string& name = "store") const {
        auto store = BlobStore::open(folder_ / name, {limit_bytes});
        EXPECT_TRUE(store.ok());
        return std::move(store).value();
    }
    std::filesystem::path chunk_file(const Hash256& leaf, const std::string& name = "store") const {
        const auto hex = to_hex(leaf);
        return folder_ / name / "chunks" / hex.substr(0, 2) / hex;
    }
    static void write(const std::filesystem::path& file, ByteView data) {
        std::ofstream out(file, std::ios::binary | std::ios::trunc);
        out << text_of(data);
    }
    static Bytes read(const std::filesystem::path& file) {
        std::ifstream in(file, std::ios::binary);
        const std::string text((std::istreambuf_iterator<char>(in)),
                               std::istreambuf_iterator<char>());
        return bytes_of(text);
    }
    // Names of regular files below a part of the store.
    std::vector<std::string> files_in(const std::string& part) const {
        std::vector<std::string> names;
        for (const auto& entry :
             std::filesystem::recursive_directory_iterator(folder_ / "store" / part)) {
            if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
        }
        std::sort(names.begin(), names.end());
        return names;
    }

    std::filesystem::path folder_;
};

}  // namespace assay::node::testing
