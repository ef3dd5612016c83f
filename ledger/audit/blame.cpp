#include "ledger/audit/blame.h"

#include "ledger/codec/block.h"
#include "ledger/codec/transaction.h"

namespace assay::ledger {
namespace {

Error corrupt(const std::string& field, const std::string& why) {
    return fail(Code::kCorrupt, field + ": " + why);
}

std::string code_text(uint32_t code) {
    return std::to_string(code) + " (" + std::string(tx_code_name(static_cast<TxCode>(code))) + ")";
}

// The signed root says that some transaction changed: find it.
Error blame_transaction(const Error& first, const SuspectBlock& suspect, Application& app) {
    const pb::Block& block = suspect.block;
    for (int i = 0; i < block.transactions_size(); ++i) {
        const std::string field = "transactions[" + std::to_string(i) + "]";
        const DecodedTx tx =
            check_transaction(view_of(block.transactions(i)), block.header().chain_id());
        if (tx.code == TxCode::kMalformedSignature) return corrupt(field + ".signature", tx.log);
        if (tx.code != TxCode::kOk) return corrupt(field, tx.log);
    }
    // A changed byte makes the signature recover to a stranger, who cannot pay.
    const auto executed = app.finalize_block(proposal_of(block, suspect.tip));
    if (!executed) return first;
    for (int i = 0; i < block.transactions_size(); ++i) {
        const uint32_t actual = executed->results[static_cast<size_t>(i)].code();
        const uint32_t claimed = block.results(i).code();
        if (actual == claimed) continue;
        return corrupt("transactions[" + std::to_string(i) + "].signature",
                       "does not fit the body: execution gives " + code_text(actual) +
                           ", the signed results " + code_text(claimed));
    }
    return first;
}

Error blame_result(const Error& first, const SuspectBlock& suspect, Application& app) {
    const auto executed = app.finalize_block(proposal_of(suspect.block, suspect.tip));
    if (!executed) return first;
    const Status after = check_after_execution(suspect.block, *executed);
    return after ? first : after.error();
}

// The signature does not fit a header whose known fields are right: what is left is the signature
// itself, the app hash or the time.
Error blame_signature(const Error& first, const SuspectBlock& suspect, Application& app) {
    pb::BlockHeader header = suspect.block.header();
    if (suspect.expected_hash && header_hash(header) == *suspect.expected_hash) return first;
    const auto executed = app.finalize_block(proposal_of(suspect.block, suspect.tip));
    if (executed) {
        header.set_app_hash(std::string(text_of(executed->app_hash.view())));
        if (is_signed_by_producer(header, view_of(suspect.block.signature())))
            return corrupt("header.app_hash",
                           "is " + to_hex(view_of(suspect.block.header().app_hash())) +
                               ", execution gives " + to_hex(executed->app_hash));
    }
    if (!suspect.expected_hash) return first;
    return corrupt("header.time_ms", "is not the time that the producer signed");
}

}  // namespace

Error blame_field(const Error& first, const SuspectBlock& suspect, Application& app) {
    const std::string_view field = field_of(first);
    if (field == "transactions") return blame_transaction(first, suspect, app);
    if (field == "results") return blame_result(first, suspect, app);
    if (field == "signature") return blame_signature(first, suspect, app);
    return first;
}

}  // namespace assay::ledger
