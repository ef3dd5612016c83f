// The strict JSON reader: what it accepts, keeps exactly, and refuses.
#include "compute/json/json.h"

#include "tests/support/test.h"

namespace assay::compute::json {
namespace {

TEST(json, reads_every_kind) {
    const auto v =
        parse(R"( {"a": [1, -2.5e3, true, false, null], "b": {"c": "x\u00e9\ud83d\ude00\n"}} )");
    ASSERT_TRUE(v.ok());
    const Value* a = v->find("a");
    ASSERT_TRUE(a != nullptr);
    ASSERT_EQ(a->items.size(), 5U);
    EXPECT_EQ(*a->items[0].as_u64(), 1U);
    EXPECT_EQ(*a->items[1].as_double(), -2500.0);
    EXPECT_TRUE(a->items[2].boolean);
    EXPECT_TRUE(a->items[4].is(Kind::kNull));
    EXPECT_EQ(*v->find("b")->find("c")->as_string(), "x\xC3\xA9\xF0\x9F\x98\x80\n");
    EXPECT_TRUE(v->find("z") == nullptr);
}

TEST(json, integers_are_exact) {
    EXPECT_EQ(*parse("18446744073709551615")->as_u64(), UINT64_MAX);
    EXPECT_EQ(*parse("-9223372036854775808")->as_i64(), INT64_MIN);
    EXPECT_FALSE(parse("18446744073709551616")->as_u64().ok());
    EXPECT_FALSE(parse("-1")->as_u64().ok());
    EXPECT_FALSE(parse("1.0")->as_u64().ok());
    EXPECT_FALSE(parse("1e2")->as_i64().ok());
    EXPECT_FALSE(parse("\"1\"")->as_u64().ok());
    EXPECT_EQ(*parse("0.1")->as_double(), 0.1);
    EXPECT_FALSE(parse("1e999")->as_double().ok());
}

TEST(json, refuses_malformed_text) {
    const std::string_view bad[] = {"",
                                    " ",
                                    "{",
                                    "[1,]",
                                    "[1 2]",
                                    "{\"a\":1,}",
                                    "{a:1}",
                                    "{\"a\" 1}",
                                    "01",
                                    "-",
                                    "1.",
                                    ".5",
                                    "1e",
                                    "+1",
                                    "tru",
                                    "nul",
                                    "\"",
                                    "\"\x01\"",
                                    "\"\\x\"",
                                    "\"\\u12\"",
                                    "\"\\ud800\"",
                                    "\"\\udc00\"",
                                    "\"\\ud800\\u0041\"",
                                    "1 2",
                                    "[1]]",
                                    "{\"a\":1,\"a\":2}",
                                    "\"\xff\"",
                                    "\"\xC0\x80\"",
                                    "\"\xED\xA0\x80\"",
                                    "\"\xF4\x90\x80\x80\"",
                                    "NaN",
                                    "[\"\\u-123\"]"};
    for (const std::string_view text : bad) {
        const auto v = parse(text);
        ASSERT_FALSE(v.ok()) << std::string(text);
        EXPECT_TRUE(v.error().code == Code::kCorrupt) << std::string(text);
    }
}

TEST(json, enforces_its_limits) {
    Limits limits;
    limits.max_depth = 3;
    EXPECT_TRUE(parse("[[[1]]]", limits).ok());
    EXPECT_TRUE(parse("[[[[1]]]]", limits).error().code == Code::kLimit);
    limits.max_values = 4;
    EXPECT_TRUE(parse("[1,2,3]", limits).ok());
    EXPECT_TRUE(parse("[1,2,3,4]", limits).error().code == Code::kLimit);
    limits.max_bytes = 3;
    EXPECT_TRUE(parse("[12]", limits).error().code == Code::kLimit);
}

}  // namespace
}  // namespace assay::compute::json
