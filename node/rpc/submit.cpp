#include "node/rpc/submit.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "contracts/store.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "ledger/crypto/address_text.h"
#include "ledger/engine/next_transaction.h"
#include "node/rpc/values.h"

namespace assay::node {
namespace {

using ledger::TxCode;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

// A wait looks again this often even without news, so that a stop is noticed.
constexpr uint64_t kWaitStepMs = 50;

// Gives the place back when the wait ends.
class WaitingPlace {
public:
    explicit WaitingPlace(std::atomic<size_t>& count)
        : count_(count), got_(++count <= kMaxWaitingCalls) {}
    ~WaitingPlace() { --count_; }
    WaitingPlace(const WaitingPlace&) = delete;
    WaitingPlace& operator=(const WaitingPlace&) = delete;
    bool got() const { return got_; }

private:
    std::atomic<size_t>& count_;
    const bool got_;
};

json code_json(const Hash256& hash, TxCode code) {
    return {{"hash", hash_text(hash)},
            {"code", static_cast<uint32_t>(code)},
            {"codeName", ledger::tx_code_name(code)}};
}

}  // namespace

std::vector<Param> submit_params(std::string_view default_mode) {
    return {
        {.name = "mode",
         .description = "async: answer with the hash at once; sync: after the check; wait: once "
                        "it is in a block. Default: " +
                        std::string(default_mode),
         .choices = {"async", "sync", "wait"}},
        {.name = "timeoutMs",
         .type = JsonType::kInteger,
         .description = "longest wait with mode wait; 15000 by default",
         .max = kMaxWaitMs}};
}

std::vector<Param> signing_params() {
    std::vector<Param> params = {
        {.name = "key",
         .description = "name of the key on this node that signs; \"node\" by default",
         .format = Format::kName},
        {.name = "fee",
         .description = "micro-units; the chain's minimum by default",
         .format = Format::kAmount}};
    for (Param& param : submit_params("wait")) params.push_back(std::move(param));
    return params;
}

std::vector<Param> with_signing(std::vector<Param> params) {
    for (Param& param : signing_params()) params.push_back(std::move(param));
    return params;
}

SubmitOptions submit_options(const json& params, SubmitMode default_mode) {
    SubmitOptions options{.mode = default_mode, .timeout_ms = kDefaultWaitMs};
    const std::string mode = params.value("mode", "");
    if (mode == "async") options.mode = SubmitMode::kAsync;
    if (mode == "sync") options.mode = SubmitMode::kSync;
    if (mode == "wait") options.mode = SubmitMode::kWait;
    options.timeout_ms = params.value("timeoutMs", kDefaultWaitMs);
    return options;
}

Result<json> Submitter::submit(ByteView raw, const SubmitOptions& options, CallContext& context) {
    if (raw.size() > ledger::kMaxTxBytes)
        return fail(Code::kLimit, "a transaction has at most " +
                                      std::to_string(ledger::kMaxTxBytes) + " bytes, this has " +
                                      std::to_string(raw.size()));
    const auto check = services_.engine.submit(raw);
    const Hash256 hash = ledger::tx_hash(raw);
    if (options.mode == SubmitMode::kAsync) return json{{"hash", hash_text(hash)}};
    if (check.code != TxCode::kOk) {
        context.refused_with = check.code;
        return fail(Code::kRejected, check.log);
    }
    if (options.mode == SubmitMode::kSync) return code_json(hash, check.code);
    return await(hash, options.timeout_ms, context);
}

Result<json> Submitter::await(const Hash256& hash, uint64_t timeout_ms, CallContext& context) {
    const WaitingPlace place(waiting_);
    if (!place.got())
        return fail(Code::kLimit, "transaction " + hash_text(hash) +
                                      " is submitted, but too many calls wait already: ask "
                                      "tx_get for its outcome");
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
        const uint64_t seen = watch_.commits();
        if (const auto found = services_.engine.find_tx(hash)) {
            const auto code = static_cast<TxCode>(found->result.code());
            if (code != TxCode::kOk) {
                context.refused_with = code;
                return fail(Code::kRejected, "transaction " + hash_text(hash) + " is in block " +
                                                 std::to_string(found->height) +
                                                 " without effect; its fee was charged");
            }
            json answer = code_json(hash, code);
            answer["blockHeight"] = integer_json(found->height);
            answer["index"] = found->index;
            answer["feeCharged"] = amount_text(found->result.fee_charged());
            return answer;
        }
        if (Clock::now() >= deadline || context.is_stopping())
            return fail(Code::kTimeout, "transaction " + hash_text(hash) +
                                            " is submitted but not in a block yet: ask tx_get");
        watch_.wait(seen, kWaitStepMs);
    }
}

Result<Submitter::Signed> Submitter::sign(const json& params, uint32_t type,
                                          const google::protobuf::Message& payload) {
    if (!services_.sign || !services_.key_address)
        return fail(Code::kUnsupported,
                    "this node holds no keys: submit a signed transaction with tx_submit");
    const std::string key = params.value("key", "node");
    ASSAY_ASSIGN(const auto address, services_.key_address(key));
    ASSAY_ASSIGN(const auto point, read_point(services_));
    uint64_t fee = contracts::Reader(*point.view).params().min_fee();
    if (params.contains("fee")) {
        ASSAY_ASSIGN(fee, amount_param(params, "fee"));
    }
    const Bytes encoded = ledger::encode_message(payload);
    const auto body = ledger::next_transaction(services_.engine, address, type, encoded, fee);
    ASSAY_ASSIGN(auto raw, services_.sign(key, body));
    return Signed{std::move(raw), address, body.nonce()};
}

Result<json> Submitter::sign_and_submit(const json& params, uint32_t type,
                                        const google::protobuf::Message& payload,
                                        CallContext& context) {
    SubmitOptions options = submit_options(params, SubmitMode::kWait);
    const bool wait = options.mode == SubmitMode::kWait;
    if (wait) options.mode = SubmitMode::kSync;
    Signed transaction;
    json answer;
    {
        // The next nonce is taken up only when the mempool holds this one.
        const std::lock_guard lock(signing_);
        ASSAY_ASSIGN(transaction, sign(params, type, payload));
        ASSAY_ASSIGN(answer, submit(transaction.raw, options, context));
    }
    if (wait) {
        ASSAY_ASSIGN(answer, await(ledger::tx_hash(transaction.raw), options.timeout_ms, context));
    }
    answer["sender"] = ledger::address_text(transaction.sender);
    answer["nonce"] = integer_json(transaction.nonce);
    return answer;
}

}  // namespace assay::node
