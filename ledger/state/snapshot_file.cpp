#include "ledger/state/snapshot_file.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "ledger/state/merkle_hash.h"

namespace assay::ledger {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "ASSAYSN1";
constexpr size_t kHeadBytes = 8 + 8 + 8;  // magic, height, offset of the index
constexpr size_t kGatherBytes = size_t{256} << 20;
constexpr size_t kPairOverhead = 8;
constexpr size_t kAskEvery = 4096;                 // pairs between two questions whether to go on
constexpr size_t kHardMaxChunkBytes = 15'000'000;  // an engine's message of 16 MB

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
    // `visit` gets every pair with the hash of its key. False: cancelled.
    template <typename Visit>
    bool scan(const Visit& visit);
    Status choose_depth();
    Status write_group(size_t first, size_t last);
    Status finish();

    const StateSource& source_;
    const fs::path file_;
    const std::function<bool()>& cancelled_;
    std::ofstream out_;
    SnapshotManifest manifest_;
    std::vector<uint64_t> chunk_bytes_;  // at the depth that was chosen
    std::vector<uint64_t> ends_;
    uint64_t at_ = 0;
};

template <typename Visit>
bool Writer::scan(const Visit& visit) {
    size_t count = 0;
    bool go_on = true;
    source_.view->scan({}, [&](ByteView key, ByteView value) {
        go_on = ++count % kAskEvery != 0 || !cancelled_();
        if (go_on) visit(plain_hash(key), key, value);
        return go_on;
    });
    return go_on;
}

Status Writer::choose_depth() {
    std::vector<uint64_t> bytes(size_t{1} << (4 * kMaxSnapshotDepth));
    const bool whole = scan([&](const Hash256& hash, ByteView key, ByteView value) {
        bytes[chunk_index(hash, kMaxSnapshotDepth)] += kPairOverhead + key.size() + value.size();
    });
    if (!whole) return fail(Code::kConflict, "the snapshot was cancelled");
    for (manifest_.depth = 1;; ++manifest_.depth) {
        const size_t count = size_t{1} << (4 * manifest_.depth);
        const size_t share = bytes.size() / count;
        chunk_bytes_.assign(count, 1);
        for (size_t i = 0; i < bytes.size(); ++i) chunk_bytes_[i / share] += bytes[i];
        const uint64_t largest = *std::max_element(chunk_bytes_.begin(), chunk_bytes_.end());
        if (largest <= kSnapshotChunkBytes) return {};
        if (manifest_.depth < kMaxSnapshotDepth) continue;
        if (largest <= kHardMaxChunkBytes) return {};
        return fail(Code::kLimit, "snapshot: a chunk of " + std::to_string(largest) +
                                      " bytes is above the limit of " +
                                      std::to_string(kHardMaxChunkBytes));
    }
}

// Chunks [first, last).
Status Writer::write_group(size_t first, size_t last) {
    std::vector<Gathered> gathered;
    const bool whole = scan([&](const Hash256& hash, ByteView key, ByteView value) {
        const size_t index = chunk_index(hash, manifest_.depth);
        if (index >= first && index < last)
            gathered.push_back({hash, {bytes_of(key), bytes_of(value)}});
    });
    if (!whole) return fail(Code::kConflict, "the snapshot was cancelled");
    std::sort(gathered.begin(), gathered.end(),
              [](const Gathered& a, const Gathered& b) { return a.key_hash < b.key_hash; });
    auto next = gathered.begin();
    for (size_t index = first; index < last; ++index) {
        std::vector<StatePair> pairs;
        std::vector<LeafChange> leaves;
        for (; next != gathered.end() && chunk_index(next->key_hash, manifest_.depth) == index;
             ++next) {
            leaves.push_back({next->key_hash, plain_hash(next->pair.second)});
            pairs.push_back(std::move(next->pair));
        }
        WrittenNodes unused;
        manifest_.subtrees.push_back(
            build_subtree(chunk_path(index, manifest_.depth), leaves, 0, unused));
        const Bytes chunk = encode_chunk(pairs);
        out_ << text_of(chunk);
        at_ += chunk.size();
        ends_.push_back(at_);
    }
    return {};
}

Status Writer::finish() {
    if (join_subtrees(manifest_.subtrees, 0).root != manifest_.parts.state_root)
        return fail(Code::kCorrupt,
                    "snapshot: the stored values do not have the state root of "
                    "height " +
                        std::to_string(source_.record.height));
    Bytes index;
    const Bytes manifest = encode_manifest(manifest_);
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

Status Writer::run() {
    std::error_code error;
    fs::create_directories(file_.parent_path(), error);
    const fs::path unfinished = file_.string() + ".new";
    out_.open(unfinished, std::ios::binary | std::ios::trunc);
    const auto write_all = [&]() -> Status {
        manifest_.parts = source_.record.parts;
        manifest_.log_edge = source_.log_edge;
        ASSAY_RETURN_IF_ERROR(choose_depth());
        out_ << std::string(kHeadBytes, '\0');
        at_ = kHeadBytes;
        for (size_t first = 0; first < chunk_bytes_.size();) {
            size_t last = first;
            for (uint64_t bytes = 0; last < chunk_bytes_.size(); ++last) {
                bytes += chunk_bytes_[last];
                if (bytes > kGatherBytes && last > first) break;
            }
            ASSAY_RETURN_IF_ERROR(write_group(first, last));
            first = last;
        }
        return finish();
    };
    const Status written = write_all();
    if (written.ok() && out_.good()) {
        fs::rename(unfinished, file_, error);
        if (!error) return {};
    }
    const Error failure = written.ok() ? io_error(file_, "cannot write") : written.error();
    out_.close();
    fs::remove(unfinished, error);
    return failure;
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
    const size_t count = manifest.subtrees.size();
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
