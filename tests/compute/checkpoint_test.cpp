// safetensors: known-answer bytes, round trips, every malformed header; training checkpoints.
#include "compute/checkpoint/checkpoint.h"

#include "compute/checkpoint/model_metadata.h"
#include "compute/checkpoint/safetensors.h"
#include "compute/models/limits.h"
#include "compute/models/model.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

using testing::file_bytes;
using testing::TemporaryFolder;

Bytes file_of(const std::string& header, size_t data_bytes, uint64_t declared = UINT64_MAX) {
    const uint64_t length = declared == UINT64_MAX ? header.size() : declared;
    Bytes bytes;
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(length >> (8 * i)));
    append(bytes, view_of(header));
    bytes.resize(bytes.size() + data_bytes);
    return bytes;
}

// The message with which opening the bytes as a file fails; "accepted" when it does not.
std::string refusal(const Bytes& bytes) {
    const TemporaryFolder folder;
    EXPECT_TRUE(write_file(folder / "t", bytes).ok());
    const auto file = SafetensorsFile::open(folder / "t");
    return file.ok() ? "accepted" : file.error().message;
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
    return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape +
           R"(,"data_offsets":)" + offsets + "}";
}

struct Malformed {
    std::string header;
    size_t data_bytes;
    std::string message;  // part of the error
};

std::vector<Malformed> malformed_headers() {
    const std::string good = tensor("a", "F32", "[2]", "[0,8]");
    return {
        {"", 0, "does not begin with '{'"},
        {" {}", 0, "does not begin with '{'"},
        {"[]", 0, "does not begin with '{'"},
        {"{" + good, 8, "JSON"},
        {"{" + good + "}x", 8, "unexpected bytes"},
        {"{" + good + ",}", 8, "JSON"},
        {"{\"\xC3\x28\":1}", 0, "UTF-8"},
        {"{\"\xED\xA0\x80\":1}", 0, "UTF-8"},
        {"{\"\\ud800\":1}", 0, "surrogate"},
        {"{\"a\nb\":1}", 0, "control"},
        {"{" + good + "," + good + "}", 8, "duplicate"},
        {R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8, "duplicate"},
        {R"({"__metadata__":{"k":"1","k":"2"},)" + good + "}", 8, "duplicate"},
        {R"({"__metadata__":{"k":1},)" + good + "}", 8, "metadata k is not a string"},
        {R"({"__metadata__":[],)" + good + "}", 8, "__metadata__ is not an object"},
        {R"({"a":null})", 0, "description is not an object"},
        {R"({"a":{"dtype":"F32","shape":[2]}})", 8, "is missing"},
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", 8, "unknown key x"},
        {"{" + tensor("a", "F31", "[2]", "[0,8]") + "}", 8, "unknown dtype F31"},
        {R"({"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}})", 8, "dtype is not a string"},
        {"{" + tensor("a", "F32", "2", "[0,8]") + "}", 8, "shape is not an array"},
        {"{" + tensor("a", "F32", "[-2]", "[0,8]") + "}", 8, "whole numbers"},
        {"{" + tensor("a", "F32", "[2.0]", "[0,8]") + "}", 8, "whole numbers"},
        {"{" + tensor("a", "F32", "[2e0]", "[0,8]") + "}", 8, "whole numbers"},
        {"{" + tensor("a", "F32", "[\"2\"]", "[0,8]") + "}", 8, "whole numbers"},
        {"{" + tensor("a", "F32", "[18446744073709551616]", "[0,8]") + "}", 8, "whole numbers"},
        {"{" + tensor("a", "F32", "[02]", "[0,8]") + "}", 8, "leading zero"},
        {"{" + tensor("a", "F32", "[2]", "[0]") + "}", 8, "not two numbers"},
        {"{" + tensor("a", "F32", "[2]", "[0,8,8]") + "}", 8, "not two numbers"},
        {"{" + tensor("a", "F32", "[2]", "[8,0]") + "}", 8, "end before they begin"},
        {"{" + tensor("a", "F32", "[3]", "[0,8]") + "}", 8, "needs 12 bytes"},
        {"{" + tensor("a", "F32", "[4294967296,4294967296]", "[0,8]") + "}", 8, "overflows"},
        {"{" + tensor("a", "U8", "[2305843009213693952]", "[0,0]") + "}", 0, "overflows"},
        {"{" + tensor("a", "F4", "[3]", "[0,2]") + "}", 2, "whole bytes"},
        {"{" + tensor("a", "F32", "[2]", "[4,12]") + "}", 12, "hole of 4 bytes"},
        {"{" + good + "," + tensor("b", "F32", "[1]", "[12,16]") + "}", 16, "hole"},
        {"{" + good + "," + tensor("b", "F32", "[1]", "[4,8]") + "}", 8, "overlaps"},
        {"{" + good + "," + tensor("b", "F32", "[2]", "[0,8]") + "}", 8, "overlaps"},
        {"{" + good + "}", 7, "past the end"},
        {"{" + good + "}", 9, "1 bytes after its last tensor"},
        {"{}", 1, "1 bytes after its last tensor"},
        {"{" + tensor("a", "F32", "[[[[[2]]]]]", "[0,8]") + "}", 8, "nested"},
    };
}

TEST(Safetensors, EveryMalformedHeaderIsRefusedWithItsReason) {
    for (const Malformed& entry : malformed_headers()) {
        const std::string message = refusal(file_of(entry.header, entry.data_bytes));
        EXPECT_NE(message.find(entry.message), std::string::npos)
            << entry.header << " gave: " << message;
    }
}

TEST(Safetensors, BadLengthsAreRefused) {
    EXPECT_NE(refusal({1, 2, 3}).find("too short"), std::string::npos);
    EXPECT_NE(refusal(file_of("{}", 0, 3)).find("longer than the file"), std::string::npos);
    EXPECT_NE(refusal(file_of("{}", 0, UINT64_MAX - 7)).find("longer than 100000000"),
              std::string::npos);
    EXPECT_NE(refusal(file_of("{}", 0, 100'000'001)).find("longer than 100000000"),
              std::string::npos);
    EXPECT_NE(refusal(file_of("{}", 0, 100'000'000)).find("longer than the file"),
              std::string::npos);
}

TEST(Safetensors, MissingFileAndFolderAreToldApart) {
    const TemporaryFolder folder;
    EXPECT_EQ(SafetensorsFile::open(folder / "none").error().code, Code::kNotFound);
    EXPECT_EQ(SafetensorsFile::open(folder / "").error().code, Code::kInvalidArgument);
}

TEST(Safetensors, LegalCornersAreAccepted) {
    const std::string scalar = tensor("s", "F32", "[]", "[0,4]");
    for (const auto& [header, data] : std::vector<std::pair<std::string, size_t>>{
             {"{}", 0},
             {"{}      ", 0},
             {R"({"__metadata__":{}})", 0},
             {"{" + scalar + "}", 4},
             {"{" + tensor("z", "F32", "[0,5]", "[0,0]") + "}", 0},
             {"{" + tensor("z", "U8", "[0]", "[4,4]") + "," + scalar + "}", 4},
             {"{" + tensor("z", "U8", "[18446744073709551615,0]", "[0,0]") + "}", 0},
             {"{" + tensor("h", "F4", "[4]", "[0,2]") + "}", 2},
             {"{" + tensor("", "BOOL", "[1]", "[0,1]") + "}", 1},
             {"{" + tensor("\\u00e9\\ud83d\\ude00", "U64", "[1]", "[0,8]") + "}", 8},
         }) {
        EXPECT_EQ(refusal(file_of(header, data)), "accepted") << header;
    }
}

// The bytes that the format's reference writer gives for the same tensors.
TEST(Safetensors, WriterOrdersByDtypeThenNameAndPads) {
    const Bytes one = {1}, two = {2, 0}, four = {4, 0, 0, 0}, five = {5, 0, 0, 0};
    std::vector<TensorSource> tensors = {{"u", Dtype::kU8, {1}, one},
                                         {"b", Dtype::kF32, {1}, five},
                                         {"h", Dtype::kU16, {1}, two},
                                         {"a", Dtype::kF32, {}, four}};
    const auto prefix = safetensors_prefix(tensors, {{"k", "v\"\n"}});
    ASSERT_TRUE(prefix.ok());
    const std::string json(text_of(ByteView(*prefix).subspan(8)));
    EXPECT_EQ(json,
              R"({"__metadata__":{"k":"v\"\u000a"},"a":{"dtype":"F32","shape":[],"data_offsets":)"
              R"([0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"h":{"dtype":"U16",)"
              R"("shape":[1],"data_offsets":[8,10]},"u":{"dtype":"U8","shape":[1],)"
              R"("data_offsets":[10,11]}} )");
    EXPECT_EQ(prefix->size() % 8, 0u);
    EXPECT_EQ((*prefix)[0], prefix->size() - 8);
}

TEST(Safetensors, WriterRefusesWhatTheReaderWould) {
    const TemporaryFolder folder;
    const Bytes four(4);
    EXPECT_EQ(write_safetensors(folder / "t", {{"a", Dtype::kF32, {2}, four}}, {}).error().code,
              Code::kInvalidArgument);
    EXPECT_EQ(write_safetensors(folder / "t",
                                {{"a", Dtype::kF32, {1}, four}, {"a", Dtype::kU32, {1}, four}}, {})
                  .error()
                  .code,
              Code::kInvalidArgument);
    EXPECT_EQ(write_safetensors(folder / "t", {{"\xFF", Dtype::kF32, {1}, four}}, {}).error().code,
              Code::kInvalidArgument);
    EXPECT_FALSE(std::filesystem::exists(folder / "t"));
    EXPECT_FALSE(std::filesystem::exists(folder / "t.part"));
}

TEST(Safetensors, RoundTripKeepsEveryDtypeAndByte) {
    const TemporaryFolder folder;
    std::vector<Bytes> contents;
    std::vector<TensorSource> tensors;
    for (size_t i = 0; i <= static_cast<size_t>(Dtype::kU64); ++i) {
        const auto dtype = static_cast<Dtype>(i);
        Bytes bytes(dtype_bits(dtype));  // 8 elements
        for (size_t j = 0; j < bytes.size(); ++j) bytes[j] = static_cast<uint8_t>(31 * i + 7 * j);
        contents.push_back(std::move(bytes));
    }
    for (size_t i = 0; i < contents.size(); ++i)
        tensors.push_back({"t" + std::to_string(i), static_cast<Dtype>(i), {2, 4}, contents[i]});
    ASSERT_TRUE(write_safetensors(folder / "t", tensors, {{"key", "value"}}).ok());
    const auto file = SafetensorsFile::open(folder / "t");
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file->metadata(), (Metadata{{"key", "value"}}));
    for (const TensorSource& source : tensors) {
        const TensorInfo* info = file->find(source.name);
        ASSERT_NE(info, nullptr);
        EXPECT_EQ(info->dtype, source.dtype);
        Bytes bytes(info->bytes());
        ASSERT_TRUE(file->read(*info, bytes).ok());
        EXPECT_EQ(bytes, bytes_of(source.bytes));
    }
}

// No input makes the reader crash, loop or accept tensors outside the file.
TEST(Safetensors, DamagedHeadersNeverYieldTensorsOutsideTheFile) {
    const std::string good = "{" + tensor("a", "F32", "[2,3]", "[0,24]") + "," +
                             tensor("b", "U8", "[5]", "[24,29]") + "}";
    uint32_t state = 1;
    size_t refused = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string header = good;
        for (int change = 0; change < 1 + i % 3; ++change) {
            state = state * 1664525u + 1013904223u;
            header[(state >> 8) % header.size()] = static_cast<char>(state >> 24);
        }
        const auto parsed = parse_safetensors_header(header, 29);
        if (!parsed.ok()) {
            ++refused;
            continue;
        }
        for (const TensorInfo& info : parsed->tensors) {
            EXPECT_LE(info.begin, info.end);
            EXPECT_LE(info.end, 29u);
        }
    }
    EXPECT_GT(refused, 15000u);
}

const GptConfig kModel{17, 8, 16, 1, 2};

TEST(Checkpoint, RoundTripKeepsStateAndProgress) {
    const TemporaryFolder folder;
    auto state = initial_state(kModel, 5);
    ASSERT_TRUE(state.ok());
    state->m[0][3] = 0.25F;
    state->v[1][2] = 0.5F;
    for (const bool outer : {false, true}) {
        if (outer) state->outer = state->m;
        ASSERT_TRUE(save_checkpoint(folder / "c", kModel, *state, {3, 99}).ok());
        const auto loaded = load_checkpoint(folder / "c", kModel);
        ASSERT_TRUE(loaded.ok());
        EXPECT_EQ(loaded->progress, (Progress{3, 99}));
        EXPECT_EQ(loaded->state.value, state->value);
        EXPECT_EQ(loaded->state.m, state->m);
        EXPECT_EQ(loaded->state.v, state->v);
        EXPECT_EQ(loaded->state.outer, state->outer);
        const Bytes first = file_bytes(folder / "c");
        ASSERT_TRUE(save_checkpoint(folder / "d", kModel, loaded->state, {3, 99}).ok());
        EXPECT_EQ(file_bytes(folder / "d"), first);
    }
}

TEST(Checkpoint, AnotherModelOrFormatIsRefused) {
    const TemporaryFolder folder;
    const auto state = initial_state(kModel, 5);
    ASSERT_TRUE(save_checkpoint(folder / "c", kModel, *state, {}).ok());
    GptConfig heads = kModel;
    heads.n_head = 4;  // same shapes
    EXPECT_EQ(load_checkpoint(folder / "c", heads).error().code, Code::kCorrupt);
    GptConfig wide = kModel;
    wide.d_model = 32;
    EXPECT_EQ(load_checkpoint(folder / "c", wide).error().code, Code::kCorrupt);
    EXPECT_EQ(load_parameters(folder / "c", wide).error().code, Code::kCorrupt);
    const Bytes four(4);
    ASSERT_TRUE(write_safetensors(folder / "o", {{"a", Dtype::kF32, {1}, four}}, {}).ok());
    EXPECT_EQ(load_checkpoint(folder / "o", kModel).error().code, Code::kCorrupt);
}

TEST(Checkpoint, NamesItsOwnModel) {
    const TemporaryFolder folder;
    for (const ModelConfig& model : {ModelConfig{kModel}, ModelConfig{MlpConfig{6, {9, 5}, 3}},
                                     ModelConfig{MlpConfig{6, {}, 3}}}) {
        const auto state = initial_state(model, 5);
        ASSERT_TRUE(save_checkpoint(folder / "c", model, *state, {}).ok());
        const auto found = checkpoint_model(folder / "c");
        ASSERT_TRUE(found.ok());
        EXPECT_TRUE(*found == model);
    }
}

TEST(Checkpoint, NamesScalingAndBiasesWhereThereAreSome) {
    LlamaConfig llama{17, 8, 16, 2, 4, 2, 24};
    const Metadata plain = model_metadata(llama);
    EXPECT_EQ(plain.size(), 11U);  // as files from before there was scaling
    EXPECT_EQ(*model_from_metadata(plain), ModelConfig(llama));
    for (const RopeScaling scaling :
         {RopeScaling{8 * kOneNano, kOneNano, 4 * kOneNano, 8192}, RopeScaling{2 * kOneNano}}) {
        llama.rope_scaling = scaling;
        EXPECT_EQ(*model_from_metadata(model_metadata(llama)), ModelConfig(llama));
        const LoraConfig adapters{llama, 2};
        EXPECT_EQ(*model_from_metadata(model_metadata(adapters)), ModelConfig(adapters));
    }
    llama.qkv_bias = true;
    EXPECT_EQ(*model_from_metadata(model_metadata(llama)), ModelConfig(llama));
    Metadata damaged = model_metadata(llama);
    damaged["rope_factor_nano"] = "999999999";
    EXPECT_NE(model_from_metadata(damaged).error().message.find("rope_scaling.factor_nano"),
              std::string::npos);
    damaged = model_metadata(llama);
    damaged.erase("rope_original_context");
    EXPECT_NE(model_from_metadata(damaged).error().message.find("rope_original_context"),
              std::string::npos);
}

TEST(Checkpoint, ExportHoldsTheParametersUnderHuggingFaceNames) {
    const TemporaryFolder folder;
    const auto state = initial_state(kModel, 5);
    ASSERT_TRUE(save_checkpoint(folder / "c", kModel, *state, {}).ok());
    ASSERT_TRUE(export_model(folder / "c", folder / "").ok());
    const auto file = SafetensorsFile::open(folder / "model.safetensors");
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(file->tensors().size(), parameter_specs(kModel).size());
    EXPECT_NE(file->find("transformer.h.0.attn.c_attn.weight"), nullptr);
    EXPECT_NE(file->find("transformer.ln_f.bias"), nullptr);
    const std::string config(text_of(file_bytes(folder / "config.json")));
    EXPECT_NE(config.find("\"n_embd\": 16"), std::string::npos);
    const auto loaded = load_parameters(folder / "model.safetensors", kModel);
    ASSERT_TRUE(loaded.ok());
    EXPECT_EQ(loaded->value, state->value);
}

}  // namespace
}  // namespace assay::compute
