#include "ledger/block_check.h"

#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"

namespace assay::ledger {
namespace {

Error wrong(const std::string& field, const std::string& why) {
    return fail(Code::kCorrupt, field + ": " + why);
}

std::string hex_of(const std::string& raw) {
    return to_hex(view_of(raw));
}

Status check_known_fields(const pb::BlockHeader& header, const ChainTip& tip,
                          const pb::Genesis& genesis, uint32_t app_version) {
    if (header.chain_id() != genesis.chain_id())
        return wrong("header.chain_id",
                     "is '" + header.chain_id() + "', the chain is '" + genesis.chain_id() + "'");
    if (header.app_version() != app_version)
        return wrong("header.app_version", "is " + std::to_string(header.app_version()) +
                                               ", must be " + std::to_string(app_version));
    if (header.height() != tip.height + 1)
        return wrong("header.height", "is " + std::to_string(header.height()) + ", must be " +
                                          std::to_string(tip.height + 1));
    if (header.previous_hash() != text_of(tip.hash.view()))
        return wrong("header.previous_hash", "is " + hex_of(header.previous_hash()) +
                                                 ", the previous header's hash is " +
                                                 to_hex(tip.hash));
    if (header.producer() != genesis.producer())
        return wrong("header.producer", "is " + hex_of(header.producer()) + ", the genesis names " +
                                            hex_of(genesis.producer()));
    if (header.time_ms() <= tip.time_ms)
        return wrong("header.time_ms", "is " + std::to_string(header.time_ms()) +
                                           ", must be above the previous block's " +
                                           std::to_string(tip.time_ms));
    return {};
}

}  // namespace

std::string_view field_of(const Error& error) {
    const std::string_view message = error.message;
    return message.substr(0, message.find(':'));
}

ChainTip tip_of(const pb::BlockHeader& header) {
    return {header.height(), header.time_ms(), header_hash(header)};
}

ChainTip genesis_tip(const pb::Genesis& genesis) {
    return {0, genesis.time_ms(), Hash256{}};
}

ProposedBlock proposal_after(const ChainTip& tip) {
    ProposedBlock proposal;
    proposal.height = tip.height + 1;
    proposal.previous_hash = tip.hash;
    proposal.previous_ms = tip.height == 0 ? 0 : tip.time_ms;
    return proposal;
}

BlockInfo info_of(const ProposedBlock& proposal, const pb::Genesis& genesis, uint32_t app_version) {
    return {genesis.chain_id(),   proposal.height,
            proposal.time_ms,     beacon_after(proposal.previous_hash),
            proposal.previous_ms, proposal.misbehavior,
            app_version,          Address::from(genesis.producer())};
}

ProposedBlock proposal_of(const pb::Block& block, const ChainTip& tip) {
    ProposedBlock proposal = proposal_after(tip);
    proposal.height = block.header().height();
    proposal.time_ms = block.header().time_ms();
    proposal.transactions.reserve(static_cast<size_t>(block.transactions_size()));
    for (const std::string& tx : block.transactions())
        proposal.transactions.push_back(bytes_of(tx));
    for (const pb::Misbehavior& each : block.misbehavior())
        proposal.misbehavior.push_back({bytes_of(each.consensus_address()), each.height()});
    return proposal;
}

Status check_before_execution(const pb::Block& block, const ChainTip& tip,
                              const pb::Genesis& genesis, uint32_t app_version) {
    const pb::BlockHeader& header = block.header();
    ASSAY_RETURN_IF_ERROR(check_known_fields(header, tip, genesis, app_version));
    // A root that differs is the header's fault if the producer did not sign this header, else the
    // contents'.
    // CometBFT's signatures are beside the block (docs/formats/ledger-export.md).
    const bool is_signed =
        header.producer().empty() || is_signed_by_producer(header, view_of(block.signature()));
    if (header.transactions_root() != text_of(transactions_root(block).view())) {
        return is_signed ? wrong("transactions", "do not match the signed header.transactions_root")
                         : wrong("header.transactions_root", "is not the transactions' root");
    }
    if (header.results_root() != text_of(results_root(block).view())) {
        return is_signed ? wrong("results", "do not match the signed header.results_root")
                         : wrong("header.results_root", "is not the results' root");
    }
    if (!is_signed) return wrong("signature", "is not the producer's over this header");
    return {};
}

Status check_after_execution(const pb::Block& block, const FinalizedBlock& executed) {
    for (int i = 0; i < block.results_size(); ++i) {
        const pb::TxResult& claimed = block.results(i);
        const pb::TxResult& actual = executed.results[static_cast<size_t>(i)];
        const std::string field = "results[" + std::to_string(i) + "]";
        const bool may_be_there = is_included(static_cast<TxCode>(actual.code()));
        const std::string reason =
            may_be_there || executed.refusal.empty() ? "" : ": " + executed.refusal;
        if (claimed.code() != actual.code())
            return wrong(field + ".code", "is " + std::to_string(claimed.code()) +
                                              ", execution gives " + std::to_string(actual.code()) +
                                              reason);
        if (claimed.fee_charged() != actual.fee_charged())
            return wrong(field + ".fee_charged", "is " + std::to_string(claimed.fee_charged()) +
                                                     ", execution gives " +
                                                     std::to_string(actual.fee_charged()));
        if (!may_be_there)
            return wrong("transactions[" + std::to_string(i) + "]",
                         "code " + std::to_string(actual.code()) + " (" +
                             std::string(tx_code_name(static_cast<TxCode>(actual.code()))) +
                             ") may not be in a block" + reason);
    }
    if (block.header().app_hash() != text_of(executed.app_hash.view()))
        return wrong("header.app_hash", "is " + hex_of(block.header().app_hash()) +
                                            ", execution gives " + to_hex(executed.app_hash));
    return {};
}

}  // namespace assay::ledger
