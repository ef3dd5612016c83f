// SHA-256 against FIPS 180-4 answers, RFC 6962 tree heads, artifacts and their manifests.
#include <algorithm>
#include <cstdio>
#include <fstream>

#include "compute/checkpoint/artifact.h"
#include "compute/hash/leaves.h"
#include "compute/hash/sha256.h"
#include "compute/kernels/backend.h"
#include "tests/compute/plain_gpu.h"
#include "tests/support/test.h"

namespace assay::compute {
namespace {

std::string digest(std::string_view text, Sha256Path path) {
    return to_hex(Sha256(path).update(view_of(text)).finish());
}

TEST(sha256, published_answers_on_both_paths) {
    const std::string million(1000000, 'a');
    const std::pair<std::string_view, const char*> answers[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
         "mnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
        {million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
    for (const auto& [text, answer] : answers) {
        EXPECT_EQ(digest(text, Sha256Path::kPortable), answer);
        EXPECT_EQ(digest(text, Sha256Path::kBest), answer);
    }
}

TEST(sha256, any_split_gives_the_same_digest) {
    Bytes bytes(300);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + 3);
    for (size_t n = 0; n <= bytes.size(); ++n) {
        const ByteView all(bytes.data(), n);
        const Hash256 plain = Sha256(Sha256Path::kPortable).update(all).finish();
        EXPECT_TRUE(sha256(all) == plain) << n;
        for (const size_t cut : {n / 3, n / 2, n - n / 5}) {
            Sha256 parts;
            parts.update(all.first(cut)).update(all.subspan(cut));
            EXPECT_TRUE(parts.finish() == plain) << n << " cut at " << cut;
        }
    }
}

// Whole chunks, a rest, pieces that end within words of a block, and lengths around the padding.
TEST(merkle, backends_hash_chunks_of_joined_pieces) {
    std::vector<uint32_t> words(301);
    for (size_t i = 0; i < words.size(); ++i) words[i] = static_cast<uint32_t>(i * 2654435761U);
    const auto* bytes = reinterpret_cast<const uint8_t*>(words.data());
    for (size_t n = 1; n <= words.size(); n += n < 40 ? 1 : 29) {
        for (const size_t chunk : {4UL, 52UL, 56UL, 60UL, 64UL, 128UL, 1024UL, 1UL << 20}) {
            std::vector<Hash256> expected;
            for (size_t at = 0; at < 4 * n; at += chunk)
                expected.push_back(merkle_leaf({bytes + at, std::min(chunk, 4 * n - at)}));
            const size_t cut = n / 3;
            const std::vector<MemoryPiece> pieces = {
                {words.data(), 0}, {words.data(), 4 * cut}, {words.data() + cut, 4 * (n - cut)}};
            const auto plain = make_plain_gpu();
            for (const int threads : {0, 1, 3}) {
                auto made = make_backend({"portable", threads});
                Backend& backend = threads == 0 ? *plain : **made;
                std::vector<Hash256> found(expected.size());
                backend.chunk_leaves(pieces, chunk, found.data());
                EXPECT_TRUE(found == expected)
                    << n << " words, chunks of " << chunk << " on " << std::string(backend.name());
            }
        }
    }
}

// Chunks of odd lengths over pieces of odd lengths, more and fewer than go in step, each way.
TEST(merkle, leaves_in_step_equal_leaves_alone) {
    Bytes bytes(9000);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i * 7 + i / 256);
    for (const size_t width : {1UL, 2UL, 16UL}) {
        for (const size_t piece : {1UL, 63UL, 64UL, 129UL, 777UL, 9000UL}) {
            std::vector<ByteView> pieces;
            for (size_t at = 0; at < bytes.size(); at += piece) {
                pieces.push_back(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
                pieces.emplace_back();
            }
            for (const size_t chunk : {1UL, 54UL, 55UL, 56UL, 63UL, 64UL, 65UL, 119UL, 500UL, 563UL,
                                       1024UL, 4500UL, 9000UL, 10000UL}) {
                std::vector<Hash256> expected;
                for (size_t at = 0; at < bytes.size(); at += chunk)
                    expected.push_back(merkle_leaf(
                        ByteView(bytes).subspan(at, std::min(chunk, bytes.size() - at))));
                std::vector<Hash256> found(expected.size()), best(expected.size());
                leaf_hashes(pieces, chunk, 0, best.size(), best.data());
                EXPECT_TRUE(best == expected) << "chunks of " << chunk << ", pieces of " << piece;
                if (!leaf_hashes_in_step(width, pieces, chunk, 0, found.size(), found.data()))
                    continue;
                EXPECT_TRUE(found == expected)
                    << width << " in step, chunks of " << chunk << ", pieces of " << piece;
            }
        }
    }
}

// RFC 6962 leaves of the published messages: SHA-256(0x00, message), from an independent program.
TEST(merkle, published_leaves_in_step) {
    const std::pair<std::string, const char*> answers[] = {
        {"abc", "609f6e36d2405585188d5cfd761f407c7cc46a7d3f314c88270469dde315fcd1"},
        {std::string(1, 'a'), "022a6979e6dab7aa5ae4c3e5e45f7e977112a7e63593820dbec1ec738a24f93c"},
        {std::string(54, 'a'), "745b56dbbdcd3981041d8580641f8112b26b8df7e50c4fdb649da06fdaaff25d"},
        {std::string(55, 'a'), "2f96780fb415b287dd95897a04ef96fde6a5f5b0c771d0a1175543bc3250718e"},
        {std::string(56, 'a'), "4632d4b47c0932896996fe232ae65a5af500608fabd0bdbfbb6856795eaf9d85"},
        {std::string(63, 'a'), "5ec0fdb427bf003f71ceb018dfedc0028590a422eaf9f15a69dd1e5a6aa03d5e"},
        {std::string(64, 'a'), "88df0645999a1bc9dec19086e862403750a069436d7ecf7775256f78279b3fcb"},
        {std::string(65, 'a'), "3f104f71a21ddad6e23bac5b43967f5eed6675a5adf0c4050de374fff8055af7"},
        {std::string(127, 'a'), "3090374357b2813502d2f9ed4d32e7e0bdee2b31c1a009e1f1f2452bfb84b5ed"},
        {std::string(1000001, 'a'),
         "2d884b4bffe9ed97991158653cf1ee423b7cc50bd1d340fdd8271763e3b71eb8"}};
    for (const auto& [text, answer] : answers) {
        for (const size_t width : {1UL, 2UL, 16UL}) {
            const ByteView piece = view_of(text);
            Hash256 leaf;
            if (!leaf_hashes_in_step(width, {&piece, 1}, 1 << 21, 0, 1, &leaf)) continue;
            EXPECT_EQ(to_hex(leaf), answer) << text.size() << " bytes, " << width << " in step";
        }
    }
}

// The eight leaves and heads that Certificate Transparency implementations share.
TEST(merkle, rfc6962_heads) {
    const char* leaves[] = {"",
                            "00",
                            "10",
                            "2021",
                            "3031",
                            "40414243",
                            "5051525354555657",
                            "606162636465666768696a6b6c6d6e6f"};
    const char* heads[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                           "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                           "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                           "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                           "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                           "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                           "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                           "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    std::vector<Hash256> hashed;
    EXPECT_EQ(to_hex(merkle_head(hashed)),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < 8; ++i) {
        hashed.push_back(merkle_leaf(*from_hex(leaves[i])));
        EXPECT_EQ(to_hex(merkle_head(hashed)), heads[i]) << i + 1 << " leaves";
    }
}

Bytes patterned(size_t size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i ^ i >> 8 ^ i >> 16);
    return bytes;
}

TEST(artifact, root_binds_size_and_chunks) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{kChunkBytes}, size_t{kChunkBytes + 1},
                              size_t{3 * kChunkBytes - 5}}) {
        const Bytes bytes = patterned(size);
        const Manifest manifest = manifest_of(bytes);
        ASSERT_EQ(manifest.size, size);
        ASSERT_EQ(manifest.chunks.size(), Manifest::chunk_count(size));
        std::vector<Hash256> leaves;
        for (size_t at = 0; at < size; at += kChunkBytes)
            leaves.push_back(
                merkle_leaf(ByteView(bytes).subspan(at, std::min<size_t>(kChunkBytes, size - at))));
        Bytes framed = bytes_of(std::string_view("assay/artifact"));
        append_be64(framed, size);
        append(framed, merkle_head(leaves).view());
        EXPECT_TRUE(manifest.root() == sha256(framed)) << size;
        Manifest other = manifest;
        other.size += 1;
        EXPECT_FALSE(other.root() == manifest.root());
    }
}

TEST(artifact, known_roots) {
    EXPECT_EQ(to_hex(manifest_of({}).root()),
              "d878e9f6f975bd9c00003f4dccd8dffc8a166dd395bed5a87bb837f5612b54e4");
    EXPECT_EQ(to_hex(manifest_of(view_of("assay")).root()),
              "07ce4fd6c884da2f237fb4f694ef4f7ad34ccffbfff5750e80f525422fdd9081");
}

TEST(artifact, manifest_survives_encoding_and_refuses_damage) {
    const Manifest manifest = manifest_of(patterned(2 * kChunkBytes + 9));
    Bytes encoded = encode(manifest);
    const auto decoded = decode_manifest(encoded);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->size, manifest.size);
    EXPECT_TRUE(decoded->chunks == manifest.chunks);
    EXPECT_TRUE(decoded->root() == manifest.root());
    encoded.push_back(0);
    EXPECT_TRUE(decode_manifest(encoded).error().code == Code::kCorrupt);
    encoded.resize(encoded.size() - 33);
    EXPECT_TRUE(decode_manifest(encoded).error().code == Code::kCorrupt);
    EXPECT_TRUE(decode_manifest(Bytes(7)).error().code == Code::kCorrupt);
    EXPECT_TRUE(decode_manifest(Bytes(8, 0xFF)).error().code == Code::kLimit);
}

TEST(artifact, a_file_has_the_manifest_of_its_bytes) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("assay_artifact_test_" + std::to_string(std::rand()));
    for (const size_t size : {size_t{0}, size_t{5}, size_t{kChunkBytes}, size_t{kChunkBytes + 7}}) {
        const Bytes bytes = patterned(size);
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(size));
        const auto manifest = manifest_of_file(path);
        ASSERT_TRUE(manifest.ok());
        EXPECT_TRUE(manifest->root() == manifest_of(bytes).root());
    }
    std::filesystem::remove(path);
    EXPECT_TRUE(manifest_of_file(path).error().code == Code::kNotFound);
}

}  // namespace
}  // namespace assay::compute
