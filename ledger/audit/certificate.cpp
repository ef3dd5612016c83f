#include "ledger/audit/certificate.h"

#include <algorithm>

#include "ledger/codec/canonical.h"
#include "ledger/codec/merkle_root.h"
#include "ledger/crypto/ed25519.h"
#include "ledger/crypto/hash.h"

namespace assay::ledger {
namespace {

enum VoteFlag : uint32_t { kAbsent = 1, kForBlock = 2, kAgainst = 3 };
constexpr uint32_t kPrecommit = 2;

Error wrong(const std::string& field, const std::string& why) {
    return fail(Code::kCorrupt, "certificate." + field + ": " + why);
}

void append_varint(Bytes& out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
    out.push_back(static_cast<uint8_t>(value));
}

// Go's wrapper messages: the value as field 1, nothing where it is empty.
Bytes wrapped(const std::string& value) {
    Bytes out;
    if (value.empty()) return out;
    constexpr uint8_t kLengthDelimited = 0x0A;
    out.push_back(kLengthDelimited);
    append_varint(out, value.size());
    append(out, view_of(value));
    return out;
}

Bytes wrapped(int64_t value) {
    Bytes out;
    if (value == 0) return out;
    constexpr uint8_t kVarint = 0x08;
    out.push_back(kVarint);
    append_varint(out, static_cast<uint64_t>(value));
    return out;
}

// Go writes sub-messages also where they are empty.
abci::BlockId complete(abci::BlockId id) {
    id.mutable_part_set_header();
    return id;
}

struct Signer {
    Bytes key;
    uint64_t power = 0;
    std::array<uint8_t, 20> address{};
};

// In CometBFT's order: most power first, then by address.
std::vector<Signer> validator_set(const std::vector<ValidatorPower>& validators) {
    std::vector<Signer> signers;
    signers.reserve(validators.size());
    for (const ValidatorPower& v : validators)
        signers.push_back({v.consensus_key, v.power, ed25519_address(v.consensus_key)});
    std::sort(signers.begin(), signers.end(), [](const Signer& a, const Signer& b) {
        return a.power != b.power ? a.power > b.power : a.address < b.address;
    });
    return signers;
}

Hash256 hash_of(const std::vector<Signer>& signers) {
    std::vector<Bytes> leaves;
    for (const Signer& signer : signers) {
        abci::SimpleValidator validator;
        validator.mutable_pub_key()->set_ed25519(std::string(text_of(signer.key)));
        validator.set_voting_power(static_cast<int64_t>(signer.power));
        leaves.push_back(encode_message(validator));
    }
    return merkle_root({leaves.begin(), leaves.end()});
}

Hash256 data_hash(const pb::Block& block) {
    std::vector<Hash256> hashes;
    for (const std::string& tx : block.transactions()) hashes.push_back(sha256(view_of(tx)));
    std::vector<ByteView> leaves;
    leaves.reserve(hashes.size());
    for (const Hash256& hash : hashes) leaves.push_back(hash.view());
    return merkle_root(leaves);
}

Status check_header(const abci::Header& header, const pb::Block& block,
                    const std::vector<Signer>& signers, const std::vector<Signer>& next,
                    const Hash256& app_hash) {
    if (header.chain_id() != block.header().chain_id())
        return wrong("header.chain_id", "is '" + header.chain_id() + "'");
    if (header.height() != static_cast<int64_t>(block.header().height()))
        return wrong("header.height", "is " + std::to_string(header.height()));
    if (header.version().app() != block.header().app_version())
        return wrong("header.version.app", "is " + std::to_string(header.version().app()));
    constexpr int64_t kNanosPerMs = 1'000'000;
    const int64_t ms = header.time().seconds() * 1000 + header.time().nanos() / kNanosPerMs;
    if (ms != static_cast<int64_t>(block.header().time_ms()))
        return wrong("header.time", "is " + std::to_string(ms) + " ms, the block's is " +
                                        std::to_string(block.header().time_ms()));
    const auto equal = [](const std::string& field, const Hash256& hash) {
        return field == text_of(hash.view());
    };
    if (!equal(header.data_hash(), data_hash(block)))
        return wrong("header.data_hash", "is not of the block's transactions");
    if (!equal(header.app_hash(), app_hash))
        return wrong("header.app_hash", "is " + to_hex(view_of(header.app_hash())) +
                                            ", the state before the block has " + to_hex(app_hash));
    if (!equal(header.validators_hash(), hash_of(signers)))
        return wrong("header.validators_hash", "is not of this block's validators");
    if (!equal(header.next_validators_hash(), hash_of(next)))
        return wrong("header.next_validators_hash", "is not of the next block's validators");
    return {};
}

Status check_commit(const abci::Commit& commit, const abci::Header& header,
                    const std::vector<Signer>& signers) {
    if (commit.height() != header.height())
        return wrong("commit.height", "is " + std::to_string(commit.height()));
    if (commit.block_id().hash() != text_of(engine_header_hash(header).view()))
        return wrong("commit.block_id", "is not the header's hash");
    if (static_cast<size_t>(commit.signatures_size()) != signers.size())
        return wrong("commit.signatures", "are " + std::to_string(commit.signatures_size()) +
                                              ", there are " + std::to_string(signers.size()) +
                                              " validators at this height");
    uint64_t total = 0, agreed = 0;
    for (size_t i = 0; i < signers.size(); ++i) {
        const abci::CommitSig& vote = commit.signatures(static_cast<int>(i));
        const std::string field = "commit.signatures[" + std::to_string(i) + "]";
        total += signers[i].power;
        if (vote.block_id_flag() == kAbsent) {
            if (!vote.signature().empty() || !vote.validator_address().empty())
                return wrong(field, "is marked absent and holds a vote");
            continue;
        }
        if (vote.block_id_flag() != kForBlock && vote.block_id_flag() != kAgainst)
            return wrong(field + ".block_id_flag", "is " + std::to_string(vote.block_id_flag()));
        if (vote.validator_address() != text_of(ByteView(signers[i].address)))
            return wrong(field + ".validator_address", "is not validator " + std::to_string(i));
        if (!ed25519_verify(signers[i].key, vote_sign_bytes(header.chain_id(), commit, vote),
                            view_of(vote.signature())))
            return wrong(field, "does not verify");
        if (vote.block_id_flag() == kForBlock) agreed += signers[i].power;
    }
    if (3 * agreed <= 2 * total)
        return wrong("commit.signatures", "are of " + std::to_string(agreed) + " of " +
                                              std::to_string(total) +
                                              " voting power; more than two thirds must sign");
    return {};
}

}  // namespace

Hash256 engine_header_hash(const abci::Header& header) {
    const std::vector<Bytes> fields = {
        encode_message(header.version()),
        wrapped(header.chain_id()),
        wrapped(header.height()),
        encode_message(header.time()),
        encode_message(complete(header.last_block_id())),
        wrapped(header.last_commit_hash()),
        wrapped(header.data_hash()),
        wrapped(header.validators_hash()),
        wrapped(header.next_validators_hash()),
        wrapped(header.consensus_hash()),
        wrapped(header.app_hash()),
        wrapped(header.last_results_hash()),
        wrapped(header.evidence_hash()),
        wrapped(header.proposer_address()),
    };
    return merkle_root({fields.begin(), fields.end()});
}

Bytes vote_sign_bytes(const std::string& chain_id, const abci::Commit& commit,
                      const abci::CommitSig& signature) {
    abci::CanonicalVote vote;
    vote.set_type(kPrecommit);
    vote.set_height(commit.height());
    vote.set_round(commit.round());
    if (signature.block_id_flag() == kForBlock)
        *vote.mutable_block_id() = complete(commit.block_id());
    *vote.mutable_timestamp() = signature.timestamp();
    vote.set_chain_id(chain_id);
    const Bytes encoded = encode_message(vote);
    Bytes out;
    append_varint(out, encoded.size());
    append(out, encoded);
    return out;
}

Status check_certificate(ByteView encoded, const pb::Block& block, const Signers& signers,
                         const Hash256& app_hash) {
    ASSAY_ASSIGN(const auto certificate,
                 decode_canonical<abci::Certificate>(encoded, kMaxCertificateBytes, "certificate"));
    const std::vector<Signer> now = validator_set(signers.now);
    // Signatures first: what they stand behind is then trusted over the block.
    ASSAY_RETURN_IF_ERROR(check_commit(certificate.commit(), certificate.header(), now));
    return check_header(certificate.header(), block, now, validator_set(signers.next), app_hash);
}

}  // namespace assay::ledger
