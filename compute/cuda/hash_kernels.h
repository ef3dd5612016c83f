// Leaf hashes of chunks (compute/hash/sha256.h) on blocks: one thread a chunk, whose blocks of
// SHA-256 follow each other; a device is filled by many chunks. Bytes are read as little-endian
// words, as every target has them. Errors: none.
#pragma once

#include "compute/cuda/layer_kernels.h"

#if defined(__CUDA_ARCH__)
#define ASSAY_UNROLL _Pragma("unroll")
#else
#define ASSAY_UNROLL
#endif

namespace assay::compute::gpu {

struct HashPiece {
    const uint32_t* words;
    int64_t first;  // its first word's index in the whole
};

// leaves[8 * i ...] = SHA-256(0x00, chunk i), as words.
struct ChunkLeaves {
    static constexpr int64_t kChunks = 8;  // a block: few, so that few chunks fill a device
    const HashPiece* pieces;               // and one after the last, with `first` = words
    int64_t words, chunk_words;
    uint32_t* leaves;
    uint32_t initial[8], rounds[64];

    ASSAY_HD int64_t chunks() const { return (words + chunk_words - 1) / chunk_words; }
    ASSAY_HD int64_t blocks() const { return (chunks() + kChunks - 1) / kChunks; }
    template <class Block>
    ASSAY_HD void operator()(const Block& block) const {
        const int64_t first = block.index() * kChunks;
        block.each(least(kChunks, chunks() - first), [&](int64_t i) { hash(first + i); });
    }

private:
    struct Reader {
        const HashPiece* piece;
        const uint32_t *at, *stop;
        ASSAY_HD Reader(const HashPiece* all, int64_t word) : piece(all) {
            while (piece[1].first <= word) ++piece;
            at = piece->words + (word - piece->first);
            stop = piece->words + (piece[1].first - piece->first);
        }
        ASSAY_HD uint32_t next() {
            while (at == stop) {
                ++piece;
                at = piece->words;
                stop = at + (piece[1].first - piece->first);
            }
            const uint32_t x = *at++;
            return x << 24 | (x & 0xFF00U) << 8 | (x >> 8 & 0xFF00U) | x >> 24;
        }
    };
    static ASSAY_HD uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

    ASSAY_HD void hash(int64_t chunk) const {
        const int64_t begin = chunk * chunk_words, n = least(chunk_words, words - begin);
        const int64_t last = (n + 2) / 16;  // n words, one with the mark, two with the length
        Reader reader(pieces, begin);
        uint32_t state[8], w[16];
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) state[j] = initial[j];
        uint32_t carry = 0;  // the byte that the word before had no room for; the leaf's prefix
        for (int64_t b = 0; b <= last; ++b) {
            ASSAY_UNROLL
            for (int j = 0; j < 16; ++j) {
                const int64_t i = 16 * b + j;
                const uint32_t word = i < n ? reader.next() : i == n ? 0x80000000U : 0;
                w[j] = carry << 24 | word >> 8;
                carry = i < n ? word & 0xFFU : 0;
            }
            if (b == last) {
                const uint64_t bits = static_cast<uint64_t>(4 * n + 1) * 8;
                w[14] = static_cast<uint32_t>(bits >> 32);
                w[15] = static_cast<uint32_t>(bits);
            }
            compress(state, w);
        }
        ASSAY_UNROLL
        for (int j = 0; j < 8; ++j) leaves[8 * chunk + j] = state[j];
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
