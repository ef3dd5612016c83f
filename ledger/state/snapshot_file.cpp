#include "ledger/state/snapshot_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>

#include "ledger/state/durable_file.h"
#include "ledger/state/merkle_hash.h"

namespace assay::ledger {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "ASSAYSN1";
constexpr size_t kHeadBytes = 8 + 8 + 8;  // magic, height, offset of the index
constexpr size_t kPairFraming = 8;
constexpr size_t kPairMemoryBytes = 128;           // of Gathered and its two heap blocks
constexpr size_t kAskEvery = 4096;                 // pairs between two questions whether to go on
constexpr size_t kHardMaxChunkBytes = 15'900'000;  // an engine's message of 16 MB
constexpr uint8_t kFirstDepth = 4;                 // of the parts that the first scan counts

struct Size {
    uint64_t bytes = 1;  // as a chunk
    uint64_t pairs = 0;
    void add(ByteView key, ByteView value) {
        bytes += kPairFraming + key.size() + value.size();
        ++pairs;
    }
    [[nodiscard]] bool should_split() const { return bytes > kSnapshotChunkBytes && pairs > 1; }
    [[nodiscard]] uint64_t memory_bytes() const { return bytes + pairs * kPairMemoryBytes; }
};

struct Gathered {
    Hash256 key_hash;
    StatePair pair;
};

Error io_error(const fs::path& file, const char* action) {
    return fail(Code::kIo, std::string(action) + " " + file.string() + ": " + std::strerror(errno) +
                               "; check the disk and its free space");
}

class Writer {
public:
    Writer(const StateSource& source, fs::path file, const std::function<bool()>& cancelled)
        : source_(source), file_(std::move(file)), cancelled_(cancelled) {}

    Status run();

private:
    // `visit` gets every pair with the hash of its key. kConflict: cancelled.
    template <typename Visit>
    Status scan(const Visit& visit);
    Status choose_chunks();
    void split(const NibblePath& path, std::span<const Size> below);
    Status split_further();
    [[nodiscard]] Status check_sizes() const;
    [[nodiscard]] Status check_room() const;
    Status write_group(size_t first, size_t last);
    Status write_all();
    Status finish();

    const StateSource& source_;
    const fs::path file_;
    const std::function<bool()>& cancelled_;
    std::ofstream out_;
    SnapshotManifest manifest_;
    std::vector<Size> sizes_;  // of the manifest's chunks
    std::vector<uint64_t> ends_;
    uint64_t at_ = 0;
};

Error was_cancelled() {
    return fail(Code::kConflict, "the snapshot was cancelled");
}

template <typename Visit>
Status Writer::scan(const Visit& visit) {
    size_t count = 0;
    bool go_on = true;
    ASSAY_RETURN_IF_ERROR(source_.view->try_scan({}, [&](ByteView key, ByteView value) {
        go_on = ++count % kAskEvery != 0 || !cancelled_();
        if (go_on) visit(plain_hash(key), key, value);
        return go_on;
    }));
    return go_on ? Status{} : was_cancelled();
}

// As few chunks as the sizes of the parts under `path` allow.
void Writer::split(const NibblePath& path, std::span<const Size> below) {
    Size sum;
    for (const Size& part : below) {
        sum.bytes += part.bytes - 1;
        sum.pairs += part.pairs;
    }
    if (path.length > 0 && (below.size() == 1 || !sum.should_split())) {
        manifest_.chunks.push_back({path, {}});
        sizes_.push_back(sum);
        return;
    }
    const size_t share = below.size() / Node::kSlots;
    for (uint8_t nibble = 0; nibble < Node::kSlots; ++nibble)
        split(path.child(nibble), below.subspan(nibble * share, share));
}

// Keys that were ground to fall together: one scan for each level that they go deeper.
Status Writer::split_further() {
    std::map<size_t, std::array<Size, Node::kSlots>> children;
    for (size_t i = 0; i < sizes_.size(); ++i)
        if (sizes_[i].should_split() && manifest_.chunks[i].path.length < kMaxSnapshotDepth)
            children[i] = {};
    if (children.empty()) return {};
    ASSAY_RETURN_IF_ERROR(scan([&](const Hash256& hash, ByteView key, ByteView value) {
        const size_t index = chunk_index(manifest_.chunks, hash);
        const auto found = children.find(index);
        if (found == children.end()) return;
        const uint8_t nibble = key_nibble(hash, manifest_.chunks[index].path.length);
        found->second.at(nibble).add(key, value);
    }));
    const std::vector<Subtree> before = std::move(manifest_.chunks);
    const std::vector<Size> sizes_before = std::move(sizes_);
    manifest_.chunks.clear();
    sizes_.clear();
    for (size_t i = 0; i < before.size(); ++i) {
        const auto found = children.find(i);
        split(before[i].path, found == children.end() ? std::span(&sizes_before[i], 1)
                                                      : std::span<const Size>(found->second));
    }
    return split_further();
}

Status Writer::check_sizes() const {
    if (sizes_.size() > kMaxSnapshotChunks)
        return fail(Code::kLimit, "snapshot: " + std::to_string(sizes_.size()) +
                                      " chunks are above the limit of " +
                                      std::to_string(kMaxSnapshotChunks));
    for (const Size& size : sizes_)
        if (size.bytes > kHardMaxChunkBytes)
            return fail(Code::kLimit, "snapshot: a chunk of " + std::to_string(size.bytes) +
                                          " bytes is above the limit of " +
                                          std::to_string(kHardMaxChunkBytes));
    return {};
}

Status Writer::check_room() const {
    uint64_t needed = kFreeDiskBytes;
    for (const Size& size : sizes_) needed += size.bytes;
    std::error_code error;
    const fs::space_info space = fs::space(file_.parent_path(), error);
    if (error || space.available >= needed) return {};  // what cannot be asked is tried
    return fail(Code::kIo, "snapshot: " + std::to_string(needed >> 20) +
                               " MiB must be free beside " + file_.string() + ", there are " +
                               std::to_string(space.available >> 20) +
                               ". Remedy: free some space, or \"snapshotInterval\": 0");
}

Status Writer::choose_chunks() {
    std::vector<Size> parts(size_t{1} << (4 * kFirstDepth));
    ASSAY_RETURN_IF_ERROR(scan([&](const Hash256& hash, ByteView key, ByteView value) {
        parts[size_t{hash.bytes[0]} << 8 | hash.bytes[1]].add(key, value);
    }));
    split({}, parts);
    ASSAY_RETURN_IF_ERROR(split_further());
    ASSAY_RETURN_IF_ERROR(check_sizes());
    return check_room();
}

// Chunks [first, last).
Status Writer::write_group(size_t first, size_t last) {
    std::vector<Gathered> gathered;
    size_t pairs_in_all = 0;
    for (size_t index = first; index < last; ++index) pairs_in_all += sizes_[index].pairs;
    gathered.reserve(pairs_in_all);
    ASSAY_RETURN_IF_ERROR(scan([&](const Hash256& hash, ByteView key, ByteView value) {
        const size_t index = chunk_index(manifest_.chunks, hash);
        if (index >= first && index < last)
            gathered.push_back({hash, {bytes_of(key), bytes_of(value)}});
    }));
    std::sort(gathered.begin(), gathered.end(),
              [](const Gathered& a, const Gathered& b) { return a.key_hash < b.key_hash; });
    auto next = gathered.begin();
    for (size_t index = first; index < last; ++index) {
        if (cancelled_()) return was_cancelled();
        Subtree& chunk = manifest_.chunks[index];
        std::vector<StatePair> pairs;
        std::vector<LeafChange> leaves;
        for (; next != gathered.end() && chunk.path.is_prefix_of(next->key_hash); ++next) {
            leaves.push_back({next->key_hash, plain_hash(next->pair.second)});
            pairs.push_back(std::move(next->pair));
        }
        WrittenNodes unused;
        chunk.slot = build_subtree(chunk.path, leaves, 0, unused);
        const Bytes bytes = encode_chunk(pairs);
        out_ << text_of(bytes);
        at_ += bytes.size();
        ends_.push_back(at_);
    }
    return {};
}

Status Writer::finish() {
    if (join_subtrees(manifest_.chunks, 0).root != manifest_.parts.state_root)
        return fail(Code::kCorrupt,
                    "snapshot: the stored values do not have the state root of height " +
                        std::to_string(source_.record.height));
    Bytes index;
    const Bytes manifest = encode_manifest(manifest_);
    if (manifest.size() > kMaxManifestBytes)
        return fail(Code::kLimit, "snapshot: a manifest of " + std::to_string(manifest.size()) +
                                      " bytes is above the limit of " +
                                      std::to_string(kMaxManifestBytes));
    append_be32(index, static_cast<uint32_t>(manifest.size()));
    append(index, manifest);
    for (const uint64_t end : ends_) append_be64(index, end);
    Bytes head = bytes_of(kMagic);
    append_be64(head, source_.record.height);
    append_be64(head, at_);
    out_ << text_of(index);
    out_.seekp(0);
    out_ << text_of(head);
    out_.close();
    return {};
}

Status Writer::write_all() {
    manifest_.parts = source_.record.parts;
    manifest_.log_edge = source_.log_edge;
    ASSAY_RETURN_IF_ERROR(choose_chunks());
    out_ << std::string(kHeadBytes, '\0');
    at_ = kHeadBytes;
    for (size_t first = 0; first < sizes_.size();) {
        size_t last = first;
        for (uint64_t bytes = 0; last < sizes_.size(); ++last) {
            bytes += sizes_[last].memory_bytes();
            if (bytes > kGatherBytes && last > first) break;
        }
        ASSAY_RETURN_IF_ERROR(write_group(first, last));
        first = last;
    }
    return finish();
}

Status Writer::run() {
    std::error_code error;
    fs::create_directories(file_.parent_path(), error);
    const fs::path unfinished = file_.string() + ".new";
    out_.open(unfinished, std::ios::binary | std::ios::trunc);
    Status written = write_all();
    if (written.ok() && !out_.good()) written = io_error(file_, "cannot write");
    if (written.ok()) written = put_in_place(unfinished, file_);
    if (written.ok()) return {};
    out_.close();
    fs::remove(unfinished, error);
    return written;
}

Result<Bytes> read_range(std::ifstream& in, const fs::path& file, uint64_t from, uint64_t size) {
    Bytes bytes(size);
    in.seekg(static_cast<std::streamoff>(from));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
    if (!in.good()) return io_error(file, "cannot read");
    return bytes;
}

}  // namespace

Status write_snapshot(const StateSource& source, const fs::path& file,
                      const std::function<bool()>& cancelled) {
    return Writer(source, file, cancelled).run();
}

Result<SnapshotFile> SnapshotFile::open(const fs::path& file) {
    const auto changed = [&file](const char* what) {
        return fail(Code::kCorrupt, file.string() + ": " + what + "; remove the file");
    };
    SnapshotFile opened;
    opened.file_ = file;
    std::ifstream in(file, std::ios::binary);
    std::error_code error;
    const uint64_t size = fs::file_size(file, error);
    if (!in.good() || error) return io_error(file, "cannot read");
    if (size < kHeadBytes + 4) return changed("too short for a snapshot");
    ASSAY_ASSIGN(const Bytes head, read_range(in, file, 0, kHeadBytes));
    if (text_of(head).substr(0, kMagic.size()) != kMagic) return changed("no snapshot");
    opened.height_ = read_be64(ByteView(head).subspan(8));
    const uint64_t index_at = read_be64(ByteView(head).subspan(16));
    if (index_at < kHeadBytes || index_at > size - 4) return changed("its index is outside");
    ASSAY_ASSIGN(const Bytes length, read_range(in, file, index_at, 4));
    const uint64_t manifest_bytes = read_be32(length);
    if (manifest_bytes > size - index_at - 4) return changed("its manifest is cut short");
    ASSAY_ASSIGN(opened.manifest_, read_range(in, file, index_at + 4, manifest_bytes));
    ASSAY_ASSIGN(const SnapshotManifest manifest, decode_manifest(opened.manifest_));
    opened.manifest_hash_ = plain_hash(opened.manifest_);
    opened.params_hash_ = manifest.parts.params_hash;
    const size_t count = manifest.chunks.size();
    if (size != index_at + 4 + manifest_bytes + 8 * count) return changed("wrong length");
    ASSAY_ASSIGN(const Bytes ends, read_range(in, file, size - 8 * count, 8 * count));
    uint64_t before = kHeadBytes;
    for (size_t i = 0; i < count; ++i) {
        const uint64_t end = read_be64(ByteView(ends).subspan(8 * i));
        if (end < before || end > index_at) return changed("its index is out of order");
        opened.ends_.push_back(before = end);
    }
    return opened;
}

Result<Bytes> SnapshotFile::chunk(size_t index) const {
    if (index >= ends_.size())
        return fail(Code::kNotFound, "the snapshot of height " + std::to_string(height_) +
                                         " has no chunk " + std::to_string(index));
    const uint64_t begin = index == 0 ? kHeadBytes : ends_[index - 1];
    std::ifstream in(file_, std::ios::binary);
    return read_range(in, file_, begin, ends_[index] - begin);
}

}  // namespace assay::ledger
