#include "compute/checkpoint/artifact.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "compute/hash/sha256.h"

namespace assay::compute {
namespace {

constexpr std::string_view kRootDomain = "assay/artifact";
constexpr size_t kEncodedHeader = 8;

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

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
    for (size_t at = 0; at < bytes.size(); at += kChunkBytes)
        manifest.chunks.push_back(
            chunk_hash(bytes.subspan(at, std::min<size_t>(kChunkBytes, bytes.size() - at))));
    return manifest;
}

Result<Manifest> manifest_of_file(const std::filesystem::path& file) {
    const std::unique_ptr<std::FILE, CloseFile> in(std::fopen(file.c_str(), "rb"));
    if (in == nullptr)
        return fail(errno == ENOENT ? Code::kNotFound : Code::kIo,
                    "cannot open " + file.string() + ": " + std::strerror(errno));
    Manifest manifest;
    Bytes chunk(kChunkBytes);
    size_t got = kChunkBytes;
    while (got == kChunkBytes) {
        got = std::fread(chunk.data(), 1, kChunkBytes, in.get());
        if (std::ferror(in.get()) != 0)
            return fail(Code::kIo, "cannot read " + file.string() + ": " + std::strerror(errno));
        if (got == 0) break;
        manifest.size += got;
        if (manifest.size > kMaxArtifactBytes) return too_big(manifest.size, file.string());
        manifest.chunks.push_back(chunk_hash({chunk.data(), got}));
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
