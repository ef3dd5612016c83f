#include "node/audit/proof.h"

#include "ledger/codec/block.h"
#include "ledger/state/verify.h"

namespace assay::node {

namespace {

Status check_header(const LedgerProof& proof, const Hash256& app_hash, const ProofTrust& trust) {
    if (trust.app_hash) {
        if (app_hash == *trust.app_hash) return {};
        return fail(Code::kCorrupt, "header.app_hash: is " + to_hex(app_hash) + " at height " +
                                        std::to_string(proof.header.height()) +
                                        ", the one known is " + to_hex(*trust.app_hash));
    }
    if (proof.header.producer().empty())
        return fail(Code::kUnauthorized,
                    "signature: under CometBFT there is none over this header. Remedy: --app-hash, "
                    "which a light client finds in the header of height " +
                        std::to_string(proof.header.height() + 1));
    if (trust.producer && text_of(trust.producer->view()) != proof.header.producer())
        return fail(Code::kCorrupt,
                    "header.producer: is " + to_hex(view_of(proof.header.producer())) +
                        ", the chain's producer is " + to_hex(trust.producer->view()));
    if (!ledger::is_signed_by_producer(proof.header, proof.signature))
        return fail(Code::kCorrupt, "signature: is not the producer's over this header");
    return {};
}

}  // namespace

Status verify_proof(const LedgerProof& proof, const ProofTrust& trust) {
    const auto app_hash = hash_from(view_of(proof.header.app_hash()));
    if (!app_hash) return fail(Code::kCorrupt, "header.app_hash: must be 32 bytes");
    ASSAY_RETURN_IF_ERROR(check_header(proof, *app_hash, trust));
    const Status path =
        proof.is_event
            ? ledger::verify_app_event(*app_hash, proof.event_index,
                                       proof.value ? ByteView(*proof.value) : ByteView(),
                                       proof.proof)
            : ledger::verify_app_state(
                  *app_hash, proof.key,
                  proof.value ? std::optional<ByteView>(*proof.value) : std::nullopt, proof.proof);
    if (!path) return fail(path.error().code, "proof: " + path.error().message);
    return {};
}

}  // namespace assay::node
