#include "node/audit/proof.h"

#include "ledger/codec/block.h"
#include "ledger/state/verify.h"

namespace assay::node {

Status verify_proof(const LedgerProof& proof, const std::optional<ledger::Address>& producer) {
    const auto app_hash = hash_from(view_of(proof.header.app_hash()));
    if (!app_hash) return fail(Code::kCorrupt, "header.app_hash: must be 32 bytes");
    if (producer && text_of(producer->view()) != proof.header.producer())
        return fail(Code::kCorrupt, "header.producer: is " +
                                        to_hex(view_of(proof.header.producer())) +
                                        ", the chain's producer is " + to_hex(producer->view()));
    if (!ledger::is_signed_by_producer(proof.header, proof.signature))
        return fail(Code::kCorrupt, "signature: is not the producer's over this header");
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
