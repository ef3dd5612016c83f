#include "compute/hash/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "compute/hash/sha256_blocks.h"

namespace assay::compute {

const uint32_t kSha256Rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

const uint32_t kSha256Initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

namespace {

uint32_t load_be32(const uint8_t* p) {
    return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3];
}

void compress_block(uint32_t* state, const uint8_t* block) {
    uint32_t w[64];
    for (size_t i = 0; i < 16; ++i) w[i] = load_be32(block + 4 * i);
    for (size_t i = 16; i < 64; ++i) {
        const uint32_t x = w[i - 15], y = w[i - 2];
        const uint32_t s0 = std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3;
        const uint32_t s1 = std::rotr(y, 17) ^ std::rotr(y, 19) ^ y >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    std::memcpy(v, state, sizeof v);
    for (size_t i = 0; i < 64; ++i) {
        const uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
        const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        const uint32_t t1 = v[7] + s1 + choice + kSha256Rounds[i] + w[i];
        const uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
        const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        const uint32_t t2 = s0 + majority;
        for (size_t j = 7; j > 0; --j) v[j] = v[j - 1];
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (size_t i = 0; i < 8; ++i) state[i] += v[i];
}

}  // namespace

void sha256_blocks_portable(uint32_t* state, const uint8_t* blocks, size_t count) {
    for (size_t i = 0; i < count; ++i) compress_block(state, blocks + 64 * i);
}

bool has_sha_instructions() {
    return sha256_blocks_native() != nullptr;
}

Sha256::Sha256(Sha256Path path) : compress_(sha256_blocks_portable) {
    std::memcpy(state_, kSha256Initial, sizeof state_);
    const Sha256Blocks native = sha256_blocks_native();
    if (path == Sha256Path::kBest && native != nullptr) compress_ = native;
}

Sha256& Sha256::update(ByteView bytes) {
    if (bytes.empty()) return *this;
    const size_t held = length_ % 64;
    length_ += bytes.size();
    if (held != 0) {
        const size_t taken = std::min(bytes.size(), 64 - held);
        std::memcpy(buffer_ + held, bytes.data(), taken);
        bytes = bytes.subspan(taken);
        if (held + taken < 64) return *this;
        compress_(state_, buffer_, 1);
    }
    const size_t whole = bytes.size() / 64;
    compress_(state_, bytes.data(), whole);
    bytes = bytes.subspan(64 * whole);
    if (!bytes.empty()) std::memcpy(buffer_, bytes.data(), bytes.size());
    return *this;
}

size_t sha256_pad(uint8_t* tail, size_t held, uint64_t bytes) {
    const size_t blocks = held < 56 ? 1 : 2;
    std::memset(tail + held, 0, 128 - held);
    tail[held] = 0x80;
    for (size_t i = 0; i < 8; ++i)
        tail[64 * blocks - 1 - i] = static_cast<uint8_t>((bytes * 8) >> (8 * i));
    return blocks;
}

Hash256 sha256_digest(const uint32_t* state) {
    Hash256 out;
    for (size_t i = 0; i < 32; ++i)
        out.bytes[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
    return out;
}

Hash256 Sha256::finish() {
    uint8_t tail[128];
    const size_t held = length_ % 64;
    std::memcpy(tail, buffer_, held);
    compress_(state_, tail, sha256_pad(tail, held, length_));
    return sha256_digest(state_);
}

Hash256 sha256(ByteView bytes) {
    return Sha256().update(bytes).finish();
}

Hash256 merkle_leaf(ByteView data) {
    constexpr uint8_t kLeaf = 0;
    return Sha256().update({&kLeaf, 1}).update(data).finish();
}

Hash256 merkle_node(const Hash256& left, const Hash256& right) {
    constexpr uint8_t kInner = 1;
    return Sha256().update({&kInner, 1}).update(left.view()).update(right.view()).finish();
}

// Pairs neighbours level by level and carries an odd last one up: the same tree as splitting at
// powers of two.
Hash256 merkle_head(std::span<const Hash256> leaves) {
    if (leaves.empty()) return sha256({});
    std::vector<Hash256> level(leaves.begin(), leaves.end());
    while (level.size() > 1) {
        size_t out = 0;
        for (size_t i = 0; i < level.size(); i += 2)
            level[out++] = i + 1 < level.size() ? merkle_node(level[i], level[i + 1]) : level[i];
        level.resize(out);
    }
    return level[0];
}

}  // namespace assay::compute
