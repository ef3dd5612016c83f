// Messages as JSON: exact decimals, strict reading with the path in the message, and the way back.
#include "node/rpc/proto_json.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/rpc/job_json.h"
#include "node/rpc/json_text.h"

namespace assay::node {
namespace {

using nlohmann::json;

TEST(Nano, ExactDecimals) {
    const struct {
        const char* text;
        uint64_t nano;
    } cases[] = {
        {"0", 0},          {"1", 1'000'000'000},     {"0.003", 3'000'000},
        {"3e-4", 300'000}, {"3E-4", 300'000},        {"0.1", 100'000'000},
        {"1e-9", 1},       {"0.9990", 999'000'000},  {"10.000000000000000", 10'000'000'000},
        {"0e50", 0},       {"1e+1", 10'000'000'000}, {"18446744073.709551615", UINT64_MAX}};
    for (const auto& c : cases) {
        const auto nano = parse_nano(c.text);
        ASSERT_TRUE(nano.ok()) << c.text;
        EXPECT_EQ(*nano, c.nano) << c.text;
        EXPECT_EQ(*parse_nano(format_nano(c.nano)), c.nano);
    }
    EXPECT_EQ(format_nano(3'000'000), "0.003");
    EXPECT_EQ(format_nano(1), "0.000000001");
    EXPECT_EQ(format_nano(2'000'000'000), "2");
}

TEST(Nano, RefusesWhatIsNotExact) {
    for (const char* text :
         {"", ".", ".5", "5.", "-1", "+1", "1e-10", "0.0000000001", "1.2.3", "e5", "1e", "1e5x",
          "0x1", "1 ", "NaN", "1e99", "18446744073.709551616", "1e999999999999",
          "00000000000000000000000000000000000000000000.1"})
        EXPECT_EQ(parse_nano(text).error().code, Code::kInvalidArgument) << text;
}

TEST(JobJson, ExampleRoundTrips) {
    const auto spec = job_spec_from_json(*parse_json(kExampleSpec));
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_EQ(spec->optimizer().lr_nano(), 3'000'000U);
    EXPECT_EQ(spec->optimizer().eps_nano(), 10U);
    EXPECT_EQ(spec->terms().price_ceiling(), 2000U);
    EXPECT_EQ(spec->model().gpt().d_model(), 32U);
    const auto again = job_spec_from_json(job_spec_to_json(*spec));
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*spec, *again));
}

TEST(JobJson, AcceptsNumbersForFractionsExactly) {
    for (const char* lr : {"0.003", "3e-3", "\"0.003\"", "0.0030"}) {
        const auto spec =
            job_spec_from_json(*parse_json(std::string(R"({"optimizer":{"lr":)") + lr + "}}"));
        ASSERT_TRUE(spec.ok()) << lr;
        EXPECT_EQ(spec->optimizer().lr_nano(), 3'000'000U) << lr;
    }
}

TEST(JobJson, RefusesWithThePath) {
    const struct {
        const char* text;
        const char* message;
    } cases[] = {
        {"[]", "spec: expected an object"},
        {R"({"nam":"x"})", "spec.nam: no such field; known here: name, model,"},
        {R"({"optimizer":{"lr_nano":1}})", "spec.optimizer.lr_nano: no such field"},
        {R"({"optimizer":{"lr":-0.1}})", "spec.optimizer.lr: expected a decimal"},
        {R"({"optimizer":{"lr":true}})", "spec.optimizer.lr: expected a decimal"},
        {R"({"plan":{"rounds":1.5}})", "spec.plan.rounds: expected a whole number"},
        {R"({"plan":{"rounds":-1}})", "spec.plan.rounds: expected a whole number"},
        {R"({"plan":{"rounds":4294967296}})", "spec.plan.rounds: at most 4294967295"},
        {R"({"seed":"99999999999999999999"})", "spec.seed: expected a whole number"},
        {R"({"name":7})", "spec.name: expected a string"},
        {R"({"data":{"root":"44"}})", "spec.data.root: expected 0x"},
        {R"({"terms":{"allowedOperators":["0x12"]}})", "spec.terms.allowedOperators[0]: "},
        {R"({"model":{"mlp":{"hidden":[1,"x"]}}})", "spec.model.mlp.hidden[1]: expected a whole"},
        {R"({"model":{"mlp":{},"gpt":{}}})", "only one of the alternatives"},
    };
    for (const auto& c : cases) {
        const auto spec = job_spec_from_json(*parse_json(c.text));
        ASSERT_FALSE(spec.ok()) << c.text;
        EXPECT_EQ(spec.error().code, Code::kInvalidArgument);
        EXPECT_NE(spec.error().message.find(c.message), std::string::npos) << spec.error().message;
    }
}

TEST(JobJson, LargeSeedsAreStrings) {
    pb::JobSpec spec;
    spec.set_seed(UINT64_MAX);
    EXPECT_EQ(job_spec_to_json(spec)["seed"], "18446744073709551615");
    EXPECT_EQ(job_spec_from_json(job_spec_to_json(spec))->seed(), UINT64_MAX);
}

TEST(MessageJson, AmountsAddressesAndEnums) {
    pb::Slot slot;
    slot.set_operator_(std::string(20, '\x11'));
    slot.set_state(pb::SLOT_NO_COMMIT);
    slot.set_price(7);
    slot.set_commitment("\x01\x02");
    const json out = message_to_json(slot);
    EXPECT_EQ(out["operator"], "0x1111111111111111111111111111111111111111");
    EXPECT_EQ(out["state"], "no_commit");
    EXPECT_EQ(out["price"], "7");
    EXPECT_EQ(out["commitment"], "0x0102");
    EXPECT_FALSE(out.contains("output"));
    EXPECT_EQ(out["diverged"], false);
}

}  // namespace
}  // namespace assay::node
