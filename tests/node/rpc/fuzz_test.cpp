// Mutated requests to every method: whatever comes in, what goes out is valid JSON-RPC.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "node/rpc/dispatch.h"
#include "node/rpc/methods.h"
#include "tests/node/rpc/fake_node.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr int kRequests = 20'000;
constexpr uint32_t kSeed = 20'261'123;

// What a single reply must look like.
bool is_valid_reply(const json& reply) {
    if (!reply.is_object() || reply.value("jsonrpc", "") != "2.0" || !reply.contains("id"))
        return false;
    const json& id = reply["id"];
    if (!id.is_null() && !id.is_string() && !id.is_number_integer()) return false;
    if (reply.contains("result") == reply.contains("error")) return false;
    if (reply.size() != 3) return false;
    if (reply.contains("result")) return true;
    const json& error = reply["error"];
    return error["code"].is_number_integer() && error["message"].is_string() &&
           error["data"]["code"].is_string() && error["data"]["remedy"].is_string() &&
           error["data"]["retryable"].is_boolean();
}

class Mutator {
public:
    explicit Mutator(std::vector<Method> methods) : methods_(std::move(methods)) {}

    std::string next() {
        const Method& method = methods_[pick(methods_.size())];
        covered_.insert(method.name);
        json request = {{"jsonrpc", "2.0"},
                        {"id", pick(3) == 0 ? json("a") : json(7)},
                        {"method", method.name},
                        {"params", json::parse(method.example)}};
        if (request["params"].contains("mode") || method.role == Role::kSpend)
            request["params"]["mode"] = "sync";
        for (size_t i = pick(3); i > 0; --i) change_value(request);
        if (pick(20) == 0) request = json::array({request, request});
        std::string text = request.dump();
        for (size_t i = pick(4) == 0 ? pick(6) : 0; i > 0; --i) change_text(text);
        return text;
    }
    size_t covered() const { return covered_.size(); }

private:
    size_t pick(size_t count) { return random_() % count; }

    json odd_value() {
        const json values[] = {nullptr,
                               true,
                               -1,
                               UINT64_MAX,
                               "",
                               "0x",
                               "0x" + std::string(64, 'f'),
                               "0x" + std::string(40, 'F'),
                               "18446744073709551616",
                               std::string(5000, 'x'),
                               json::array(),
                               json::object(),
                               json::array({1, "2", nullptr}),
                               "async",
                               "\xf0\x9f\x9a\x80"};
        return values[pick(std::size(values))];
    }

    // Replaces, removes or adds one member somewhere in the request.
    void change_value(json& request) {
        json* at = &request;
        while (at->is_structured() && !at->empty() && pick(3) != 0) {
            auto member = at->begin();
            std::advance(member, static_cast<std::ptrdiff_t>(pick(at->size())));
            at = &*member;
        }
        switch (pick(3)) {
            case 0:
                if (at->is_object() && !at->empty()) at->erase(at->begin().key());
                break;
            case 1:
                if (at->is_object()) (*at)["extra"] = odd_value();
                break;
            default:
                *at = odd_value();
        }
    }

    void change_text(std::string& text) {
        if (text.empty()) return;
        const size_t at = pick(text.size());
        switch (pick(4)) {
            case 0:
                text[at] = static_cast<char>(random_());
                break;
            case 1:
                text.erase(at, 1 + pick(8));
                break;
            case 2:
                text.insert(at, text.substr(pick(text.size()), pick(16)));
                break;
            default:
                text.resize(at);
        }
    }

    std::vector<Method> methods_;
    std::set<std::string> covered_;
    std::mt19937 random_{kSeed};
};

TEST(Fuzz, MutatedRequestsGetValidReplies) {
    testing::FakeNode node;
    const Services services = node.services();
    ChainWatch watch(services.engine, {});
    BlockCache blocks(services.engine);
    Submitter submitter(services, watch);
    const Dispatcher dispatcher(build_methods({&services, &submitter, &blocks}));
    Mutator mutator(dispatcher.methods());
    const std::atomic<bool> stopping{true};  // no wait takes time
    const CallContext caller{.role = Role::kAdmin, .stopping = &stopping};
    size_t results = 0;
    size_t errors = 0;
    for (int i = 0; i < kRequests; ++i) {
        const std::string text = mutator.next();
        const auto answer = dispatcher.handle(text, caller);
        if (!answer) continue;  // only notifications
        const json reply = json::parse(*answer, nullptr, false);
        const bool valid = reply.is_array()
                               ? !reply.empty() && std::ranges::all_of(reply, is_valid_reply)
                               : is_valid_reply(reply);
        ASSERT_TRUE(valid) << "request " << text.substr(0, 400) << "\nreply "
                           << answer->substr(0, 400);
        if (!reply.is_array()) ++(reply.contains("error") ? errors : results);
    }
    EXPECT_EQ(mutator.covered(), dispatcher.methods().size());
    EXPECT_GT(results, 1000U);
    EXPECT_GT(errors, 1000U);
}

}  // namespace
}  // namespace assay::node
