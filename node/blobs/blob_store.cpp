#include "node/blobs/blob_store.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "node/core/files.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxManifestBytes = uint64_t{64} << 20;  // 2 million chunks: 2 TiB

Error io_error(const fs::path& path, const std::error_code& error) {
    return fail(Code::kIo, path.string() + ": " + error.message());
}

uint64_t chunk_size(const compute::Manifest& manifest, uint32_t index) {
    const uint64_t begin = uint64_t{index} * compute::kChunkBytes;
    return std::min(compute::kChunkBytes, manifest.size - begin);
}

std::string chunk_name(const Hash256& root, uint32_t index) {
    return "artifact " + to_hex(root) + " chunk " + std::to_string(index);
}

}  // namespace

Result<std::unique_ptr<BlobStore>> BlobStore::open(const fs::path& folder,
                                                   const BlobOptions& options) {
    std::error_code error;
    for (const char* part : {"chunks", "manifests", "pins"}) {
        fs::create_directories(folder / part, error);
        if (error) return io_error(folder / part, error);
    }
    return std::unique_ptr<BlobStore>(new BlobStore(folder, options));
}

fs::path BlobStore::chunk_path(const Hash256& leaf) const {
    const auto hex = to_hex(leaf);
    return folder_ / "chunks" / hex.substr(0, 2) / hex;
}
fs::path BlobStore::manifest_path(const Hash256& root) const {
    return folder_ / "manifests" / to_hex(root);
}
fs::path BlobStore::pin_path(const Hash256& root) const {
    return folder_ / "pins" / to_hex(root);
}

Status BlobStore::write_leaf(const Hash256& leaf, ByteView data) {
    const auto path = chunk_path(leaf);
    std::error_code error;
    if (fs::file_size(path, error) == data.size() && !error) return {};
    fs::create_directories(path.parent_path(), error);
    if (error) return io_error(path.parent_path(), error);
    return write_text(path, text_of(data), 0644);
}

Result<StoredArtifact> BlobStore::put_file(const fs::path& file) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error)
        return fail(Code::kNotFound, "cannot read " + file.string() + ": " + error.message());
    if (size > compute::kMaxArtifactBytes) {
        return fail(Code::kLimit, file.string() + " is larger than an artifact may be (1 TiB)");
    }
    std::ifstream in(file, std::ios::binary);
    compute::Manifest manifest;
    manifest.size = size;
    Bytes chunk;
    for (uint64_t done = 0; done < size; done += chunk.size()) {
        chunk.resize(std::min(compute::kChunkBytes, size - done));
        in.read(reinterpret_cast<char*>(chunk.data()), static_cast<std::streamsize>(chunk.size()));
        if (!in) return fail(Code::kIo, file.string() + " changed while it was read");
        manifest.chunks.push_back(compute::chunk_hash(chunk));
        ASSAY_RETURN_IF_ERROR(write_leaf(manifest.chunks.back(), chunk));
    }
    const auto root = manifest.root();
    ASSAY_RETURN_IF_ERROR(put_manifest(root, manifest));
    return StoredArtifact{root, size};
}

Result<StoredArtifact> BlobStore::put_bytes(ByteView bytes) {
    const auto manifest = compute::manifest_of(bytes);
    for (uint32_t i = 0; i < manifest.chunks.size(); ++i) {
        const auto data =
            bytes.subspan(uint64_t{i} * compute::kChunkBytes, chunk_size(manifest, i));
        ASSAY_RETURN_IF_ERROR(write_leaf(manifest.chunks[i], data));
    }
    const auto root = manifest.root();
    ASSAY_RETURN_IF_ERROR(put_manifest(root, manifest));
    return StoredArtifact{root, manifest.size};
}

Status BlobStore::put_manifest(const Hash256& root, const compute::Manifest& manifest) {
    if (manifest.root() != root) {
        return fail(Code::kCorrupt, "manifest does not hash to artifact " + to_hex(root));
    }
    ASSAY_RETURN_IF_ERROR(
        write_text(manifest_path(root), text_of(compute::encode(manifest)), 0644));
    return evict();
}

Result<compute::Manifest> BlobStore::manifest(const Hash256& root) const {
    auto text = read_text(manifest_path(root), kMaxManifestBytes);
    if (!text.ok()) {
        if (text.error().code != Code::kNotFound) return text.error();
        return fail(Code::kNotFound,
                    "artifact " + to_hex(root) + " is not in the store " + folder_.string());
    }
    auto manifest = compute::decode_manifest(view_of(*text));
    if (!manifest.ok() || manifest->root() != root) {
        std::error_code ignored;
        fs::remove(manifest_path(root), ignored);
        return fail(Code::kCorrupt, manifest_path(root).string() + " is damaged; it was removed");
    }
    return manifest;
}

Result<std::vector<uint32_t>> BlobStore::missing_chunks(const Hash256& root) const {
    ASSAY_ASSIGN(const auto manifest, this->manifest(root));
    std::vector<uint32_t> missing;
    for (uint32_t i = 0; i < manifest.chunks.size(); ++i) {
        std::error_code error;
        const auto size = fs::file_size(chunk_path(manifest.chunks[i]), error);
        if (error || size != chunk_size(manifest, i)) missing.push_back(i);
    }
    return missing;
}

bool BlobStore::has(const Hash256& root) const {
    const auto missing = missing_chunks(root);
    return missing.ok() && missing->empty();
}

Status BlobStore::put_chunk(const Hash256& root, uint32_t index, ByteView data) {
    ASSAY_ASSIGN(const auto manifest, this->manifest(root));
    if (index >= manifest.chunks.size() || data.size() != chunk_size(manifest, index) ||
        compute::chunk_hash(data) != manifest.chunks[index]) {
        return fail(Code::kCorrupt, chunk_name(root, index) + " does not match its hash");
    }
    return write_leaf(manifest.chunks[index], data);
}

Result<Bytes> BlobStore::read_leaf(const Hash256& root, uint32_t index, const Hash256& leaf,
                                   uint64_t size) const {
    const auto path = chunk_path(leaf);
    auto text = read_text(path, compute::kChunkBytes);
    if (!text.ok() && text.error().code == Code::kNotFound) {
        return fail(Code::kNotFound, chunk_name(root, index) + " is not in the store");
    }
    if (!text.ok() && text.error().code != Code::kLimit) return text.error();
    if (!text.ok() || text->size() != size || compute::chunk_hash(view_of(*text)) != leaf) {
        std::error_code ignored;
        fs::remove(path, ignored);
        return fail(Code::kCorrupt,
                    chunk_name(root, index) + " (" + path.string() +
                        ") is damaged on disk; it was removed and can be fetched again");
    }
    return bytes_of(view_of(*text));
}

Result<Bytes> BlobStore::read_chunk(const Hash256& root, uint32_t index) const {
    ASSAY_ASSIGN(const auto manifest, this->manifest(root));
    if (index >= manifest.chunks.size()) {
        return fail(Code::kInvalidArgument, chunk_name(root, index) + " is beyond the artifact's " +
                                                std::to_string(manifest.chunks.size()) + " chunks");
    }
    return read_leaf(root, index, manifest.chunks[index], chunk_size(manifest, index));
}

Status BlobStore::materialise(const Hash256& root, const fs::path& file) const {
    ASSAY_ASSIGN(const auto manifest, this->manifest(root));
    const fs::path temporary = file.string() + ".part";
    std::error_code error;
    {
        std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
        for (uint32_t i = 0; i < manifest.chunks.size(); ++i) {
            const auto chunk = read_leaf(root, i, manifest.chunks[i], chunk_size(manifest, i));
            if (!chunk.ok()) {
                out.close();
                fs::remove(temporary, error);
                return chunk.error();
            }
            out.write(reinterpret_cast<const char*>(chunk->data()),
                      static_cast<std::streamsize>(chunk->size()));
        }
        out.close();
        if (!out) {
            fs::remove(temporary, error);
            return fail(Code::kIo, "cannot write " + temporary.string());
        }
    }
    // A use: keeps the artifact from being evicted first.
    fs::last_write_time(manifest_path(root), fs::file_time_type::clock::now(), error);
    fs::rename(temporary, file, error);
    if (error) return io_error(file, error);
    return {};
}

Result<Bytes> BlobStore::get_bytes(const Hash256& root, uint64_t limit_bytes) const {
    ASSAY_ASSIGN(const auto manifest, this->manifest(root));
    if (manifest.size > limit_bytes) {
        return fail(Code::kLimit, "artifact " + to_hex(root) + " has " +
                                      std::to_string(manifest.size) + " bytes; at most " +
                                      std::to_string(limit_bytes) + " are read into memory");
    }
    Bytes bytes;
    bytes.reserve(manifest.size);
    for (uint32_t i = 0; i < manifest.chunks.size(); ++i) {
        ASSAY_ASSIGN(const auto chunk,
                     read_leaf(root, i, manifest.chunks[i], chunk_size(manifest, i)));
        append(bytes, chunk);
    }
    return bytes;
}

void BlobStore::pin(const Hash256& root) {
    // A pin is an empty file; failing to write one only makes the artifact evictable.
    const auto written = write_text(pin_path(root), "", 0644);
    static_cast<void>(written.ok());
}

std::vector<StoredArtifact> BlobStore::list() const {
    std::vector<StoredArtifact> artifacts;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_ / "manifests", error)) {
        const auto root = hash_from_hex(entry.path().filename().string());
        if (!root) continue;
        if (const auto found = manifest(*root); found.ok())
            artifacts.push_back({*root, found->size});
    }
    std::sort(artifacts.begin(), artifacts.end(),
              [](const auto& a, const auto& b) { return a.root < b.root; });
    return artifacts;
}

uint64_t BlobStore::usage_bytes() const {
    uint64_t total = 0;
    for (const auto& artifact : list()) total += artifact.size;
    return total;
}

Status BlobStore::remove(const Hash256& root) {
    ASSAY_ASSIGN(const auto doomed, manifest(root));
    std::error_code error;
    fs::remove(pin_path(root), error);
    fs::remove(manifest_path(root), error);
    // Chunks are shared between artifacts: keep what another manifest still names.
    std::set<Hash256> wanted;
    for (const auto& artifact : list()) {
        const auto other = manifest(artifact.root);
        if (other.ok()) wanted.insert(other->chunks.begin(), other->chunks.end());
    }
    for (const auto& leaf : doomed.chunks) {
        if (!wanted.contains(leaf)) fs::remove(chunk_path(leaf), error);
    }
    return {};
}

Status BlobStore::evict() {
    const std::lock_guard lock(evict_mutex_);
    struct Candidate {
        fs::file_time_type used;
        StoredArtifact artifact;
    };
    uint64_t total = 0;
    std::vector<Candidate> candidates;
    std::error_code error;
    for (const auto& artifact : list()) {
        total += artifact.size;
        if (fs::exists(pin_path(artifact.root), error)) continue;
        candidates.push_back({fs::last_write_time(manifest_path(artifact.root), error), artifact});
    }
    if (total <= options_.limit_bytes) return {};
    std::sort(candidates.begin(), candidates.end(),
              [](const auto& a, const auto& b) { return a.used < b.used; });
    // The newest is what the caller is storing right now.
    for (size_t i = 0; i + 1 < candidates.size() && total > options_.limit_bytes; ++i) {
        ASSAY_RETURN_IF_ERROR(remove(candidates[i].artifact.root));
        total -= candidates[i].artifact.size;
    }
    return {};
}

}  // namespace assay::node
