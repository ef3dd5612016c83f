#include "ledger/state/snapshot.h"

#include <algorithm>
#include <bit>

#include "ledger/state/byte_reader.h"
#include "ledger/state/merkle_hash.h"
#include "ledger/state/verify.h"

namespace assay::ledger {
namespace {

constexpr uint8_t kManifestFormat = 2;
constexpr uint8_t kChunkFormat = 1;
constexpr uint8_t kSplit = 3;  // beside the kinds of slots: the sixteen children follow

Error malformed(const std::string& why) {
    return fail(Code::kCorrupt, "snapshot manifest: " + why);
}

void append_slot(Bytes& out, const Slot& slot) {
    out.push_back(static_cast<uint8_t>(slot.kind));
    if (slot.kind == Slot::Kind::kInner) append(out, slot.hash.view());
    if (slot.kind != Slot::Kind::kLeaf) return;
    append(out, slot.key_hash.view());
    append(out, slot.value_hash.view());
}

// The sixteen children of the split at `path`; takes their chunks off the front of `rest`.
void append_split(Bytes& out, const NibblePath& path, std::span<const Subtree>& rest) {
    for (uint8_t nibble = 0; nibble < Node::kSlots; ++nibble) {
        if (rest.front().path.length == path.length + 1) {
            append_slot(out, rest.front().slot);
            rest = rest.subspan(1);
        } else {
            out.push_back(kSplit);
            append_split(out, path.child(nibble), rest);
        }
    }
}

// One way to write each: an empty subtree is not an inner one, and a leaf lies under its path.
Status check_slot(const NibblePath& path, const Slot& slot) {
    if (slot.kind == Slot::Kind::kInner && slot.hash == kEmptySubtree)
        return malformed("an empty subtree is written as a full one");
    if (slot.kind == Slot::Kind::kLeaf && !path.is_prefix_of(slot.key_hash))
        return malformed("a leaf stands in another chunk's place");
    return {};
}

Status read_split(ByteReader& reader, const NibblePath& path, std::vector<Subtree>& chunks) {
    if (path.length == kMaxSnapshotDepth)
        return malformed("deeper than " + std::to_string(kMaxSnapshotDepth));
    for (uint8_t nibble = 0; nibble < Node::kSlots; ++nibble) {
        const NibblePath child = path.child(nibble);
        const auto kind = static_cast<uint8_t>(reader.integer(1));
        if (!reader.ok()) return malformed("cut short");
        if (kind == kSplit) {
            ASSAY_RETURN_IF_ERROR(read_split(reader, child, chunks));
            continue;
        }
        Subtree chunk{child, {}};
        if (kind == static_cast<uint8_t>(Slot::Kind::kLeaf)) {
            const Hash256 key_hash = reader.hash();
            chunk.slot = Slot::leaf(key_hash, reader.hash());
        } else if (kind == static_cast<uint8_t>(Slot::Kind::kInner)) {
            chunk.slot = Slot::inner(0, reader.hash());
        } else if (kind != static_cast<uint8_t>(Slot::Kind::kEmpty)) {
            return malformed("unknown kind of subtree");
        }
        ASSAY_RETURN_IF_ERROR(check_slot(child, chunk.slot));
        if (chunks.size() == kMaxSnapshotChunks) return malformed("too many chunks");
        chunks.push_back(chunk);
    }
    return {};
}

}  // namespace

Bytes encode_manifest(const SnapshotManifest& manifest) {
    Bytes out{kManifestFormat};
    append(out, encode_app_hash_parts(manifest.parts));
    for (const Hash256& peak : manifest.log_edge.peaks()) append(out, peak.view());
    std::span<const Subtree> rest = manifest.chunks;
    append_split(out, {}, rest);
    return out;
}

Result<SnapshotManifest> decode_manifest(ByteView bytes) {
    if (bytes.size() > kMaxManifestBytes) return malformed("above the limit of 3.9 MB");
    ByteReader reader(bytes);
    if (reader.integer(1) != kManifestFormat) return malformed("unknown format");
    SnapshotManifest manifest;
    const ByteView parts = reader.take(kAppHashPartsBytes);
    if (!reader.ok()) return malformed("cut short");
    ASSAY_ASSIGN(manifest.parts, decode_app_hash_parts(parts));
    std::vector<Hash256> peaks(static_cast<size_t>(std::popcount(manifest.parts.log_size)));
    for (Hash256& peak : peaks) peak = reader.hash();
    ASSAY_ASSIGN(manifest.log_edge, LogEdge::of(manifest.parts.log_size, std::move(peaks)));
    ASSAY_RETURN_IF_ERROR(read_split(reader, {}, manifest.chunks));
    if (!reader.finished()) return malformed("wrong length");
    if (manifest.log_edge.root() != manifest.parts.log_root)
        return malformed("its subtrees of the event log have another root");
    if (join_subtrees(manifest.chunks, 0).root != manifest.parts.state_root)
        return malformed("its subtrees of the state have another root");
    return manifest;
}

size_t chunk_index(const std::vector<Subtree>& chunks, const Hash256& key_hash) {
    const auto after = std::upper_bound(
        chunks.begin(), chunks.end(), key_hash,
        [](const Hash256& hash, const Subtree& chunk) { return hash.bytes < chunk.path.packed; });
    return static_cast<size_t>(after - chunks.begin()) - 1;
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
    if (index >= manifest.chunks.size()) return fail(Code::kCorrupt, name + "there is none");
    const Subtree& expected = manifest.chunks[index];
    ByteReader reader(bytes);
    if (reader.integer(1) != kChunkFormat) return fail(Code::kCorrupt, name + "unknown format");
    SnapshotChunk chunk;
    std::vector<LeafChange> leaves;
    while (!reader.finished()) {
        const ByteView key = reader.take(static_cast<size_t>(reader.integer(4)));
        const ByteView value = reader.take(static_cast<size_t>(reader.integer(4)));
        if (!reader.ok()) return fail(Code::kCorrupt, name + "cut short");
        const LeafChange leaf{plain_hash(key), plain_hash(value)};
        if (!expected.path.is_prefix_of(leaf.key_hash))
            return fail(Code::kCorrupt, name + "holds a key of another chunk");
        if (!leaves.empty() && leaves.back().key_hash >= leaf.key_hash)
            return fail(Code::kCorrupt, name + "keys are out of order");
        leaves.push_back(leaf);
        chunk.pairs.emplace_back(bytes_of(key), bytes_of(value));
    }
    chunk.subtree = build_subtree(expected.path, leaves, version, chunk.nodes);
    // The kind does not count: the hash alone is bound, and what is kept is built from the pairs.
    if (chunk.subtree.subtree_hash() != expected.slot.subtree_hash())
        return fail(Code::kCorrupt, name + "its pairs have another root than the manifest says");
    return chunk;
}

}  // namespace assay::ledger
