// JSON-RPC 2.0: every protocol error, ids, notifications, batches, parameters, roles.
#include "node/rpc/dispatch.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/rpc/rpc_error.h"

namespace assay::node {
namespace {

using nlohmann::json;

std::vector<Method> test_methods() {
    std::vector<Method> methods;
    methods.push_back({.name = "test_echo",
                       .summary = "Answers its parameters.",
                       .params = {{.name = "text", .required = true, .description = "any"},
                                  {.name = "count", .type = JsonType::kInteger, .max = 10},
                                  {.name = "hash", .format = Format::kHash},
                                  {.name = "mode", .choices = {"a", "b"}},
                                  {.name = "flag", .type = JsonType::kBoolean},
                                  {.name = "list", .type = JsonType::kArray},
                                  {.name = "map", .type = JsonType::kObject}},
                       .example = R"({"text":"hi"})",
                       .role = Role::kNone,
                       .handler = [](const json& p, CallContext&) -> Result<json> { return p; }});
    methods.push_back(
        {.name = "test_spend",
         .example = "{}",
         .role = Role::kSpend,
         .handler = [](const json&, CallContext&) -> Result<json> { return json(1); }});
    methods.push_back({.name = "test_throw",
                       .example = "{}",
                       .role = Role::kNone,
                       .handler = [](const json&, CallContext&) -> Result<json> {
                           throw std::runtime_error("boom");
                       }});
    methods.push_back({.name = "test_refused",
                       .example = "{}",
                       .role = Role::kNone,
                       .handler = [](const json&, CallContext& context) -> Result<json> {
                           context.refused_with = ledger::TxCode::kNonceGap;
                           return fail(Code::kRejected, "expected 4");
                       }});
    methods.push_back({.name = "test_large",
                       .example = "{}",
                       .role = Role::kNone,
                       .handler = [](const json&, CallContext&) -> Result<json> {
                           return json(std::string(2000, 'x'));
                       }});
    return methods;
}

class Dispatch : public ::testing::Test {
protected:
    Dispatcher dispatcher{test_methods(), {.max_batch = 3, .max_reply_bytes = 1500}};

    std::optional<std::string> raw(const std::string& text, Role role = Role::kRead) {
        return dispatcher.handle(text, {.role = role});
    }
    json reply(const std::string& text, Role role = Role::kRead) {
        const auto answer = raw(text, role);
        return answer ? json::parse(*answer) : json();
    }
    int error_number(const std::string& text) { return reply(text)["error"]["code"].get<int>(); }
    json echo(const std::string& params) {
        return reply(R"({"jsonrpc":"2.0","id":1,"method":"test_echo","params":)" + params + "}");
    }
    std::string echo_error(const std::string& params) {
        const json answer = echo(params);
        EXPECT_EQ(answer["error"]["code"], kRpcInvalidParams) << answer.dump();
        return answer["error"]["message"].get<std::string>();
    }
};

TEST_F(Dispatch, AnswersWithTheIdItGot) {
    for (const char* id : {"1", "0", "-5", "\"abc\"", "\"\"", "9007199254740991", "null"}) {
        const json answer = reply(std::string(R"({"jsonrpc":"2.0","id":)") + id +
                                  R"(,"method":"test_echo","params":{"text":"x"}})");
        EXPECT_EQ(answer,
                  (json{{"jsonrpc", "2.0"}, {"id", json::parse(id)}, {"result", {{"text", "x"}}}}));
    }
}

TEST_F(Dispatch, RefusesOtherIds) {
    const std::string long_id = "\"" + std::string(129, 'i') + "\"";
    for (const std::string& id :
         {std::string("1.5"), std::string("1e3"), std::string("true"), std::string("[]"),
          std::string("{}"), long_id, std::string("9007199254740992"),
          std::string("-9007199254740992"), std::string("18446744073709551616")}) {
        const json answer = reply(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"test_echo"})");
        EXPECT_EQ(answer["error"]["code"], kRpcInvalidRequest) << id;
        EXPECT_TRUE(answer["id"].is_null()) << id;
    }
}

TEST_F(Dispatch, ProtocolErrors) {
    EXPECT_EQ(error_number("{"), kRpcParseError);
    EXPECT_EQ(error_number(""), kRpcParseError);
    EXPECT_EQ(error_number(R"({"jsonrpc":"2.0","id":1,"id":2,"method":"test_echo"})"),
              kRpcParseError);
    EXPECT_EQ(error_number("1"), kRpcInvalidRequest);
    EXPECT_EQ(error_number("\"x\""), kRpcInvalidRequest);
    EXPECT_EQ(error_number("{}"), kRpcInvalidRequest);
    EXPECT_EQ(error_number(R"({"id":1,"method":"test_echo"})"), kRpcInvalidRequest);
    EXPECT_EQ(error_number(R"({"jsonrpc":"1.0","id":1,"method":"test_echo"})"), kRpcInvalidRequest);
    EXPECT_EQ(error_number(R"({"jsonrpc":2.0,"id":1,"method":"test_echo"})"), kRpcInvalidRequest);
    EXPECT_EQ(error_number(R"({"jsonrpc":"2.0","id":1})"), kRpcInvalidRequest);
    EXPECT_EQ(error_number(R"({"jsonrpc":"2.0","id":1,"method":5})"), kRpcInvalidRequest);
    EXPECT_EQ(error_number(R"({"jsonrpc":"2.0","id":1,"method":"test_echo","params":5})"),
              kRpcInvalidRequest);
    EXPECT_EQ(error_number(R"({"jsonrpc":"2.0","id":1,"method":"no_such"})"), kRpcMethodNotFound);
    EXPECT_EQ(error_number(R"({"jsonrpc":"2.0","id":1,"method":"test_echo"})"), kRpcInvalidParams);
    EXPECT_EQ(error_number(R"({"jsonrpc":"2.0","id":1,"method":"test_throw"})"), kRpcInternalError);
    EXPECT_EQ(error_number(R"({"jsonrpc":"2.0","id":1,"method":"test_large"})"), kRpcLimit);
}

TEST_F(Dispatch, ErrorsCarryNameRemedyAndRetryable) {
    const json refused = reply(R"({"jsonrpc":"2.0","id":1,"method":"test_refused"})")["error"];
    EXPECT_EQ(refused["code"], kRpcTxRejected);
    EXPECT_EQ(refused["data"]["code"], "nonce_gap");
    EXPECT_EQ(refused["data"]["txCode"], 300);
    EXPECT_EQ(refused["data"]["retryable"], true);
    EXPECT_FALSE(refused["data"]["remedy"].get<std::string>().empty());
    const json missing = reply(R"({"jsonrpc":"2.0","id":1,"method":"no_such"})")["error"];
    EXPECT_EQ(missing["data"]["code"], "method_not_found");
    EXPECT_EQ(missing["data"]["retryable"], false);
}

TEST_F(Dispatch, NotificationsAreNotAnswered) {
    EXPECT_FALSE(raw(R"({"jsonrpc":"2.0","method":"test_echo","params":{"text":"x"}})"));
    EXPECT_FALSE(raw(R"({"jsonrpc":"2.0","method":"no_such"})"));
    EXPECT_FALSE(raw(R"({"jsonrpc":"2.0","method":"test_throw"})"));
    EXPECT_FALSE(raw(R"({"jsonrpc":"2.0","method":"test_spend"})"));
}

TEST_F(Dispatch, Batches) {
    const json two = reply(
        R"([{"jsonrpc":"2.0","id":1,"method":"test_echo","params":["a"]},
            {"jsonrpc":"2.0","method":"test_echo","params":["b"]},
            {"jsonrpc":"2.0","id":"z","method":"no_such"}])");
    ASSERT_EQ(two.size(), 2U);
    EXPECT_EQ(two[0]["result"]["text"], "a");
    EXPECT_EQ(two[1]["id"], "z");
    EXPECT_EQ(two[1]["error"]["code"], kRpcMethodNotFound);

    EXPECT_EQ(error_number("[]"), kRpcInvalidRequest);
    EXPECT_EQ(error_number("[1,1,1,1]"), kRpcLimit);
    const json bad = reply("[1,[]]");
    ASSERT_EQ(bad.size(), 2U);
    EXPECT_EQ(bad[0]["error"]["code"], kRpcInvalidRequest);
    EXPECT_EQ(bad[1]["error"]["code"], kRpcInvalidRequest);
    EXPECT_FALSE(raw(R"([{"jsonrpc":"2.0","method":"test_echo"}])"));
    // Each reply alone is within the limit, together they are not.
    const std::string one = R"({"jsonrpc":"2.0","id":1,"method":"test_echo","params":[")" +
                            std::string(700, 'x') + "\"]}";
    EXPECT_EQ(error_number("[" + one + "," + one + "," + one + "]"), kRpcLimit);
}

TEST_F(Dispatch, ParametersByNameAndPosition) {
    EXPECT_EQ(
        echo(R"({"text":"x","count":10,"mode":"b","flag":true,"list":[],"map":{}})")["result"],
        json::parse(R"({"text":"x","count":10,"mode":"b","flag":true,"list":[],"map":{}})"));
    EXPECT_EQ(echo(R"(["x",3])")["result"], json::parse(R"({"text":"x","count":3})"));
    EXPECT_EQ(echo(R"(["x",null,null,"a"])")["result"], json::parse(R"({"text":"x","mode":"a"})"));
}

TEST_F(Dispatch, ParameterErrorsNameTheParameter) {
    EXPECT_NE(echo_error("{}").find("parameter text is missing"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":null})").find("parameter text is missing"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":7})").find("parameter text: expected a string, got the number"),
              std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","count":11})").find("from 0 to 10"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","count":-1})").find("count"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","count":1.5})").find("got the number 1.5"),
              std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","count":"1"})").find("count"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","hash":"0x12"})").find("parameter hash"),
              std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","mode":"c"})").find("one of a, b"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","flag":1})").find("true or false"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","list":{}})").find("an array"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","map":[]})").find("an object"), std::string::npos);
    EXPECT_NE(echo_error(R"({"text":"x","txt":1})").find("no parameter \"txt\""),
              std::string::npos);
    EXPECT_NE(echo_error("[1,2,3,4,5,6,7,8]").find("at most 7"), std::string::npos);
    EXPECT_NE(echo_error("{\"text\":\"" + std::string(5000, 'x') + "\"}").find("longer than"),
              std::string::npos);
}

TEST_F(Dispatch, RolesAreOrdered) {
    const std::string request = R"({"jsonrpc":"2.0","id":1,"method":"test_spend"})";
    EXPECT_EQ(reply(request, Role::kRead)["error"]["code"], kRpcUnauthorized);
    EXPECT_EQ(reply(request, Role::kRead)["error"]["data"]["code"], "unauthorized");
    EXPECT_EQ(reply(request, Role::kSpend)["result"], 1);
    EXPECT_EQ(reply(request, Role::kAdmin)["result"], 1);
}

TEST_F(Dispatch, DescribesItself) {
    const json document =
        reply(R"({"jsonrpc":"2.0","id":1,"method":"rpc.discover"})", Role::kAdmin);
    EXPECT_EQ(document["error"]["code"], kRpcLimit);  // this dispatcher's reply limit is tiny
    const Dispatcher roomy(test_methods());
    const json full = json::parse(*roomy.handle(
        R"({"jsonrpc":"2.0","id":1,"method":"rpc.discover"})", {.role = Role::kRead}))["result"];
    EXPECT_EQ(full["openrpc"], "1.3.2");
    ASSERT_EQ(full["methods"].size(), test_methods().size() + 2);
    EXPECT_EQ(full["methods"][0]["params"][2]["schema"]["pattern"], "^0x[0-9a-fA-F]{64}$");
}

TEST(RpcErrors, EveryCodeHasItsOwnNameAndComesBack) {
    for (uint16_t i = 1; i <= static_cast<uint16_t>(Code::kInternal); ++i) {
        const auto code = static_cast<Code>(i);
        const RpcError error = rpc_error(fail(code, "m"));
        EXPECT_EQ(error.name, code_name(code));
        EXPECT_EQ(code_from_name(error.name), code);
        EXPECT_FALSE(error.remedy.empty());
    }
}

}  // namespace
}  // namespace assay::node
