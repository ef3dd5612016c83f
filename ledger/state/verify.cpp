#include "ledger/state/verify.h"

#include <bit>
#include <string>
#include <vector>

#include "ledger/state/byte_reader.h"
#include "ledger/state/merkle_hash.h"

namespace assay::ledger {

namespace {

Error malformed(const std::string& what) {
    return fail(Code::kCorrupt, "malformed proof: " + what + "; ask another node for it");
}
Error mismatch(const std::string& what) {
    return fail(Code::kCorrupt, "proof does not lead to the " + what);
}

struct StateProof {
    ProofEnd end = ProofEnd::kEmpty;
    Hash256 other_key_hash;         // kOtherLeaf only
    Hash256 other_value_hash;       // kOtherLeaf only
    std::vector<Hash256> siblings;  // from the end of the path up to the root
};

Result<StateProof> decode_state_proof(ByteView bytes) {
    ByteReader reader(bytes);
    StateProof proof;
    if (reader.integer(1) != kStateProofFormat) return malformed("not a state proof of format 1");
    const uint64_t end = reader.integer(1);
    if (end > static_cast<uint64_t>(ProofEnd::kOtherLeaf)) return malformed("unknown end of path");
    proof.end = static_cast<ProofEnd>(end);
    if (proof.end == ProofEnd::kOtherLeaf) {
        proof.other_key_hash = reader.hash();
        proof.other_value_hash = reader.hash();
    }
    const auto count = static_cast<size_t>(reader.integer(2));
    if (count > kMaxStateSiblings) return malformed("more than 256 siblings");
    const ByteView present = reader.take((count + 7) / 8);
    if (!reader.ok()) return malformed("truncated");
    if (count % 8 != 0 && (present.back() & (0xff >> count % 8)) != 0)
        return malformed("sibling bits beyond the count");
    for (size_t i = 0; i < count; ++i) {
        const bool stored = (present[i / 8] >> (7 - i % 8) & 1) != 0;
        proof.siblings.push_back(stored ? reader.hash() : kEmptySubtree);
        if (stored && proof.siblings.back() == kEmptySubtree)
            return malformed("an empty sibling is spelt out");
    }
    if (!reader.finished()) return malformed("wrong length");
    return proof;
}

// The hash at the end of the path, if that end agrees with the claim.
Result<Hash256> hash_at_end(const StateProof& proof, const Hash256& key_hash,
                            std::optional<ByteView> value) {
    if (value.has_value() != (proof.end == ProofEnd::kSameKey))
        return mismatch(value ? "claimed value: it shows that the key is absent"
                              : "claimed absence: it shows that the key has a value");
    if (proof.end == ProofEnd::kEmpty) return kEmptySubtree;
    if (proof.end == ProofEnd::kSameKey) return state_leaf_hash(key_hash, plain_hash(*value));
    if (proof.other_key_hash == key_hash) return malformed("the other leaf has the same key");
    for (size_t i = 0; i < proof.siblings.size(); ++i)
        if (key_bit(proof.other_key_hash, i) != key_bit(key_hash, i))
            return malformed("the other leaf is not on the key's path");
    return state_leaf_hash(proof.other_key_hash, proof.other_value_hash);
}

struct LogProof {
    uint64_t first = 0;   // inclusion: index; consistency: old size
    uint64_t second = 0;  // inclusion: size; consistency: new size
    std::vector<Hash256> hashes;
};

Result<LogProof> decode_log_proof(ByteView bytes, uint8_t format) {
    ByteReader reader(bytes);
    if (reader.integer(1) != format) return malformed("not a log proof of the expected kind");
    LogProof proof;
    proof.first = reader.integer(8);
    proof.second = reader.integer(8);
    const auto count = static_cast<size_t>(reader.integer(1));
    if (count > kMaxLogSiblings) return malformed("more than 128 hashes");
    for (size_t i = 0; i < count && reader.ok(); ++i) proof.hashes.push_back(reader.hash());
    if (!reader.finished()) return malformed("wrong length");
    return proof;
}

bool is_power_of_two(uint64_t value) {
    return std::has_single_bit(value);
}

}  // namespace

Status verify_state_proof(const Hash256& state_root, ByteView key, std::optional<ByteView> value,
                          ByteView proof) {
    ASSAY_ASSIGN(const StateProof decoded, decode_state_proof(proof));
    const Hash256 key_hash = plain_hash(key);
    ASSAY_ASSIGN(Hash256 hash, hash_at_end(decoded, key_hash, value));
    size_t depth = decoded.siblings.size();
    for (const Hash256& sibling : decoded.siblings) {
        --depth;
        hash =
            key_bit(key_hash, depth) == 0 ? inner_hash(hash, sibling) : inner_hash(sibling, hash);
    }
    if (hash != state_root) return mismatch("state root");
    return {};
}

// RFC 9162, section 2.1.3.2.
Status verify_log_inclusion(const Hash256& log_root, uint64_t size, uint64_t index, ByteView event,
                            ByteView proof) {
    ASSAY_ASSIGN(const LogProof decoded, decode_log_proof(proof, kLogInclusionFormat));
    if (decoded.first != index || decoded.second != size)
        return mismatch("claimed leaf: it is for another index or log size");
    if (index >= size) return malformed("the index is not below the log size");
    uint64_t node = index;
    uint64_t last = size - 1;
    Hash256 hash = log_leaf_hash(event);
    for (const Hash256& sibling : decoded.hashes) {
        if (last == 0) return malformed("too many hashes");
        if (node % 2 == 1 || node == last) {
            hash = inner_hash(sibling, hash);
            while (node % 2 == 0 && node != 0) {
                node /= 2;
                last /= 2;
            }
        } else {
            hash = inner_hash(hash, sibling);
        }
        node /= 2;
        last /= 2;
    }
    if (last != 0) return malformed("too few hashes");
    if (hash != log_root) return mismatch("log root");
    return {};
}

// RFC 9162, section 2.1.4.2; an empty log is a prefix of every log.
Status verify_log_consistency(uint64_t old_size, const Hash256& old_root, uint64_t new_size,
                              const Hash256& new_root, ByteView proof) {
    ASSAY_ASSIGN(const LogProof decoded, decode_log_proof(proof, kLogConsistencyFormat));
    if (decoded.first != old_size || decoded.second != new_size)
        return mismatch("claimed logs: it is for other sizes");
    if (old_size > new_size) return malformed("the old log is longer than the new one");
    std::vector<Hash256> hashes = decoded.hashes;
    if (old_size == 0 || old_size == new_size) {
        if (!hashes.empty()) return malformed("too many hashes");
        if (old_root != (old_size == 0 ? plain_hash({}) : new_root)) return mismatch("old root");
        if (new_size == 0 && new_root != plain_hash({})) return mismatch("new root");
        return {};
    }
    if (is_power_of_two(old_size)) hashes.insert(hashes.begin(), old_root);
    if (hashes.empty()) return malformed("too few hashes");
    uint64_t node = old_size - 1;
    uint64_t last = new_size - 1;
    while (node % 2 == 1) {
        node /= 2;
        last /= 2;
    }
    Hash256 old_hash = hashes[0];
    Hash256 new_hash = hashes[0];
    for (size_t i = 1; i < hashes.size(); ++i) {
        if (last == 0) return malformed("too many hashes");
        if (node % 2 == 1 || node == last) {
            old_hash = inner_hash(hashes[i], old_hash);
            new_hash = inner_hash(hashes[i], new_hash);
            while (node % 2 == 0 && node != 0) {
                node /= 2;
                last /= 2;
            }
        } else {
            new_hash = inner_hash(new_hash, hashes[i]);
        }
        node /= 2;
        last /= 2;
    }
    if (last != 0) return malformed("too few hashes");
    if (old_hash != old_root) return mismatch("old root");
    if (new_hash != new_root) return mismatch("new root");
    return {};
}

Status verify_app_state(const Hash256& app_hash, ByteView key, std::optional<ByteView> value,
                        ByteView proof) {
    if (proof.size() < kAppHashPartsBytes) return malformed("shorter than the app hash parts");
    ASSAY_ASSIGN(const AppHashParts parts, decode_app_hash_parts(proof.first(kAppHashPartsBytes)));
    if (app_hash_of(parts) != app_hash) return mismatch("app hash");
    return verify_state_proof(parts.state_root, key, value, proof.subspan(kAppHashPartsBytes));
}

Status verify_app_event(const Hash256& app_hash, uint64_t index, ByteView event, ByteView proof) {
    if (proof.size() < kAppHashPartsBytes) return malformed("shorter than the app hash parts");
    ASSAY_ASSIGN(const AppHashParts parts, decode_app_hash_parts(proof.first(kAppHashPartsBytes)));
    if (app_hash_of(parts) != app_hash) return mismatch("app hash");
    return verify_log_inclusion(parts.log_root, parts.log_size, index, event,
                                proof.subspan(kAppHashPartsBytes));
}

Status verify_app_log_growth(const Hash256& old_app_hash, const Hash256& new_app_hash,
                             ByteView proof) {
    if (proof.size() < 2 * kAppHashPartsBytes)
        return malformed("shorter than the parts of two app hashes");
    ASSAY_ASSIGN(const AppHashParts older, decode_app_hash_parts(proof.first(kAppHashPartsBytes)));
    ASSAY_ASSIGN(const AppHashParts newer,
                 decode_app_hash_parts(proof.subspan(kAppHashPartsBytes, kAppHashPartsBytes)));
    if (app_hash_of(older) != old_app_hash) return mismatch("older app hash");
    if (app_hash_of(newer) != new_app_hash) return mismatch("newer app hash");
    return verify_log_consistency(older.log_size, older.log_root, newer.log_size, newer.log_root,
                                  proof.subspan(2 * kAppHashPartsBytes));
}

Bytes encode_app_hash_parts(const AppHashParts& parts) {
    Bytes out;
    append(out, parts.state_root.view());
    append(out, parts.log_root.view());
    append_be64(out, parts.log_size);
    append(out, parts.params_hash.view());
    return out;
}

Result<AppHashParts> decode_app_hash_parts(ByteView bytes) {
    if (bytes.size() != kAppHashPartsBytes) return malformed("app hash parts are 104 bytes");
    ByteReader reader(bytes);
    AppHashParts parts;
    parts.state_root = reader.hash();
    parts.log_root = reader.hash();
    parts.log_size = reader.integer(8);
    parts.params_hash = reader.hash();
    return parts;
}

}  // namespace assay::ledger
