#include "ledger/state/snapshot.h"

#include <algorithm>
#include <bit>

#include "ledger/state/merkle_hash.h"
#include "ledger/state/verify.h"

namespace assay::ledger {
namespace {

constexpr uint8_t kManifestFormat = 1;
constexpr uint8_t kChunkFormat = 1;
constexpr size_t kHashBytes = 32;

Error malformed(const std::string& why) {
    return fail(Code::kCorrupt, "snapshot manifest: " + why);
}

size_t chunk_count(uint8_t depth) {
    return size_t{1} << (4 * depth);
}

// Takes bytes off the front; after the end it gives zeros and is not good().
class Reader {
public:
    explicit Reader(ByteView bytes) : rest_(bytes) {}
    ByteView take(size_t count) {
        if (count > rest_.size()) good_ = false;
        if (!good_) return {};
        const ByteView taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }
    uint8_t byte() {
        const ByteView one = take(1);
        return one.empty() ? uint8_t{0} : one[0];
    }
    uint32_t integer() {
        const ByteView four = take(4);
        return four.empty() ? 0 : read_be32(four);
    }
    Hash256 hash() { return hash_from(take(kHashBytes)).value_or(Hash256{}); }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }

private:
    ByteView rest_;
    bool good_ = true;
};

void append_slot(Bytes& out, const Slot& slot) {
    out.push_back(static_cast<uint8_t>(slot.kind));
    if (slot.kind == Slot::Kind::kInner) append(out, slot.hash.view());
    if (slot.kind != Slot::Kind::kLeaf) return;
    append(out, slot.key_hash.view());
    append(out, slot.value_hash.view());
}

std::optional<Slot> read_slot(Reader& reader) {
    switch (static_cast<Slot::Kind>(reader.byte())) {
        case Slot::Kind::kEmpty:
            return Slot{};
        case Slot::Kind::kLeaf: {
            const Hash256 key_hash = reader.hash();
            return Slot::leaf(key_hash, reader.hash());
        }
        case Slot::Kind::kInner:
            return Slot::inner(0, reader.hash());
    }
    return std::nullopt;
}

}  // namespace

Bytes encode_manifest(const SnapshotManifest& manifest) {
    Bytes out{kManifestFormat};
    append(out, encode_app_hash_parts(manifest.parts));
    for (const Hash256& peak : manifest.log_edge.peaks()) append(out, peak.view());
    out.push_back(manifest.depth);
    for (const Slot& slot : manifest.subtrees) append_slot(out, slot);
    return out;
}

Result<SnapshotManifest> decode_manifest(ByteView bytes) {
    if (bytes.size() > kMaxManifestBytes) return malformed("above the limit of 3.9 MB");
    Reader reader(bytes);
    if (reader.byte() != kManifestFormat) return malformed("unknown format");
    SnapshotManifest manifest;
    const ByteView parts = reader.take(kAppHashPartsBytes);
    if (!reader.good()) return malformed("cut short");
    ASSAY_ASSIGN(manifest.parts, decode_app_hash_parts(parts));
    std::vector<Hash256> peaks(static_cast<size_t>(std::popcount(manifest.parts.log_size)));
    for (Hash256& peak : peaks) peak = reader.hash();
    ASSAY_ASSIGN(manifest.log_edge, LogEdge::of(manifest.parts.log_size, std::move(peaks)));
    manifest.depth = reader.byte();
    if (manifest.depth < 1 || manifest.depth > kMaxSnapshotDepth)
        return malformed("depth " + std::to_string(manifest.depth) + " is not 1 to 4");
    const size_t count = chunk_count(manifest.depth);
    for (size_t i = 0; i < count && reader.good(); ++i) {
        const auto slot = read_slot(reader);
        if (!slot) return malformed("unknown kind of subtree");
        manifest.subtrees.push_back(*slot);
    }
    if (!reader.at_end()) return malformed("wrong length");
    if (manifest.log_edge.root() != manifest.parts.log_root)
        return malformed("its subtrees of the event log have another root");
    if (join_subtrees(manifest.subtrees, 0).root != manifest.parts.state_root)
        return malformed("its subtrees of the state have another root");
    return manifest;
}

NibblePath chunk_path(size_t index, uint8_t depth) {
    NibblePath path;
    for (uint8_t i = 0; i < depth; ++i)
        path = path.child(static_cast<uint8_t>(index >> (4 * (depth - 1 - i)) & 15));
    return path;
}

size_t chunk_index(const Hash256& key_hash, uint8_t depth) {
    size_t index = 0;
    for (uint8_t i = 0; i < depth; ++i) index = index << 4 | key_nibble(key_hash, i);
    return index;
}

Bytes encode_chunk(const std::vector<StatePair>& pairs) {
    Bytes out{kChunkFormat};
    for (const auto& [key, value] : pairs) {
        append_be32(out, static_cast<uint32_t>(key.size()));
        append(out, key);
        append_be32(out, static_cast<uint32_t>(value.size()));
        append(out, value);
    }
    return out;
}

Result<SnapshotChunk> decode_chunk(const SnapshotManifest& manifest, size_t index, ByteView bytes,
                                   uint64_t version) {
    const std::string name = "snapshot chunk " + std::to_string(index) + ": ";
    if (index >= manifest.subtrees.size()) return fail(Code::kCorrupt, name + "there is none");
    Reader reader(bytes);
    if (reader.byte() != kChunkFormat) return fail(Code::kCorrupt, name + "unknown format");
    SnapshotChunk chunk;
    std::vector<LeafChange> leaves;
    while (!reader.at_end()) {
        const ByteView key = reader.take(reader.integer());
        const ByteView value = reader.take(reader.integer());
        if (!reader.good()) return fail(Code::kCorrupt, name + "cut short");
        const LeafChange leaf{plain_hash(key), plain_hash(value)};
        if (chunk_index(leaf.key_hash, manifest.depth) != index)
            return fail(Code::kCorrupt, name + "holds a key of another chunk");
        if (!leaves.empty() && leaves.back().key_hash >= leaf.key_hash)
            return fail(Code::kCorrupt, name + "keys are out of order");
        leaves.push_back(leaf);
        chunk.pairs.emplace_back(bytes_of(key), bytes_of(value));
    }
    chunk.subtree = build_subtree(chunk_path(index, manifest.depth), leaves, version, chunk.nodes);
    const Slot& expected = manifest.subtrees[index];
    if (chunk.subtree.kind != expected.kind ||
        chunk.subtree.subtree_hash() != expected.subtree_hash())
        return fail(Code::kCorrupt, name + "its pairs have another root than the manifest says");
    return chunk;
}

}  // namespace assay::ledger
