// Models from other software: exact widening, what is refused and by which name.
#include "compute/checkpoint/import_model.h"

#include <cmath>

#include "compute/checkpoint/checkpoint.h"
#include "compute/models/model.h"
#include "tests/compute/train_test_support.h"

namespace assay::compute {
namespace {

using testing::TemporaryFolder;

const char* const kConfig =
    R"({"model_type":"gpt2","vocab_size":5,"n_positions":4,"n_embd":4,"n_layer":1,"n_head":2,)"
    R"("activation_function":"gelu_new","layer_norm_epsilon":1e-05,"n_inner":null})";

std::string config_with(const std::string& from, const std::string& to) {
    std::string text = kConfig;
    return text.replace(text.find(from), from.size(), to);
}

std::string refusal(const std::string& config) {
    const auto model = hugging_face_config(config);
    return model.ok() ? "accepted" : model.error().message;
}

// A folder with every tensor of the model at half precision: element i is i / 8.
struct Folder {
    TemporaryFolder place;
    std::vector<std::vector<uint16_t>> values;
    std::vector<TensorSource> tensors;

    explicit Folder(Dtype type) {
        const ModelConfig model = *hugging_face_config(kConfig);
        const auto specs = parameter_specs(model);
        values.resize(specs.size());
        for (size_t k = 0; k < specs.size(); ++k) {
            for (int64_t i = 0; i < specs[k].size(); ++i) values[k].push_back(half(type, i));
            const auto name = export_name(model, specs[k].name);
            tensors.push_back(
                {name.substr(name.find('.') + 1),  // without "transformer."
                 type,
                 {specs[k].shape.begin(), specs[k].shape.end()},
                 {reinterpret_cast<const uint8_t*>(values[k].data()), values[k].size() * 2}});
        }
        EXPECT_TRUE(write_file(place / "config.json", view_of(std::string_view(kConfig))).ok());
    }
    // i / 8 in the type, by hand: both hold such small multiples exactly.
    static uint16_t half(Dtype type, int64_t i) {
        int exponent = 0;
        const double fraction = std::frexp(static_cast<double>(i) / 8, &exponent);
        if (i == 0) return 0;
        const int bits = type == Dtype::kF16 ? 10 : 7, bias = type == Dtype::kF16 ? 14 : 126;
        const auto mantissa = static_cast<int>((fraction * 2 - 1) * (1 << bits));
        return static_cast<uint16_t>((exponent + bias) << bits | mantissa);
    }
    Result<ModelConfig> import() {
        EXPECT_TRUE(write_safetensors(place / "model.safetensors", tensors, {}).ok());
        return import_model(place / "", place / "checkpoint");
    }
};

TEST(ImportModel, HalfPrecisionIsWidenedExactly) {
    for (const Dtype type : {Dtype::kF16, Dtype::kBF16}) {
        Folder folder(type);
        const auto model = folder.import();
        ASSERT_TRUE(model.ok()) << model.error().message;
        const auto loaded = load_checkpoint(folder.place / "checkpoint", *model);
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
        EXPECT_EQ(loaded->progress, Progress{});
        for (size_t k = 0; k < loaded->state.value.size(); ++k) {
            for (size_t i = 0; i < loaded->state.value[k].size(); ++i) {
                ASSERT_EQ(loaded->state.value[k][i], static_cast<float>(i) / 8);
                ASSERT_EQ(loaded->state.m[k][i], 0.0F);
            }
        }
    }
}

TEST(ImportModel, SubnormalAndNonFiniteHalves) {
    Folder folder(Dtype::kF16);
    folder.values[0][0] = 0x0001;  // 2^-24
    folder.values[0][1] = 0x83FF;  // -1023 * 2^-24
    ASSERT_TRUE(folder.import().ok());
    const auto state = load_parameters(folder.place / "checkpoint", *hugging_face_config(kConfig));
    EXPECT_EQ(state->value[0][0], 0x1p-24F);
    EXPECT_EQ(state->value[0][1], -1023 * 0x1p-24F);
    for (const int bad : {0x7C00, 0xFC00, 0x7E01}) {
        folder.values[0][0] = static_cast<uint16_t>(bad);
        const auto refused = folder.import();
        ASSERT_FALSE(refused.ok());
        EXPECT_NE(refused.error().message.find("wte.weight holds a value that is not finite"),
                  std::string::npos);
    }
}

TEST(ImportModel, WeightsInSeveralFilesAreReadByTheirIndex) {
    Folder whole(Dtype::kBF16), parts(Dtype::kBF16);
    ASSERT_TRUE(whole.import().ok());
    const auto half = parts.tensors.begin() + 7;
    const std::vector<TensorSource> first(parts.tensors.begin(), half);
    std::vector<TensorSource> second(half, parts.tensors.end());
    const auto import = [&](const std::string& index) {
        EXPECT_TRUE(write_safetensors(parts.place / "a.safetensors", first, {}).ok());
        EXPECT_TRUE(write_safetensors(parts.place / "b.safetensors", second, {}).ok());
        const auto path = parts.place / "model.safetensors.index.json";
        EXPECT_TRUE(write_file(path, view_of(index)).ok());
        const auto model = import_model(parts.place / "", parts.place / "checkpoint");
        return model.ok() ? std::string("accepted") : model.error().message;
    };
    const std::string good = R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})";
    EXPECT_EQ(import(good), "accepted");
    EXPECT_EQ(testing::file_bytes(parts.place / "checkpoint"),
              testing::file_bytes(whole.place / "checkpoint"));
    const auto expect = [&](const std::string& index, const std::string& words) {
        const std::string message = import(index);
        EXPECT_NE(message.find(words), std::string::npos) << message;
    };
    expect(R"({"weight_map":{"x":"a.safetensors"}})", "is missing");
    expect(R"({"weight_map":{"x":"c.safetensors"}})", "c.safetensors");
    expect(R"({"weight_map":{"x":"../a.safetensors"}})", "a file of the same folder");
    expect(R"({"weight_map":{"x":7}})", "a file of the same folder");
    expect(R"({"weight_map":{}})", "weight_map names 0 files");
    expect(R"({"metadata":{}})", "weight_map is missing");
    second.push_back(first.front());
    expect(good, "is in two files");
}

TEST(ImportModel, TheHeadMustBeTheEmbedding) {
    Folder folder(Dtype::kBF16);
    std::vector<uint16_t> head = folder.values[0];
    folder.tensors.push_back({"lm_head.weight",
                              Dtype::kBF16,
                              {5, 4},
                              {reinterpret_cast<const uint8_t*>(head.data()), head.size() * 2}});
    EXPECT_TRUE(folder.import().ok());
    head.back() ^= 1;
    EXPECT_NE(folder.import().error().message.find("tied"), std::string::npos);
}

TEST(ImportModel, MissingSpareAndMisshapenTensorsAreNamed) {
    Folder missing(Dtype::kF16);
    missing.tensors.pop_back();
    EXPECT_NE(missing.import().error().message.find("ln_f.bias is missing"), std::string::npos);
    Folder spare(Dtype::kF16);
    spare.tensors.push_back(spare.tensors.back());
    spare.tensors.back().name = "h.1.ln_1.weight";
    EXPECT_NE(spare.import().error().message.find("h.1.ln_1.weight is not part"),
              std::string::npos);
    Folder misshapen(Dtype::kF16);
    misshapen.tensors[0].shape = {4, 5};
    EXPECT_NE(misshapen.import().error().message.find("wte.weight has another shape"),
              std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(misshapen.place / "checkpoint"));
}

TEST(ImportModel, SettingsThatChangeTheModelAreRefusedByName) {
    EXPECT_EQ(refusal(kConfig), "accepted");
    EXPECT_NE(refusal(config_with("gelu_new", "relu")).find("activation_function"),
              std::string::npos);
    EXPECT_NE(refusal(config_with("1e-05", "1e-06")).find("layer_norm_epsilon"), std::string::npos);
    EXPECT_NE(refusal(config_with("null", "32")).find("n_inner"), std::string::npos);
    EXPECT_EQ(refusal(config_with("null", "16")), "accepted");
    EXPECT_NE(refusal(config_with("\"n_head\":2,", "")).find("n_head is missing"),
              std::string::npos);
    EXPECT_NE(refusal(config_with("\"vocab_size\":5", "\"vocab_size\":0")).find("vocab_size"),
              std::string::npos);
    EXPECT_NE(refusal(config_with("\"n_head\":2", "\"n_head\":2,\"tie_word_embeddings\":false"))
                  .find("tie_word_embeddings"),
              std::string::npos);
    EXPECT_NE(refusal(config_with("gpt2", "bert")).find("'bert'"), std::string::npos);
    EXPECT_NE(refusal("{").find("byte"), std::string::npos);
}

}  // namespace
}  // namespace assay::compute
