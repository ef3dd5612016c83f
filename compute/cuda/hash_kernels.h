// Leaf hashes of chunks (compute/hash/sha256.h) on blocks: one thread a chunk, whose blocks of
// SHA-256 follow each other; a device is filled by many chunks. Bytes are read as little-endian
// words, as every target has them; in shared memory a float is 32 bits and no number. Errors: none.
#pragma once

#include "compute/cuda/layer_kernels.h"

namespace assay::compute::gpu {

struct HashPiece {
    const uint32_t* words;
    int64_t first;  // its first word's index in the whole
};

// leaves[8 * i ...] = SHA-256(0x00, chunk i), as words. A thread hashes a chunk, and all threads of
// the block bring the next words of its chunks, side by side, to shared memory.
struct ChunkLeaves {
    static constexpr int64_t kChunks = 8;  // a block: few, so that few chunks fill a device
    static constexpr int64_t kStage = 7;   // blocks of SHA-256 at a time
    static constexpr int64_t kWords = 16 * kStage;
    static constexpr int64_t kRow = kWords + 1;         // of one chunk, in a bank of its own
    static constexpr int64_t kStates = kChunks * kRow;  // after the words: 8 a chunk
    static constexpr int64_t kCarries = kStates + kChunks * 8;  // and a byte that waits
    static_assert(kCarries + kChunks <= kTileFloats);
    const HashPiece* pieces;  // and one after the last, with `first` = words
    int64_t piece_count;
    int64_t words, chunk_words;
    uint32_t* leaves;
    uint32_t initial[8], rounds[64];

    ASSAY_HD int64_t chunks() const { return (words + chunk_words - 1) / chunk_words; }
    ASSAY_HD int64_t blocks() const { return (chunks() + kChunks - 1) / kChunks; }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        float* tile = block.tile();
        const int64_t first = block.index() * kChunks, count = least(kChunks, chunks() - first);
        block.each(count * 8, [&](int64_t i) { tile[kStates + i] = from_bits(initial[i % 8]); });
        block.each(count, [&](int64_t c) { tile[kCarries + c] = 0.0F; });  // the leaf's prefix
        for (int64_t b = 0; b <= last_block(first); b += kStage) {         // no chunk is longer
            block.each(count * kWords, [&](int64_t i) {
                const int64_t c = i / kWords, k = i % kWords;
                tile[c * kRow + k] = from_bits(word(first + c, 16 * b + k));
            });
            block.each(count, [&](int64_t c) { hash(tile, c, first + c, b); });
        }
        block.each(count * 8,
                   [&](int64_t i) { leaves[8 * first + i] = to_bits(tile[kStates + i]); });
    }

private:
    ASSAY_HD int64_t length(int64_t chunk) const {
        return least(chunk_words, words - chunk * chunk_words);
    }
    // The words, one with the mark, two with the length.
    ASSAY_HD int64_t last_block(int64_t chunk) const { return (length(chunk) + 2) / 16; }

    // Word i of a chunk, big-endian; after its end the mark, then zeros.
    ASSAY_HD uint32_t word(int64_t chunk, int64_t i) const {
        if (i >= length(chunk)) return i == length(chunk) ? 0x80000000U : 0;
        const int64_t at = chunk * chunk_words + i;
        int64_t low = 0, high = piece_count;  // the last piece that begins at or before it
        while (high - low > 1) {
            const int64_t middle = (low + high) / 2;
            (pieces[middle].first <= at ? low : high) = middle;
        }
        const uint32_t x = pieces[low].words[at - pieces[low].first];
        return x << 24 | (x & 0xFF00U) << 8 | (x >> 8 & 0xFF00U) | x >> 24;
    }

    static ASSAY_HD uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

    // The blocks of SHA-256 from b on that lie in the tile.
    ASSAY_HD void hash(float* tile, int64_t row, int64_t chunk, int64_t b) const {
        const int64_t last = last_block(chunk), stop = least(b + kStage, last + 1);
        const uint64_t bits = static_cast<uint64_t>(4 * length(chunk) + 1) * 8;
        float* kept = tile + kStates + 8 * row;
        uint32_t state[8], w[16];
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) state[j] = to_bits(kept[j]);
        uint32_t carry = to_bits(tile[kCarries + row]);  // what the word before had no room for
        const float* from = tile + row * kRow;
        for (; b < stop; ++b, from += 16) {
            ASSAY_UNROLL
            for (int j = 0; j < 16; ++j) {
                const uint32_t word = to_bits(from[j]);
                w[j] = carry << 24 | word >> 8;
                carry = word & 0xFFU;
            }
            if (b == last) {
                w[14] = static_cast<uint32_t>(bits >> 32);
                w[15] = static_cast<uint32_t>(bits);
            }
            compress(state, w);
        }
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) kept[j] = from_bits(state[j]);
        tile[kCarries + row] = from_bits(carry);
    }

    ASSAY_HD void compress(uint32_t* state, uint32_t* w) const {
        uint32_t v[8];
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) v[j] = state[j];
        ASSAY_UNROLL
        for (int i = 0; i < 64; ++i) {
            uint32_t& x = w[i % 16];
            if (i >= 16) {
                const uint32_t a = w[(i + 1) % 16], b = w[(i + 14) % 16];
                x += (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[(i + 9) % 16] +
                     (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
            }
            const uint32_t t1 = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) +
                                ((v[4] & v[5]) ^ (~v[4] & v[6])) + rounds[i] + x;
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
