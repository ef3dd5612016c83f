#include "compute/hash/leaves.h"

#include <algorithm>
#include <cstring>

#include "compute/hash/sha256_blocks.h"

namespace assay::compute {
namespace {

// One chunk on its way: whole blocks where they lie, gathered ones where pieces meet.
class Leaf {
public:
    void start(std::span<const ByteView> pieces, size_t begin, size_t bytes, uint32_t* state) {
        std::memcpy(state, kSha256Initial, sizeof kSha256Initial);
        pieces_ = pieces;
        while (!pieces_.empty() && begin >= pieces_[0].size()) {
            begin -= pieces_[0].size();
            pieces_ = pieces_.subspan(1);
        }
        offset_ = begin;
        left_ = bytes;
        length_ = bytes + 1;
        blocks_ = 0;
        started_ = padded_ = false;
    }

    // Makes blocks() at least one; false at the end of the message.
    bool more() {
        if (blocks_ > 0) return true;
        if (padded_) return false;
        if (started_ && here() >= 64) {
            at_ = pieces_[0].data() + offset_;
            blocks_ = here() / 64;
            take(64 * blocks_);
        } else {
            gather();
        }
        return true;
    }
    [[nodiscard]] const uint8_t* at() const { return at_; }
    [[nodiscard]] size_t blocks() const { return blocks_; }
    void advance(size_t blocks) {
        at_ += 64 * blocks;
        blocks_ -= blocks;
    }

private:
    // Bytes of the chunk in the current piece.
    size_t here() {
        while (left_ > 0 && offset_ == pieces_[0].size()) {
            pieces_ = pieces_.subspan(1);
            offset_ = 0;
        }
        return left_ == 0 ? 0 : std::min(left_, pieces_[0].size() - offset_);
    }
    void take(size_t bytes) {
        offset_ += bytes;
        left_ -= bytes;
    }

    // A block from several pieces, the first one (which opens with the leaf's zero), or the last.
    void gather() {
        size_t held = started_ ? 0 : 1;
        buffer_[0] = 0;
        started_ = true;
        while (held < 64 && left_ > 0) {
            const size_t part = std::min(64 - held, here());
            std::memcpy(buffer_ + held, pieces_[0].data() + offset_, part);
            take(part);
            held += part;
        }
        at_ = buffer_;
        blocks_ = 1;
        if (held == 64) return;
        blocks_ = sha256_pad(buffer_, held, length_);
        padded_ = true;
    }

    std::span<const ByteView> pieces_;  // from the current one
    size_t offset_ = 0, left_ = 0, blocks_ = 0;
    uint64_t length_ = 0;  // with the leaf's zero
    const uint8_t* at_ = nullptr;
    uint8_t buffer_[128] = {};
    bool started_ = false, padded_ = false;
};

void compress_one(uint32_t (*states)[8], const uint8_t* const* blocks, size_t count) {
    static const Sha256Blocks kNative = sha256_blocks_native();
    (kNative != nullptr ? kNative : sha256_blocks_portable)(states[0], blocks[0], count);
}

// At most lanes.width chunks.
void hash_in_step(const Sha256Lanes& lanes, std::span<const ByteView> pieces, size_t total,
                  size_t chunk_bytes, size_t first, size_t count, Hash256* leaves) {
    Leaf leaf[kMaxSha256Lanes];
    uint32_t states[kMaxSha256Lanes][8] = {};
    bool active[kMaxSha256Lanes] = {};
    for (size_t i = 0; i < count; ++i) {
        const size_t begin = (first + i) * chunk_bytes;
        leaf[i].start(pieces, begin, std::min(chunk_bytes, total - begin), states[i]);
        active[i] = true;
    }
    while (true) {
        size_t step = SIZE_MAX;
        const uint8_t* any = nullptr;
        for (size_t i = 0; i < count; ++i) {
            if (!active[i]) continue;
            if (!leaf[i].more()) {
                leaves[first + i] = sha256_digest(states[i]);
                active[i] = false;
                continue;
            }
            step = std::min(step, leaf[i].blocks());
            any = leaf[i].at();
        }
        if (any == nullptr) return;
        const uint8_t* blocks[kMaxSha256Lanes];
        for (size_t i = 0; i < lanes.width; ++i)  // a lane without work repeats another's
            blocks[i] = i < count && active[i] ? leaf[i].at() : any;
        lanes.compress(states, blocks, step);
        for (size_t i = 0; i < count; ++i)
            if (active[i]) leaf[i].advance(step);
    }
}

size_t bytes_of(std::span<const ByteView> pieces) {
    size_t bytes = 0;
    for (const ByteView& piece : pieces) bytes += piece.size();
    return bytes;
}

// The fastest way for `count` chunks: sixteen lanes take as long as nine messages by pairs.
Sha256Lanes lanes_for(size_t count) {
    static const Sha256Lanes kPair = sha256_lanes_pair(), kSixteen = sha256_lanes_sixteen();
    constexpr size_t kEnough = 10;
    if (count >= kEnough && kSixteen.compress != nullptr) return kSixteen;
    if (count >= 2 && kPair.compress != nullptr) return kPair;
    return {1, compress_one};
}

}  // namespace

void leaf_hashes(std::span<const ByteView> pieces, size_t chunk_bytes, size_t first, size_t stop,
                 Hash256* leaves) {
    const size_t total = bytes_of(pieces);
    while (first < stop) {
        const Sha256Lanes lanes = lanes_for(stop - first);
        const size_t count = std::min(lanes.width, stop - first);
        hash_in_step(lanes, pieces, total, chunk_bytes, first, count, leaves);
        first += count;
    }
}

size_t leaves_at_once(size_t count, size_t threads) {
    return std::clamp<size_t>((count + threads - 1) / threads, 1, lanes_for(count).width);
}

bool leaf_hashes_in_step(size_t width, std::span<const ByteView> pieces, size_t chunk_bytes,
                         size_t first, size_t stop, Hash256* leaves) {
    const Sha256Lanes lanes = width == 16  ? sha256_lanes_sixteen()
                              : width == 2 ? sha256_lanes_pair()
                                           : Sha256Lanes{1, compress_one};
    if (lanes.compress == nullptr) return false;
    for (; first < stop; first += width)
        hash_in_step(lanes, pieces, bytes_of(pieces), chunk_bytes, first,
                     std::min(width, stop - first), leaves);
    return true;
}

}  // namespace assay::compute
