#include "node/rpc/values.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "ledger/codec/transaction.h"
#include "ledger/crypto/address_text.h"
#include "node/rpc/method.h"
#include "node/rpc/proto_json.h"

namespace assay::node {

using nlohmann::json;

Result<ReadPoint> read_point(const Services& services) {
    // The height and the state are two calls; a commit between them shows as a changed height.
    constexpr int kAttempts = 16;
    for (int i = 0; i < kAttempts; ++i) {
        const ledger::AppInfo before = services.application.info();
        auto view = services.application.committed_state();
        if (view == nullptr)
            return fail(Code::kUnavailable, "this node has no committed state yet: wait for it");
        if (services.application.info().height == before.height)
            return ReadPoint{before.height, before.app_hash, std::move(view)};
    }
    return fail(Code::kUnavailable, "blocks commit faster than this read: try again");
}

json with_point(json answer, const ReadPoint& point) {
    answer["height"] = integer_json(point.height);
    answer["appHash"] = hash_text(point.app_hash);
    return answer;
}

std::string hash_text(const Hash256& hash) {
    return "0x" + to_hex(hash);
}

std::string hex_bytes(ByteView bytes) {
    return "0x" + to_hex(bytes);
}

std::string amount_text(uint64_t amount) {
    return std::to_string(amount);
}

json integer_json(uint64_t value) {
    if (value > kMaxJsonInteger) return std::to_string(value);
    return value;
}

Hash256 hash_param(const json& params, const std::string& name) {
    return hash_from_hex(params.at(name).get_ref<const std::string&>()).value_or(Hash256{});
}

Result<ledger::Address> address_param(const json& params, const std::string& name) {
    auto address = ledger::parse_address(params.at(name).get_ref<const std::string&>());
    if (!address.ok())
        return fail(Code::kInvalidArgument, "parameter " + name + ": " + address.error().message);
    return address;
}

Result<uint64_t> amount_param(const json& params, const std::string& name) {
    const auto& text = params.at(name).get_ref<const std::string&>();
    uint64_t amount = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
    if (error != std::errc{} || end != text.data() + text.size())
        return fail(Code::kInvalidArgument,
                    "parameter " + name + ": more than 64 bits; amounts are micro-units");
    return amount;
}

json event_json(const pb::Event& event) {
    json attributes = json::object();
    for (const auto& attribute : event.attributes())
        attributes[attribute.key()] = attribute.value();
    return {{"height", integer_json(event.height())},
            {"index", event.index()},
            {"type", event.type()},
            {"attributes", std::move(attributes)}};
}

json block_json(const ledger::CommittedBlock& block) {
    json transactions = json::array();
    for (int i = 0; i < block.block.transactions_size(); ++i) {
        const Hash256 hash = ledger::tx_hash(view_of(block.block.transactions(i)));
        json item = {{"hash", hash_text(hash)}};
        if (i < block.block.results_size()) {
            const pb::TxResult& result = block.block.results(i);
            const auto code = static_cast<ledger::TxCode>(result.code());
            item["code"] = result.code();
            item["codeName"] = ledger::tx_code_name(code);
            item["feeCharged"] = amount_text(result.fee_charged());
        }
        transactions.push_back(std::move(item));
    }
    return {{"hash", hash_text(block.hash)},
            {"header", message_to_json(block.block.header())},
            {"signature", hex_bytes(view_of(block.block.signature()))},
            {"transactions", std::move(transactions)},
            {"eventCount", block.events.size()}};
}

}  // namespace assay::node
