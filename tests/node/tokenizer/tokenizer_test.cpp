// Hand-sized tokenizers whose ids can be worked out on paper. Equality with the library itself is
// in tests/interop.
#include "node/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace assay::node {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

// Letters a to d, then their merges.
json letters() {
    return {
        {"model",
         {{"type", "BPE"},
          {"vocab", {{"a", 0}, {"b", 1}, {"c", 2}, {"ab", 3}, {"bc", 4}, {"abc", 5}, {"aa", 6}}},
          {"merges", {"b c", "a b", "ab c", "a a"}}}}};
}

Ids encode(const json& description, std::string_view text) {
    const auto tokenizer = Tokenizer::parse(description.dump());
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    const auto ids = tokenizer->encode(text);
    EXPECT_TRUE(ids.ok()) << ids.error().message;
    return *ids;
}

std::string refusal(const json& description) {
    const auto tokenizer = Tokenizer::parse(description.dump());
    EXPECT_FALSE(tokenizer.ok());
    return tokenizer.ok() ? "" : tokenizer.error().message;
}

TEST(Tokenizer, MergesLowestRankFirstThenLeftmost) {
    // "b c" has rank 0, so "abc" becomes a + bc, and no merge makes "abc" of those.
    EXPECT_EQ(encode(letters(), "abc"), (Ids{0, 4}));
    EXPECT_EQ(encode(letters(), "ab"), (Ids{3}));
    EXPECT_EQ(encode(letters(), "aaa"), (Ids{6, 0}));  // leftmost of two equal candidates
    EXPECT_EQ(encode(letters(), "aaaa"), (Ids{6, 6}));
    EXPECT_EQ(encode(letters(), ""), Ids{});
}

TEST(Tokenizer, MergesMayBePairsAndWholeWordsMayComeFirst) {
    auto description = letters();
    description["model"]["merges"] =
        json::parse(R"([["b", "c"], ["a", "b"], ["ab", "c"], ["a", "a"]])");
    EXPECT_EQ(encode(description, "abc"), (Ids{0, 4}));
    description["model"]["ignore_merges"] = true;
    EXPECT_EQ(encode(description, "abc"), (Ids{5}));
}

TEST(Tokenizer, CharactersOutsideTheVocabularyAreUnknownOrBytes) {
    auto description = letters();
    EXPECT_EQ(encode(description, "azb"), (Ids{3}));  // no unknown token: left out
    description["model"]["vocab"]["?"] = 7;
    description["model"]["unk_token"] = "?";
    EXPECT_EQ(encode(description, "zza"), (Ids{7, 7, 0}));
    description["model"]["fuse_unk"] = true;
    EXPECT_EQ(encode(description, "zza"), (Ids{7, 0}));
    description["model"]["byte_fallback"] = true;
    description["model"]["vocab"]["<0xC3>"] = 8;
    description["model"]["vocab"]["<0xA9>"] = 9;
    EXPECT_EQ(encode(description, "\u00e9a"), (Ids{8, 9, 0}));
    EXPECT_EQ(encode(description, "\u00e8a"), (Ids{7, 0}));  // one byte of two has no token
}

TEST(Tokenizer, AddedTokensAreFoundLongestFirstAndSpecialOnesAreNotDecoded) {
    auto description = letters();
    description["added_tokens"] = {
        {{"id", 10}, {"content", "<a>"}, {"special", true}},
        {{"id", 11}, {"content", "<a>b"}, {"special", false}, {"normalized", false}}};
    EXPECT_EQ(encode(description, "ab<a>bc<a>a"), (Ids{3, 11, 2, 10, 0}));
    const auto tokenizer = Tokenizer::parse(description.dump());
    EXPECT_EQ(tokenizer->vocab(), 12u);
    EXPECT_EQ(tokenizer->decode(Ids{3, 11, 2, 10, 0, 99, -1}), "ab<a>bca");
}

TEST(Tokenizer, ByteLevelWordsComeBackAsTheBytesTheyWere) {
    json vocabulary = json::object();
    for (size_t b = 0; b < 256; ++b) vocabulary[byte_characters()[b]] = b;
    const json description = {
        {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", json::array()}}},
        {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
        {"decoder", {{"type", "ByteLevel"}}}};
    const std::string text = "it's 12 \u4e2d\n\n  x\t";
    Ids bytes;
    for (const char c : text) bytes.push_back(static_cast<uint8_t>(c));
    EXPECT_EQ(encode(description, text), bytes);
    EXPECT_EQ(Tokenizer::parse(description.dump())->decode(bytes), text);
}

TEST(Tokenizer, TextThatIsNotUtf8IsRefusedWithItsPlace) {
    const auto tokenizer = Tokenizer::parse(letters().dump());
    for (const std::string_view bad : {"ab\xff", "ab\xc3", "ab\xed\xa0\x80", "ab\xc0\x80"}) {
        const auto ids = tokenizer->encode(bad);
        ASSERT_FALSE(ids.ok());
        EXPECT_EQ(ids.error().code, Code::kCorrupt);
        EXPECT_NE(ids.error().message.find("at byte 2"), std::string::npos);
    }
}

TEST(Tokenizer, WhatItCannotDoItRefusesByName) {
    auto description = letters();
    description["model"]["type"] = "Unigram";
    EXPECT_NE(refusal(description).find("BPE"), std::string::npos);
    description = letters();
    description["model"]["dropout"] = 0.1;
    EXPECT_NE(refusal(description).find("dropout"), std::string::npos);
    description = letters();
    description["normalizer"] = {{"type", "Lowercase"}};
    EXPECT_NE(refusal(description).find("Lowercase"), std::string::npos);
    description = letters();
    description["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
    EXPECT_NE(refusal(description).find("BertPreTokenizer"), std::string::npos);
    description = letters();
    description["added_tokens"] = {{{"id", 9}, {"content", "<m>"}, {"lstrip", true}}};
    EXPECT_NE(refusal(description).find("lstrip"), std::string::npos);
    description = letters();
    description["model"]["merges"] = {"a z"};
    EXPECT_NE(refusal(description).find("merge 0"), std::string::npos);
    description = letters();
    description["model"]["vocab"]["a"] = -1;
    EXPECT_NE(refusal(description).find("'a'"), std::string::npos);
    EXPECT_FALSE(Tokenizer::parse("{").ok());
    EXPECT_FALSE(Tokenizer::parse("[]").ok());
    EXPECT_FALSE(Tokenizer::parse(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[1]}})").ok());
}

}  // namespace
}  // namespace assay::node
