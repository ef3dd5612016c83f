// config.json of Llama and its like: the forms in use, exact numbers, what is refused by which
// name.
#include "compute/checkpoint/import_model.h"

#include <array>

#include "compute/models/limits.h"
#include "tests/support/test.h"

namespace assay::compute {
namespace {

// Members after the sizes, such as "\"rope_theta\":500000.0".
std::string config(const std::string& members, const std::string& type = "llama") {
    return R"({"model_type":")" + type +
           R"(","vocab_size":32,"max_position_embeddings":131072,"hidden_size":64,)"
           R"("num_hidden_layers":2,"num_attention_heads":8,"num_key_value_heads":2,)"
           R"("intermediate_size":96,"hidden_act":"silu","rms_norm_eps":1e-05)" +
           (members.empty() ? "" : "," + members) + "}";
}

LlamaConfig accepted(const std::string& text, uint32_t context = 64) {
    const auto model = hugging_face_config(text, context);
    EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message);
    return model.ok() ? std::get<LlamaConfig>(*model) : LlamaConfig{};
}

void expect_refused(const std::string& text, const std::string& words, uint32_t context = 64) {
    const auto model = hugging_face_config(text, context);
    ASSERT_FALSE(model.ok()) << words;
    EXPECT_NE(model.error().message.find(words), std::string::npos) << model.error().message;
}

const char* const kLlama3 = R"("factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,)"
                            R"("original_max_position_embeddings":8192)";
constexpr RopeScaling kLlama3Scaling{32 * kOneNano, kOneNano, 4 * kOneNano, 8192};

TEST(ImportConfig, ScaledPositionsInEveryFormOfFile) {
    const std::string numbers = kLlama3;
    const std::string forms[] = {
        R"("rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3",)" + numbers + "}",
        R"("rope_theta":500000,"rope_scaling":{"type":"llama3",)" + numbers + "}",
        R"("rope_parameters":{"rope_type":"llama3","rope_theta":500000.0,)" + numbers + "}",
        R"("rope_theta":500000.0,"rope_parameters":{"rope_type":"llama3",)" + numbers + "}",
        R"("rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3",)" + numbers +
            R"(},"rope_parameters":{"rope_type":"llama3","rope_theta":500000.0,)" + numbers + "}"};
    for (const std::string& form : forms) {
        const LlamaConfig model = accepted(config(form));
        EXPECT_EQ(model.rope_base, 500'000U) << form;
        ASSERT_TRUE(model.rope_scaling.has_value()) << form;
        EXPECT_EQ(*model.rope_scaling, kLlama3Scaling) << form;
    }
    const LlamaConfig linear = accepted(config(R"("rope_scaling":{"type":"linear","factor":2.7})"));
    EXPECT_EQ(linear.rope_base, 10'000U);
    ASSERT_TRUE(linear.rope_scaling.has_value());
    EXPECT_EQ(*linear.rope_scaling, (RopeScaling{2'700'000'000, 0, 0, 0}));
    for (const char* plain :
         {"", R"("rope_scaling":null)", R"("rope_parameters":{"rope_theta":10000.0})",
          R"("rope_scaling":{"rope_type":"default"})"})
        EXPECT_FALSE(accepted(config(plain)).rope_scaling.has_value()) << plain;
}

std::string llama3_with(const std::string& from, const std::string& to) {
    std::string numbers = kLlama3;
    numbers.replace(numbers.find(from), from.size(), to);
    return config(R"("rope_scaling":{"rope_type":"llama3",)" + numbers + "}");
}

TEST(ImportConfig, ScalingOutsideTheRulesIsRefusedByName) {
    expect_refused(config(R"("rope_scaling":{"rope_type":"yarn","factor":4.0})"),
                   "rope_scaling.rope_type is supported only as one of: default, linear, llama3");
    expect_refused(config(R"("rope_scaling":{"factor":4.0})"), "rope_scaling.type");
    expect_refused(config(R"("rope_scaling":"llama3")"), "rope_scaling must be an object");
    expect_refused(config(R"("rope_scaling":{"type":"linear"})"), "rope_scaling.factor is missing");
    expect_refused(llama3_with("32.0", "0.5"),
                   "factor_nano is 500000000; it must be from 1000000000");
    expect_refused(llama3_with("32.0", "1000.5"), "factor must be a number above 0, at most 1000");
    expect_refused(llama3_with("32.0", "2.0000000001"),
                   "factor is not a whole number of billionths");
    expect_refused(llama3_with("32.0", "\"32\""), "factor must be a number");
    expect_refused(llama3_with("low_freq_factor", "low"), "low_freq_factor is missing");
    expect_refused(llama3_with("4.0", "1.0"), "model.rope_scaling.high_freq_factor_nano");
    expect_refused(llama3_with("8192", "0"), "original_max_position_embeddings must be a whole");
    expect_refused(llama3_with("8192", "16777217"), "original_max_position_embeddings must be");
    expect_refused(config(R"("rope_parameters":{"rope_type":"default"},)"
                          R"("rope_scaling":{"type":"linear","factor":2.0})"),
                   "rope_scaling and rope_parameters differ");
    expect_refused(config(R"("rope_parameters":{"partial_rotary_factor":0.5})"),
                   "rope_parameters.partial_rotary_factor");
    expect_refused(config(R"("rope_theta":10000.5)"), "rope_theta must be a whole number");
}

TEST(ImportConfig, AContextLongerThanASequenceMayBeNamesTheRemedy) {
    expect_refused(config(""), "max_position_embeddings is 131072", 0);
    expect_refused(config(""), "--context N", 0);
    expect_refused(config(""), "context 131073 is more than the model's 131072", 131'073);
    EXPECT_EQ(accepted(config(""), 4096).context, 4096U);
}

TEST(ImportConfig, AWindowIsTakenUpToItsContext) {
    const std::string text = config(R"("sliding_window":4096)", "mistral");
    EXPECT_EQ(accepted(text, 4096).context, 4096U);
    expect_refused(text, "sliding_window is 4096, less than the context of 4097", 4097);
    EXPECT_EQ(accepted(config(R"("sliding_window":null)", "mistral"), 65'536).context, 65'536U);
}

TEST(ImportConfig, Qwen2IsALlamaWithBiases) {
    const std::string unused = R"("use_sliding_window":false,"sliding_window":32)";
    EXPECT_TRUE(accepted(config(unused, "qwen2")).qkv_bias);
    expect_refused(config(R"("use_sliding_window":true,"sliding_window":32)", "qwen2"),
                   "sliding_window is 32, less than the context of 64");
    EXPECT_FALSE(accepted(config(unused)).qkv_bias);
    expect_refused(config(R"("attention_bias":true)"), "attention_bias is supported only as false");
    expect_refused(config("", "qwen3"), "model_type 'qwen3' is not supported; use gpt2, llama");
}

// Sizes as their files state them; parameters as their authors count them.
TEST(ImportConfig, ModelsInUseHaveTheirParameters) {
    struct Known {
        const char* name;
        const char* type;
        std::array<int, 6> sizes;  // vocabulary, width, SwiGLU, layers, heads, of keys
        const char* more;
        uint64_t parameters;
    };
    const Known models[] = {
        {"Llama 3.2 1B",
         "llama",
         {128256, 2048, 8192, 16, 32, 8},
         R"("tie_word_embeddings":true)",
         1'235'814'400},
        {"Llama 3.2 3B",
         "llama",
         {128256, 3072, 8192, 28, 24, 8},
         R"("tie_word_embeddings":true)",
         3'212'749'824},
        {"Llama 3.1 8B",
         "llama",
         {128256, 4096, 14336, 32, 32, 8},
         R"("mlp_bias":false)",
         8'030'261'248},
        {"TinyLlama 1.1B",
         "llama",
         {32000, 2048, 5632, 22, 32, 4},
         R"("rope_scaling":null)",
         1'100'048'384},
        {"SmolLM2 135M",
         "llama",
         {49152, 576, 1536, 30, 9, 3},
         R"("tie_word_embeddings":true,"rope_theta":100000,"rope_interleaved":false)",
         134'515'008},
        {"Qwen2.5 0.5B",
         "qwen2",
         {151936, 896, 4864, 24, 14, 2},
         R"("tie_word_embeddings":true,"use_sliding_window":false,"sliding_window":32)",
         494'032'768},
        {"Qwen2.5 1.5B",
         "qwen2",
         {151936, 1536, 8960, 28, 12, 2},
         R"("tie_word_embeddings":true)",
         1'543'714'304},
        {"Mistral 7B",
         "mistral",
         {32000, 4096, 14336, 32, 32, 8},
         R"("sliding_window":4096)",
         7'241'732'096}};
    for (const Known& known : models) {
        constexpr const char* kKeys[] = {"vocab_size",          "hidden_size",
                                         "intermediate_size",   "num_hidden_layers",
                                         "num_attention_heads", "num_key_value_heads"};
        std::string text = std::string(R"({"model_type":")") + known.type +
                           R"(","hidden_act":"silu","rms_norm_eps":1e-06,)"
                           R"("max_position_embeddings":32768,)" +
                           known.more;
        for (size_t i = 0; i < known.sizes.size(); ++i)
            text += std::string(",\"") + kKeys[i] + "\":" + std::to_string(known.sizes[i]);
        const LlamaConfig model = accepted(text + "}", 4096);
        EXPECT_EQ(checkpoint_bytes(model), 12 * known.parameters) << known.name;
    }
}

TEST(ImportConfig, AHeadsWidthMustBeItsPartOfTheModels) {
    EXPECT_EQ(accepted(config(R"("head_dim":8)")).head_dim(), 8U);
    EXPECT_EQ(accepted(config(R"("head_dim":null)")).head_dim(), 8U);
    expect_refused(config(R"("head_dim":16)"), "head_dim is supported only as 8");
}

}  // namespace
}  // namespace assay::compute
