// Leaf hashes of chunks (compute/hash/sha256.h) on blocks. A chunk's blocks of SHA-256 follow each
// other, so what one block takes is what counts: one thread a chunk does nothing but the rounds,
// while others bring the next words and expand their schedules. Bytes are read as little-endian
// words, as every target has them; in shared memory a float is 32 bits and no number. Errors: none.
#pragma once

#include "compute/cuda/layer_kernels.h"

namespace assay::compute::gpu {

struct HashPiece {
    const uint32_t* words;
    int64_t first;  // its first word's index in the whole
};

// leaves[8 * i ...] = SHA-256(0x00, chunk i), as words.
struct ChunkLeaves {
    static constexpr int kChunks = 8;  // a block: few, so that few chunks fill a device
    static constexpr int kStage = 7;   // blocks of SHA-256 at a time
    // Of one block of SHA-256: word t of all chunks side by side, and space between the banks.
    static constexpr int kStep = (64 + 1) * kChunks;
    static constexpr int kBuffer = kStage * kStep;
    static constexpr int kStates = 2 * kBuffer;  // after two buffers of schedules: 8 words a chunk
    static constexpr int kTileFloats = kStates + 8 * kChunks;
    static constexpr int kFirstExpander = 32;  // not in the warp of those that hash
    const HashPiece* pieces;                   // and one after the last, with `first` = words
    int64_t piece_count;
    int64_t words, chunk_words;
    uint32_t* leaves;
    uint32_t initial[8], rounds[64];

    ASSAY_HD int64_t chunks() const { return (words + chunk_words - 1) / chunk_words; }
    ASSAY_HD int64_t blocks() const { return (chunks() + kChunks - 1) / kChunks; }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        float* const states = block.tile() + kStates;
        const int64_t first = block.index() * kChunks, count = least(kChunks, chunks() - first);
        const int64_t last = last_block(first);  // no chunk is longer
        block.each(count * 8, [&](int64_t i) { states[i] = from_bits(initial[i % 8]); });
        // Schedules of the first stage alone, then each stage's rounds beside the next's schedules.
        float *now = block.tile() + kBuffer, *next = block.tile();
        for (int64_t b = -kStage; b <= last; b += kStage) {
            block.each(kFirstExpander + kStage * kChunks, [&](int64_t turn) {
                const int i = static_cast<int>(turn), c = i % kChunks;
                if (c >= count) return;
                if (i >= kFirstExpander) {
                    const int step = (i - kFirstExpander) / kChunks;
                    expand(first + c, b + kStage + step, next + step * kStep + c);
                } else if (i < kChunks && b >= 0) {
                    hash(first + c, b, now + c, states + 8 * c);
                }
            });
            float* const done = now;
            now = next;
            next = done;
        }
        block.each(count * 8, [&](int64_t i) { leaves[8 * first + i] = to_bits(states[i]); });
    }

private:
    ASSAY_HD int64_t length(int64_t chunk) const {
        return least(chunk_words, words - chunk * chunk_words);
    }
    // The words, one with the mark, two with the length.
    ASSAY_HD int64_t last_block(int64_t chunk) const { return (length(chunk) + 2) / 16; }

    // The last piece that begins at or before this word.
    ASSAY_HD int64_t piece_of(int64_t at) const {
        int64_t low = 0, high = piece_count;
        while (high - low > 1) {
            const int64_t middle = (low + high) / 2;
            (pieces[middle].first <= at ? low : high) = middle;
        }
        return low;
    }

    static ASSAY_HD uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

    // The schedule of block b of a chunk, with the rounds' constants: word t at to[kChunks * t].
    ASSAY_HD void expand(int64_t chunk, int64_t b, float* to) const {
        const int64_t size = length(chunk), last = last_block(chunk);
        if (b > last) return;
        // The leaf's prefix is a byte, so a word of the message is three bytes of one word and the
        // fourth of the word before; after the last word there is the mark, then zeros.
        const int64_t start = chunk * chunk_words;
        int64_t i = 16 * b - 1;
        int64_t piece = piece_of(start + least(i < 0 ? 0 : i, size - 1));
        uint32_t w[16], before = 0;
        ASSAY_UNROLL
        for (int j = -1; j < 16; ++j, ++i) {
            uint32_t word = 0;
            if (i >= 0 && i < size) {
                while (pieces[piece + 1].first <= start + i) ++piece;
                const uint32_t x = pieces[piece].words[start + i - pieces[piece].first];
                word = x << 24 | (x & 0xFF00U) << 8 | (x >> 8 & 0xFF00U) | x >> 24;
            } else if (i == size) {
                word = 0x80000000U;
            }
            if (j >= 0) w[j] = before << 24 | word >> 8;
            before = word;
        }
        if (b == last) {
            const uint64_t bits = static_cast<uint64_t>(4 * size + 1) * 8;
            w[14] = static_cast<uint32_t>(bits >> 32);
            w[15] = static_cast<uint32_t>(bits);
        }
        ASSAY_UNROLL
        for (int t = 0; t < 64; ++t) {
            uint32_t& x = w[t % 16];
            if (t >= 16) {
                const uint32_t y = w[(t + 1) % 16], z = w[(t + 14) % 16];
                x += (turn(y, 7) ^ turn(y, 18) ^ y >> 3) + w[(t + 9) % 16] +
                     (turn(z, 17) ^ turn(z, 19) ^ z >> 10);
            }
            to[kChunks * t] = from_bits(x + rounds[t]);
        }
    }

    // The blocks of one stage: b and those after it.
    ASSAY_HD void hash(int64_t chunk, int64_t b, const float* schedule, float* kept) const {
        const int64_t stop = least(b + kStage, last_block(chunk) + 1);
        uint32_t state[8];
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) state[j] = to_bits(kept[j]);
        for (; b < stop; ++b, schedule += kStep) compress(state, schedule);
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) kept[j] = from_bits(state[j]);
    }

    static ASSAY_HD void compress(uint32_t* state, const float* schedule) {
        uint32_t v[8];
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) v[j] = state[j];
        ASSAY_UNROLL
        for (int t = 0; t < 64; ++t) {
            const uint32_t t1 = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) +
                                ((v[4] & v[5]) ^ (~v[4] & v[6])) + to_bits(schedule[kChunks * t]);
            const uint32_t t2 = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) +
                                ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            ASSAY_UNROLL
            for (int j = 7; j > 0; --j) v[j] = v[j - 1];
            v[4] += t1;
            v[0] = t1 + t2;
        }
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) state[j] += v[j];
    }
};

}  // namespace assay::compute::gpu
