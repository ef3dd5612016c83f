// Strict JSON reading: exact numbers, no repeated member, bounded depth.
#include "node/rpc/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace assay::node {
namespace {

TEST(JsonText, DecimalsKeepTheirText) {
    for (const char* text : {"0.003", "3e-4", "1.0", "18446744073709551616", "-0.1", "1E40"}) {
        const auto value = parse_json(text);
        ASSERT_TRUE(value.ok()) << text;
        ASSERT_TRUE(is_decimal(*value)) << text;
        EXPECT_EQ(decimal_text(*value), text);
    }
}

TEST(JsonText, IntegersAreExact) {
    EXPECT_EQ(parse_json("18446744073709551615")->get<uint64_t>(), UINT64_MAX);
    EXPECT_EQ(parse_json("-9223372036854775808")->get<int64_t>(), INT64_MIN);
    EXPECT_FALSE(is_decimal(*parse_json("7")));
}

TEST(JsonText, BuildsNestedValues) {
    const auto value = parse_json(R"({"a":[1,{"b":null},"x",[true,false]],"c":{}})");
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(dump_json(*value), R"({"a":[1,{"b":null},"x",[true,false]],"c":{}})");
}

TEST(JsonText, RefusesWithTheReason) {
    const struct {
        const char* text;
        Code code;
        const char* words;
    } cases[] = {
        {"", Code::kInvalidArgument, "syntax error"},
        {"{", Code::kInvalidArgument, "syntax error"},
        {"[1,]", Code::kInvalidArgument, "syntax error"},
        {"1 2", Code::kInvalidArgument, "syntax error"},
        {"1E400", Code::kInvalidArgument, "syntax error"},
        {"NaN", Code::kInvalidArgument, "syntax error"},
        {"\"\xff\"", Code::kInvalidArgument, "syntax error"},
        {"{\"a\":1,\"a\":2}", Code::kInvalidArgument, "repeated member \"a\""},
    };
    for (const auto& c : cases) {
        const auto value = parse_json(c.text);
        ASSERT_FALSE(value.ok()) << c.text;
        EXPECT_EQ(value.error().code, c.code) << c.text;
        EXPECT_NE(value.error().message.find(c.words), std::string::npos) << value.error().message;
    }
}

TEST(JsonText, DepthIsLimited) {
    const auto nested = [](size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(parse_json(nested(kMaxJsonDepth)).ok());
    const auto deep = parse_json(nested(kMaxJsonDepth + 1));
    ASSERT_FALSE(deep.ok());
    EXPECT_EQ(deep.error().code, Code::kLimit);
    EXPECT_EQ(parse_json(std::string(1'000'000, '[')).error().code, Code::kLimit);
}

TEST(JsonText, InvalidUtf8IsReplacedOnOutput) {
    EXPECT_EQ(dump_json(nlohmann::json("a\xff")), "\"a\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace assay::node
