// Data sets: import of each format, malformed inputs, shards, element access.
#include "compute/data/dataset.h"

#include "compute/data/import.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

using testing::file_bytes;
using testing::TemporaryFolder;

Bytes idx(const std::vector<uint32_t>& shape, const Bytes& data, uint8_t type = 8) {
    Bytes bytes = {0, 0, type, static_cast<uint8_t>(shape.size())};
    for (const uint32_t extent : shape) append_be32(bytes, extent);
    append(bytes, data);
    return bytes;
}

// The message of importing one text as CSV; "" on success (then `folder / "out"` exists).
std::string csv(const TemporaryFolder& folder, const std::string& text, int label = -1) {
    EXPECT_TRUE(write_file(folder / "in.csv", view_of(text)).ok());
    const Status status =
        import_data(ImportKind::kCsv, {folder / "in.csv"}, folder / "out", {label});
    return status.ok() ? "" : status.error().message;
}

std::string idx_import(const TemporaryFolder& folder, const Bytes& images, const Bytes& labels) {
    EXPECT_TRUE(write_file(folder / "images", images).ok());
    EXPECT_TRUE(write_file(folder / "labels", labels).ok());
    const Status status =
        import_data(ImportKind::kIdx, {folder / "images", folder / "labels"}, folder / "out");
    return status.ok() ? "" : status.error().message;
}

TEST(Data, RawBytesAreTokens) {
    const TemporaryFolder folder;
    ASSERT_TRUE(write_file(folder / "in", view_of("hello")).ok());
    ASSERT_TRUE(import_data(ImportKind::kRaw, {folder / "in"}, folder / "out").ok());
    const auto data = Dataset::open(folder / "out");
    ASSERT_TRUE(data.ok());
    EXPECT_EQ(data->kind(), DatasetKind::kTokens);
    EXPECT_EQ(data->size(), 5u);
    std::vector<int32_t> tokens(3);
    ASSERT_TRUE(data->tokens(1, 256, tokens).ok());
    EXPECT_EQ(tokens, (std::vector<int32_t>{'e', 'l', 'l'}));
    EXPECT_EQ(data->tokens(3, 256, tokens).error().code, Code::kInvalidArgument);
    const Status small = data->tokens(0, 'h', tokens);
    ASSERT_FALSE(small.ok());
    EXPECT_NE(small.error().message.find("token 104 at position 0"), std::string::npos);
}

TEST(Data, TokenFilesOfEachTypeAreRead) {
    const TemporaryFolder folder;
    const Bytes u16 = {1, 0, 0, 1}, i32 = {1, 0, 0, 0, 255, 255, 255, 255};
    ASSERT_TRUE(write_safetensors(folder / "in", {{"tokens", Dtype::kU16, {2}, u16}}, {}).ok());
    ASSERT_TRUE(import_data(ImportKind::kTokens, {folder / "in"}, folder / "u16").ok());
    ASSERT_TRUE(write_safetensors(folder / "i32", {{"tokens", Dtype::kI32, {2}, i32}}, {}).ok());
    std::vector<int32_t> tokens(2);
    ASSERT_TRUE(Dataset::open(folder / "u16")->tokens(0, 257, tokens).ok());
    EXPECT_EQ(tokens, (std::vector<int32_t>{1, 256}));
    EXPECT_EQ(Dataset::open(folder / "i32")->tokens(0, 257, tokens).error().code,
              Code::kInvalidArgument);  // -1
}

TEST(Data, FilesThatOnlyLookLikeSafetensorsAreCorrupt) {
    const TemporaryFolder folder;
    ASSERT_TRUE(write_file(folder / "a", Bytes{2, 0, 0, 0, 0, 0, 0, 0, '{', 'x'}).ok());
    EXPECT_EQ(Dataset::open(folder / "a").error().code, Code::kCorrupt);
    const Bytes four(4);
    ASSERT_TRUE(write_safetensors(folder / "b", {{"tokens", Dtype::kF32, {1}, four}}, {}).ok());
    EXPECT_EQ(Dataset::open(folder / "b").error().code, Code::kCorrupt);
    ASSERT_TRUE(write_safetensors(
                    folder / "c",
                    {{"images", Dtype::kU8, {2, 2}, four}, {"labels", Dtype::kU8, {4}, four}}, {})
                    .ok());
    EXPECT_EQ(Dataset::open(folder / "c").error().code, Code::kCorrupt);
}

TEST(Data, IdxBecomesImagesAndLabels) {
    const TemporaryFolder folder;
    ASSERT_EQ(idx_import(folder, idx({2, 1, 3}, {0, 51, 255, 1, 2, 3}), idx({2}, {9, 0})), "");
    const auto data = Dataset::open(folder / "out");
    ASSERT_TRUE(data.ok());
    EXPECT_EQ(data->size(), 2u);
    EXPECT_EQ(data->features(), 3u);
    std::vector<float> pixels(3);
    int32_t label = -1;
    ASSERT_TRUE(data->sample(0, 10, pixels, label).ok());
    EXPECT_EQ(label, 9);
    EXPECT_EQ(pixels, (std::vector<float>{0.0F, 51.0F / 255.0F, 1.0F}));
    EXPECT_EQ(data->sample(0, 9, pixels, label).error().code, Code::kInvalidArgument);
    EXPECT_EQ(data->sample(2, 10, pixels, label).error().code, Code::kInvalidArgument);
}

TEST(Data, MalformedIdxIsRefused) {
    const TemporaryFolder folder;
    const Bytes images = idx({2, 1, 3}, Bytes(6)), labels = idx({2}, Bytes(2));
    const auto refused = [&](const Bytes& i, const Bytes& l, const std::string& reason) {
        const std::string message = idx_import(folder, i, l);
        EXPECT_NE(message.find(reason), std::string::npos) << message;
    };
    refused({}, labels, "not an IDX file");
    refused({0x1f, 0x8b, 8, 0}, labels, "gzip");
    refused({1, 0, 8, 3}, labels, "not an IDX file");
    refused({0, 0, 8, 3, 0, 0}, labels, "ends inside its header");
    refused(idx({2, 1, 3}, Bytes(6), 13), labels, "another type");
    refused(idx({2, 1, 3}, Bytes(5)), labels, "has 5 bytes");
    refused(idx({2, 1, 3}, Bytes(7)), labels, "has 7 bytes");
    refused(idx({2}, Bytes(2)), labels, "1 dimensions");
    refused(images, idx({2, 1}, Bytes(2)), "2 dimensions");
    refused(images, idx({3}, Bytes(3)), "2 images and 3 labels");
    refused(idx({0xFFFFFFFF, 0xFFFFFFFF, 3}, {}), labels, "too much data");
}

TEST(Data, CsvBecomesFeaturesAndLabels) {
    const TemporaryFolder folder;
    ASSERT_EQ(csv(folder, "x,y,class\r\n1.5, -2e-3 ,1\r\n\r\n0.1,3,0"), "");
    const auto data = Dataset::open(folder / "out");
    ASSERT_TRUE(data.ok());
    EXPECT_EQ(data->size(), 2u);
    std::vector<float> row(2);
    int32_t label = -1;
    ASSERT_TRUE(data->sample(0, 2, row, label).ok());
    EXPECT_EQ(row, (std::vector<float>{1.5F, -2e-3F}));
    EXPECT_EQ(label, 1);
    ASSERT_TRUE(data->sample(1, 2, row, label).ok());
    EXPECT_EQ(row, (std::vector<float>{0.1F, 3.0F}));
    EXPECT_EQ(label, 0);
}

TEST(Data, CsvLabelColumnCanBeChosen) {
    const TemporaryFolder folder;
    ASSERT_EQ(csv(folder, "2,1.5,7\n", 0), "");
    std::vector<float> row(2);
    int32_t label = -1;
    ASSERT_TRUE(Dataset::open(folder / "out")->sample(0, 3, row, label).ok());
    EXPECT_EQ(label, 2);
    EXPECT_EQ(row, (std::vector<float>{1.5F, 7.0F}));
}

TEST(Data, MalformedCsvIsRefusedWithItsPlace) {
    const TemporaryFolder folder;
    const auto refused = [&](const std::string& text, const std::string& reason, int label = -1) {
        const std::string message = csv(folder, text, label);
        EXPECT_NE(message.find(reason), std::string::npos) << message;
    };
    refused("", "no rows");
    refused("a,b\n", "no rows");
    refused("1\n", "at least one feature");
    refused("1,2,0\n1,0\n", "line 2: has 2 fields");
    refused("1,2,0\n1,x,0\n", "line 2, column 2: 'x' is not a finite number");
    refused("1,2,0\n1,nan,0\n", "line 2, column 2");
    refused("1,2,0\n1,inf,0\n", "line 2, column 2");
    refused("1,2,0\n1,,0\n", "line 2, column 2");
    refused("1,2,0\n1,2,0.5\n", "column 3: the label '0.5'");
    refused("1,2,0\n1,2,-1\n", "column 3: the label '-1'");
    refused("1,2,0\n", "label column 3 does not exist", 3);
}

TEST(Data, ImportChecksItsArguments) {
    const TemporaryFolder folder;
    EXPECT_EQ(import_kind("xml").error().code, Code::kInvalidArgument);
    EXPECT_EQ(*import_kind("text"), ImportKind::kRaw);
    EXPECT_EQ(import_data(ImportKind::kIdx, {folder / "a"}, folder / "o").error().code,
              Code::kInvalidArgument);
    EXPECT_EQ(import_data(ImportKind::kRaw, {folder / "none"}, folder / "o").error().code,
              Code::kNotFound);
    EXPECT_FALSE(std::filesystem::exists(folder / "o"));
}

TEST(Data, ShardsCoverEverythingOnce) {
    for (const uint64_t size : {0ull, 1ull, 7ull, 1000ull, 1ull << 40}) {
        for (const uint32_t shards : {1u, 2u, 3u, 1024u}) {
            uint64_t next = 0;
            for (uint32_t s = 0; s < shards; ++s) {
                const IndexRange range = shard_range(size, s, shards);
                EXPECT_EQ(range.begin, next);
                EXPECT_LE(range.size(), size / shards + 1);
                next = range.end;
            }
            EXPECT_EQ(next, size);
        }
    }
}

}  // namespace
}  // namespace assay::compute
