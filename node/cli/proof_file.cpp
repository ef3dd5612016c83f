#include "node/cli/proof_file.h"

#include <nlohmann/json.hpp>

#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "node/core/home.h"

namespace assay::node {

using nlohmann::json;

namespace {

constexpr char kFormat[] = "assay-proof-1";
constexpr uint64_t kMaxProofFileBytes = 64 << 20;
constexpr size_t kMaxHeaderBytes = 4096;

std::string hex(ByteView bytes) {
    return "0x" + to_hex(bytes);
}

Result<Bytes> hex_field(const json& document, const char* name, const std::string& where) {
    if (document.contains(name) && document[name].is_string()) {
        if (auto bytes = from_hex(document[name].get<std::string>())) return *bytes;
    }
    return fail(Code::kInvalidArgument, where + ": field '" + name + "' must be hexadecimal text");
}

}  // namespace

Result<LedgerProof> fetch_proof(Remote& remote, const ProofQuery& query) {
    json params = json::object();
    if (query.key) {
        params["key"] = hex(*query.key);
    } else {
        params["eventIndex"] = query.event_index;
    }
    if (query.height != 0) params["atHeight"] = query.height;
    ASSAY_ASSIGN(const json reply, remote.try_call("audit_getProof", params));
    LedgerProof proof;
    proof.is_event = !query.key;
    if (query.key) proof.key = *query.key;
    proof.event_index = query.event_index;
    const std::string where = "the node's proof";
    if (!reply.at("value").is_null()) {
        ASSAY_ASSIGN(proof.value, hex_field(reply, "value", where));
    }
    ASSAY_ASSIGN(proof.proof, hex_field(reply, "proof", where));
    ASSAY_ASSIGN(const json block,
                 remote.try_call("ledger_getBlock",
                                 {{"height", reply.at("height").get<uint64_t>()}, {"raw", true}}));
    ASSAY_ASSIGN(const Bytes raw, hex_field(block, "raw", "the node's block"));
    ASSAY_ASSIGN(const pb::Block decoded, ledger::decode_block(raw));
    proof.header = decoded.header();
    proof.signature = bytes_of(view_of(decoded.signature()));
    return proof;
}

std::optional<ledger::Address> home_producer(const GlobalOptions& globals) {
    const auto genesis = load_genesis(HomeLayout{globals.home});
    return genesis.ok() ? ledger::Address::from(genesis->producer()) : std::nullopt;
}

json proof_json(const LedgerProof& proof) {
    json document = {{"format", kFormat},
                     {"height", proof.header.height()},
                     {"appHash", hex(view_of(proof.header.app_hash()))},
                     {"value", proof.value ? json(hex(*proof.value)) : json(nullptr)},
                     {"proof", hex(proof.proof)},
                     {"header", hex(ledger::encode_message(proof.header))},
                     {"signature", hex(proof.signature)}};
    if (proof.is_event) {
        document["eventIndex"] = proof.event_index;
    } else {
        document["key"] = hex(proof.key);
    }
    return document;
}

Result<LedgerProof> read_proof_file(const std::string& file) {
    ASSAY_ASSIGN(const auto text, read_text(file, kMaxProofFileBytes));
    const json document = json::parse(text, nullptr, false);
    if (!document.is_object() || document.value("format", json()) != kFormat)
        return fail(Code::kInvalidArgument,
                    file + " is no proof file (format '" + kFormat +
                        "'). Remedy: make one with: assay audit prove --out FILE");
    LedgerProof proof;
    proof.is_event = document.contains("eventIndex");
    if (proof.is_event) {
        if (!document["eventIndex"].is_number_unsigned())
            return fail(Code::kInvalidArgument, file + ": field 'eventIndex' must be a number");
        proof.event_index = document["eventIndex"].get<uint64_t>();
    } else {
        ASSAY_ASSIGN(proof.key, hex_field(document, "key", file));
    }
    if (!document.contains("value") || !document["value"].is_null()) {
        ASSAY_ASSIGN(proof.value, hex_field(document, "value", file));
    }
    ASSAY_ASSIGN(proof.proof, hex_field(document, "proof", file));
    ASSAY_ASSIGN(const Bytes header, hex_field(document, "header", file));
    auto decoded = ledger::decode_canonical<pb::BlockHeader>(header, kMaxHeaderBytes, "header");
    if (!decoded) return fail(Code::kCorrupt, file + ": " + decoded.error().message);
    proof.header = std::move(*decoded);
    ASSAY_ASSIGN(proof.signature, hex_field(document, "signature", file));
    // The readable copies must not say something else than what is proven.
    if (document.value("height", json()) != json(proof.header.height()) ||
        document.value("appHash", json()) != json(hex(view_of(proof.header.app_hash()))))
        return fail(Code::kCorrupt, file + ": height and appHash are not those of the header");
    return proof;
}

}  // namespace assay::node
