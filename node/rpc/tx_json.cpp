#include "node/rpc/tx_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "contracts.pb.h"
#include "contracts/transactions.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/address_text.h"
#include "node/rpc/proto_json.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using nlohmann::json;

// The table names the message of each type, and the generated code can make it by name.
std::unique_ptr<google::protobuf::Message> new_payload(std::string_view message) {
    const auto* file = pb::Transfer::descriptor()->file();
    const auto* type = file->FindMessageTypeByName(std::string(message));
    if (type == nullptr) return nullptr;
    const auto* prototype =
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
    return std::unique_ptr<google::protobuf::Message>(prototype->New());
}

json payload_json(const contracts::TxInfo* info, const std::string& payload) {
    if (info != nullptr) {
        const auto message = new_payload(info->message);
        if (message != nullptr && message->ParseFromString(payload))
            return message_to_json(*message);
    }
    return hex_bytes(view_of(payload));
}

}  // namespace

Result<Bytes> payload_from_json(const contracts::TxInfo& info, const json& body) {
    const auto message = new_payload(info.message);
    if (message == nullptr) return fail(Code::kInternal, "no message " + std::string(info.message));
    ASSAY_RETURN_IF_ERROR(message_from_json(body, "body", *message));
    return ledger::encode_message(*message);
}

json transaction_json(ByteView raw, std::string_view chain_id) {
    const auto checked = ledger::check_transaction(raw, chain_id);
    if (checked.code != ledger::TxCode::kOk) return {{"raw", hex_bytes(raw)}};
    const pb::TxBody& body = checked.tx.body;
    const auto* info = contracts::find_transaction(body.type());
    return {{"sender", ledger::address_text(checked.tx.sender)},
            {"nonce", integer_json(body.nonce())},
            {"expiryHeight", integer_json(body.expiry_height())},
            {"fee", amount_text(body.fee())},
            {"type", info == nullptr ? std::to_string(body.type()) : std::string(info->name)},
            {"payload", payload_json(info, body.payload())},
            {"signature", hex_bytes(checked.signature)}};
}

}  // namespace assay::node
