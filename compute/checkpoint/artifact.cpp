#include "compute/checkpoint/artifact.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>

#include "compute/hash/leaves.h"
#include "compute/hash/sha256.h"

namespace assay::compute {
namespace {

constexpr std::string_view kRootDomain = "assay/artifact";
constexpr size_t kEncodedHeader = 8;

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

constexpr size_t kRunBytes = 32 * kChunkBytes;  // of a file, hashed at a time
constexpr size_t kThreadChunks = 4;             // that make a thread worth starting

// Appends the leaf hashes of the chunks of `bytes`.
void hash_chunks(ByteView bytes, std::vector<Hash256>& out) {
    const size_t count = Manifest::chunk_count(bytes.size()), first = out.size();
    out.resize(first + count);
    const size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1,
                                              std::max<size_t>(1, count / kThreadChunks));
    const size_t run = leaves_at_once(count, threads);
    std::atomic<size_t> next{0};
    const auto work = [&] {
        for (size_t i = next.fetch_add(run); i < count; i = next.fetch_add(run))
            leaf_hashes({&bytes, 1}, kChunkBytes, i, std::min(count, i + run), &out[first]);
    };
    std::vector<std::jthread> others;
    for (size_t i = 1; i < threads; ++i) others.emplace_back(work);
    work();
}

Error too_big(uint64_t size, const std::string& what) {
    return fail(Code::kLimit, what + " has " + std::to_string(size) +
                                  " bytes; an artifact holds at most " +
                                  std::to_string(kMaxArtifactBytes));
}

}  // namespace

Hash256 chunk_hash(ByteView chunk) {
    return merkle_leaf(chunk);
}

Hash256 Manifest::root() const {
    Bytes encoded_size;
    append_be64(encoded_size, size);
    return Sha256()
        .update(view_of(kRootDomain))
        .update(encoded_size)
        .update(merkle_head(chunks).view())
        .finish();
}

Manifest manifest_of(ByteView bytes) {
    Manifest manifest;
    manifest.size = bytes.size();
    hash_chunks(bytes, manifest.chunks);
    return manifest;
}

Result<Manifest> manifest_of_file(const std::filesystem::path& file) {
    const std::unique_ptr<std::FILE, CloseFile> in(std::fopen(file.c_str(), "rb"));
    if (in == nullptr)
        return fail(errno == ENOENT ? Code::kNotFound : Code::kIo,
                    "cannot open " + file.string() + ": " + std::strerror(errno));
    Manifest manifest;
    Bytes run(kRunBytes);
    size_t got = kRunBytes;
    while (got == kRunBytes) {
        got = std::fread(run.data(), 1, kRunBytes, in.get());
        if (std::ferror(in.get()) != 0)
            return fail(Code::kIo, "cannot read " + file.string() + ": " + std::strerror(errno));
        manifest.size += got;
        if (manifest.size > kMaxArtifactBytes) return too_big(manifest.size, file.string());
        hash_chunks({run.data(), got}, manifest.chunks);
    }
    return manifest;
}

Bytes encode(const Manifest& manifest) {
    Bytes out;
    out.reserve(kEncodedHeader + 32 * manifest.chunks.size());
    append_be64(out, manifest.size);
    for (const Hash256& chunk : manifest.chunks) append(out, chunk.view());
    return out;
}

Result<Manifest> decode_manifest(ByteView bytes) {
    if (bytes.size() < kEncodedHeader)
        return fail(Code::kCorrupt, "manifest of " + std::to_string(bytes.size()) +
                                        " bytes is shorter than its 8-byte size field");
    Manifest manifest;
    manifest.size = read_be64(bytes);
    if (manifest.size > kMaxArtifactBytes) return too_big(manifest.size, "manifest");
    const uint64_t count = Manifest::chunk_count(manifest.size);
    if (bytes.size() - kEncodedHeader != 32 * count)
        return fail(Code::kCorrupt, "manifest of an artifact of " + std::to_string(manifest.size) +
                                        " bytes needs " + std::to_string(count) +
                                        " chunk hashes, found " +
                                        std::to_string(bytes.size() - kEncodedHeader) + " bytes");
    manifest.chunks.resize(count);
    for (size_t i = 0; i < count; ++i)
        std::memcpy(manifest.chunks[i].bytes.data(), bytes.data() + kEncodedHeader + 32 * i, 32);
    return manifest;
}

}  // namespace assay::compute
