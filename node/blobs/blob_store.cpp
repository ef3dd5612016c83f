#include "node/blobs/blob_store.h"

#include <algorithm>
#include <chrono>
#include <fstream>

#include "node/blobs/folder.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxManifestBytes = 8 + 32 * (compute::kMaxArtifactBytes / compute::kChunkBytes);
constexpr size_t kCachedManifests = 8;
// What a killed process left in tmp/ is removed when it is older than any write takes.
constexpr auto kStaleTemporary = std::chrono::hours(24);

Error io_error(const fs::path& path, const std::error_code& error) {
    return fail(Code::kIo, path.string() + ": " + error.message());
}

std::string chunk_name(const Hash256& root, uint32_t index) {
    return "artifact " + to_hex(root) + " chunk " + std::to_string(index);
}

void remove_stale(const fs::path& folder) {
    std::error_code error;
    const auto now = fs::file_time_type::clock::now();
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const auto written = fs::last_write_time(entry.path(), error);
        if (!error && now - written > kStaleTemporary) fs::remove(entry.path(), error);
    }
}

}  // namespace

Result<std::unique_ptr<BlobStore>> BlobStore::open(const fs::path& folder,
                                                   const BlobOptions& options) {
    std::error_code error;
    for (const char* part : {"chunks", "manifests", "pins", "tmp"}) {
        fs::create_directories(folder / part, error);
        if (error) return io_error(folder / part, error);
    }
    remove_stale(folder / "tmp");
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

Status BlobStore::check_size(uint64_t size, const std::string& what) const {
    if (size <= options_.limit_bytes) return {};
    return fail(Code::kLimit,
                what + " has " + std::to_string(size) + " bytes; the store holds at most " +
                    std::to_string(options_.limit_bytes) + ". Remedy: a larger blobLimitMb");
}

Status BlobStore::write_leaf(const Hash256& leaf, ByteView data) {
    const auto path = chunk_path(leaf);
    // The bytes are compared, not the size alone: writing a chunk again repairs a damaged one.
    const auto there = read_file(path, data.size());
    if (there.ok() && std::equal(there->begin(), there->end(), data.begin(), data.end())) return {};
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return io_error(path.parent_path(), error);
    return write_file(temporary_folder(), path, data);
}

Status BlobStore::write_manifest(const Hash256& root, const compute::Manifest& manifest) {
    return write_file(temporary_folder(), manifest_path(root), compute::encode(manifest));
}

Result<StoredArtifact> BlobStore::put_file(const fs::path& file, uint64_t limit_bytes) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error)
        return fail(Code::kNotFound, "cannot read " + file.string() + ": " + error.message());
    const auto limit = std::min(limit_bytes, compute::kMaxArtifactBytes);
    if (size > limit) {
        return fail(Code::kLimit, file.string() + " has " + std::to_string(size) +
                                      " bytes; at most " + std::to_string(limit) +
                                      " are taken here");
    }
    ASSAY_RETURN_IF_ERROR(check_size(size, file.string()));
    std::ifstream in(file, std::ios::binary);
    compute::Manifest manifest;
    manifest.size = size;
    {
        ASSAY_ASSIGN(const auto lock, FolderLock::shared(lock_path()));
        Bytes chunk;
        for (uint64_t done = 0; done < size; done += chunk.size()) {
            chunk.resize(std::min(compute::kChunkBytes, size - done));
            in.read(reinterpret_cast<char*>(chunk.data()),
                    static_cast<std::streamsize>(chunk.size()));
            if (!in) return fail(Code::kIo, file.string() + " changed while it was read");
            manifest.chunks.push_back(compute::chunk_hash(chunk));
            ASSAY_RETURN_IF_ERROR(write_leaf(manifest.chunks.back(), chunk));
        }
        if (in.peek() != std::ifstream::traits_type::eof()) {
            return fail(Code::kIo, file.string() + " grew while it was read");
        }
        ASSAY_RETURN_IF_ERROR(write_manifest(manifest.root(), manifest));
    }
    const StoredArtifact stored{manifest.root(), size};
    ASSAY_RETURN_IF_ERROR(evict(stored.root, size));
    return stored;
}

Result<StoredArtifact> BlobStore::put_bytes(ByteView bytes) {
    ASSAY_RETURN_IF_ERROR(check_size(bytes.size(), "the artifact"));
    const auto manifest = compute::manifest_of(bytes);
    const StoredArtifact stored{manifest.root(), manifest.size};
    {
        ASSAY_ASSIGN(const auto lock, FolderLock::shared(lock_path()));
        for (uint32_t i = 0; i < manifest.chunks.size(); ++i) {
            const auto data =
                bytes.subspan(uint64_t{i} * compute::kChunkBytes, chunk_size(manifest, i));
            ASSAY_RETURN_IF_ERROR(write_leaf(manifest.chunks[i], data));
        }
        ASSAY_RETURN_IF_ERROR(write_manifest(stored.root, manifest));
    }
    ASSAY_RETURN_IF_ERROR(evict(stored.root, stored.size));
    return stored;
}

Status BlobStore::put_manifest(const Hash256& root, const compute::Manifest& manifest) {
    if (manifest.root() != root ||
        manifest.chunks.size() != compute::Manifest::chunk_count(manifest.size)) {
        return fail(Code::kCorrupt, "manifest does not hash to artifact " + to_hex(root));
    }
    ASSAY_RETURN_IF_ERROR(check_size(manifest.size, "artifact " + to_hex(root)));
    {
        ASSAY_ASSIGN(const auto lock, FolderLock::shared(lock_path()));
        ASSAY_RETURN_IF_ERROR(write_manifest(root, manifest));
    }
    return evict(root, manifest.size);
}

Result<BlobStore::ManifestPtr> BlobStore::find(const Hash256& root) const {
    const auto path = manifest_path(root);
    std::error_code error;
    if (!fs::exists(path, error)) {
        return fail(Code::kNotFound,
                    "artifact " + to_hex(root) + " is not in the store " + folder_.string());
    }
    {
        const std::lock_guard lock(cache_mutex_);
        for (const auto& [known, manifest] : cache_) {
            if (known == root) return manifest;
        }
    }
    const auto bytes = read_file(path, kMaxManifestBytes);
    if (!bytes.ok() && bytes.error().code != Code::kLimit) return bytes.error();
    auto decoded =
        bytes.ok() ? compute::decode_manifest(*bytes) : Result<compute::Manifest>(bytes.error());
    if (!decoded.ok() || decoded->root() != root) {
        fs::remove(path, error);
        return fail(Code::kCorrupt, "the manifest of artifact " + to_hex(root) + " (" +
                                        path.string() +
                                        ") is damaged on disk; it was removed and can be fetched "
                                        "again");
    }
    auto manifest = std::make_shared<const compute::Manifest>(std::move(decoded).value());
    const std::lock_guard lock(cache_mutex_);
    if (cache_.size() >= kCachedManifests) cache_.erase(cache_.begin());
    cache_.emplace_back(root, manifest);
    return manifest;
}

Result<compute::Manifest> BlobStore::manifest(const Hash256& root) const {
    ASSAY_ASSIGN(const auto found, find(root));
    return *found;
}

Result<std::vector<uint32_t>> BlobStore::missing_chunks(const Hash256& root) const {
    ASSAY_ASSIGN(const auto manifest, find(root));
    std::vector<uint32_t> missing;
    for (uint32_t i = 0; i < manifest->chunks.size(); ++i) {
        std::error_code error;
        const auto size = fs::file_size(chunk_path(manifest->chunks[i]), error);
        if (error || size != chunk_size(*manifest, i)) missing.push_back(i);
    }
    return missing;
}

bool BlobStore::has(const Hash256& root) const {
    const auto missing = missing_chunks(root);
    return missing.ok() && missing->empty();
}

Status BlobStore::put_chunk(const Hash256& root, uint32_t index, ByteView data) {
    ASSAY_ASSIGN(const auto lock, FolderLock::shared(lock_path()));
    ASSAY_ASSIGN(const auto manifest, find(root));
    if (index >= manifest->chunks.size() || data.size() != chunk_size(*manifest, index) ||
        compute::chunk_hash(data) != manifest->chunks[index]) {
        return fail(Code::kCorrupt, chunk_name(root, index) + " does not match its hash");
    }
    return write_leaf(manifest->chunks[index], data);
}

Result<Bytes> BlobStore::read_leaf(const Hash256& root, uint32_t index,
                                   const compute::Manifest& manifest) const {
    const auto& leaf = manifest.chunks[index];
    const auto path = chunk_path(leaf);
    auto data = read_file(path, compute::kChunkBytes);
    if (!data.ok() && data.error().code == Code::kNotFound) {
        return fail(Code::kNotFound, chunk_name(root, index) + " is not in the store");
    }
    if (!data.ok() && data.error().code != Code::kLimit) return data.error();
    if (!data.ok() || data->size() != chunk_size(manifest, index) ||
        compute::chunk_hash(*data) != leaf) {
        std::error_code ignored;
        fs::remove(path, ignored);
        return fail(Code::kCorrupt,
                    chunk_name(root, index) + " (" + path.string() +
                        ") is damaged on disk; it was removed and can be fetched again");
    }
    return data;
}

Result<Bytes> BlobStore::read_chunk(const Hash256& root, uint32_t index) const {
    ASSAY_ASSIGN(const auto manifest, find(root));
    if (index >= manifest->chunks.size()) {
        return fail(Code::kInvalidArgument, chunk_name(root, index) + " is beyond the artifact's " +
                                                std::to_string(manifest->chunks.size()) +
                                                " chunks");
    }
    touch(root);
    return read_leaf(root, index, *manifest);
}

Status BlobStore::materialise(const Hash256& root, const fs::path& file) const {
    ASSAY_ASSIGN(const auto manifest, find(root));
    const auto folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    ASSAY_ASSIGN(auto out, AtomicFile::create(folder));
    for (uint32_t i = 0; i < manifest->chunks.size(); ++i) {
        ASSAY_ASSIGN(const auto chunk, read_leaf(root, i, *manifest));
        ASSAY_RETURN_IF_ERROR(out.write(chunk));
    }
    touch(root);
    return out.commit(file);
}

Result<Bytes> BlobStore::get_bytes(const Hash256& root, uint64_t limit_bytes) const {
    ASSAY_ASSIGN(const auto manifest, find(root));
    if (manifest->size > limit_bytes) {
        return fail(Code::kLimit, "artifact " + to_hex(root) + " has " +
                                      std::to_string(manifest->size) + " bytes; at most " +
                                      std::to_string(limit_bytes) + " are read into memory");
    }
    touch(root);
    Bytes bytes;
    bytes.reserve(manifest->size);
    for (uint32_t i = 0; i < manifest->chunks.size(); ++i) {
        ASSAY_ASSIGN(const auto chunk, read_leaf(root, i, *manifest));
        append(bytes, chunk);
    }
    return bytes;
}

// A use: the time of the manifest file decides what is evicted first.
void BlobStore::touch(const Hash256& root) const {
    std::error_code ignored;
    fs::last_write_time(manifest_path(root), fs::file_time_type::clock::now(), ignored);
}

void BlobStore::pin(const Hash256& root) {
    // Failing to write a pin only makes the artifact evictable.
    if (pinned(root)) return;
    const auto written = write_file(temporary_folder(), pin_path(root), {});
    static_cast<void>(written.ok());
}

void BlobStore::unpin(const Hash256& root) {
    std::error_code ignored;
    fs::remove(pin_path(root), ignored);
}

bool BlobStore::pinned(const Hash256& root) const {
    std::error_code ignored;
    return fs::exists(pin_path(root), ignored);
}

std::vector<StoredArtifact> BlobStore::list() const {
    std::vector<StoredArtifact> artifacts;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_ / "manifests", error)) {
        const auto root = hash_named(entry.path());
        if (!root) continue;
        if (const auto found = find(*root); found.ok()) {
            artifacts.push_back({*root, (*found)->size});
        }
    }
    std::sort(artifacts.begin(), artifacts.end(),
              [](const auto& a, const auto& b) { return a.root < b.root; });
    return artifacts;
}

uint64_t BlobStore::usage_bytes() const {
    uint64_t total = 0;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "chunks", error)) {
        std::error_code gone;
        const auto size = hash_named(entry.path()) ? entry.file_size(gone) : 0;
        if (!gone) total += size;
    }
    return total;
}

}  // namespace assay::node
