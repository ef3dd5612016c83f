// tx_*: submitting and finding transactions.
#include <nlohmann/json.hpp>

#include "contracts/transactions.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/address_text.h"
#include "node/rpc/methods.h"
#include "node/rpc/proto_json.h"
#include "node/rpc/tx_json.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using nlohmann::json;

Result<json> get_tx(const MethodEnv& env, const json& params) {
    ASSAY_ASSIGN(const auto point, read_point(*env.services));
    const Hash256 hash = hash_param(params, "hash");
    const auto found = env.services->engine.find_tx(hash);
    if (!found)
        return fail(Code::kNotFound, "no transaction " + hash_text(hash) + " in a block up to " +
                                         std::to_string(point.height));
    ASSAY_ASSIGN(const auto block, env.blocks->at(found->height));
    if (static_cast<int>(found->index) >= block->block.transactions_size())
        return fail(Code::kInternal, "the index names a transaction its block does not have");
    const std::string& raw = block->block.transactions(static_cast<int>(found->index));
    const auto code = static_cast<ledger::TxCode>(found->result.code());
    json answer = {
        {"hash", hash_text(hash)},
        {"blockHeight", integer_json(found->height)},
        {"index", found->index},
        {"code", found->result.code()},
        {"codeName", ledger::tx_code_name(code)},
        {"feeCharged", amount_text(found->result.fee_charged())},
        {"transaction", transaction_json(view_of(raw), block->block.header().chain_id())}};
    if (params.value("raw", false)) answer["raw"] = hex_bytes(view_of(raw));
    return with_point(std::move(answer), point);
}

}  // namespace

void add_tx_methods(std::vector<Method>& methods, const MethodEnv& env) {
    std::vector<Param> params = {{.name = "tx",
                                  .required = true,
                                  .description = "the signed transaction (docs/formats)",
                                  .format = Format::kHex}};
    for (Param& param : submit_params("sync")) params.push_back(std::move(param));
    methods.push_back(
        {.name = "tx_submit",
         .summary = "Submits a transaction that the caller has signed. No token is needed: the "
                    "signature is the authority.",
         .params = std::move(params),
         .result = "hash; with mode sync or wait also code, codeName; with wait also blockHeight, "
                   "index, feeCharged. A refusal is an error with data.code and data.txCode",
         .example = R"({"tx":"0x0a00","mode":"sync"})",
         .handler = [env](const json& p, CallContext& c) {
             const auto raw = from_hex(p["tx"].get<std::string>()).value_or(Bytes{});
             return env.submitter->submit(raw, submit_options(p, SubmitMode::kSync), c);
         }});
    methods.push_back(
        {.name = "tx_get",
         .summary = "A committed transaction: where it is, its result and its content.",
         .params = {{.name = "hash",
                     .required = true,
                     .description = "transaction hash",
                     .format = Format::kHash},
                    {.name = "raw", .type = JsonType::kBoolean, .description = "also its bytes"}},
         .result = "hash, blockHeight, index, code, codeName, feeCharged, transaction {sender, "
                   "nonce, expiryHeight, fee, type, payload}, raw, height, appHash",
         .example =
             R"({"hash":"0x3333333333333333333333333333333333333333333333333333333333333333"})",
         .handler = [env](const json& p, CallContext&) { return get_tx(env, p); }});
}

}  // namespace assay::node
