// Byte-pair encoding: one word to token ids by the merges of a vocabulary, lowest rank first and
// leftmost among equals.
//
// Ownership: owns vocabulary and merges. Threads: const access is thread-safe. Errors: kUnsupported
// or kCorrupt from open(), naming the setting; kInvalidArgument from encode() for a character that
// the vocabulary cannot express.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace assay::node {

inline constexpr size_t kMaxVocabulary = size_t{1} << 20;
inline constexpr size_t kMaxMerges = size_t{1} << 21;
inline constexpr size_t kMaxWordBytes = size_t{64} << 20;

class Bpe {
public:
    // `model`: the member `model` of a tokenizer.json.
    static Result<Bpe> open(const nlohmann::json& model);

    // Appends the ids of `word` (UTF-8).
    Status encode(std::string_view word, std::vector<int32_t>& out) const;

    const std::unordered_map<std::string, int32_t>& vocabulary() const { return ids_; }
    bool byte_fallback() const { return byte_fallback_; }

private:
    struct Merge {
        uint32_t rank = 0;
        int32_t id = 0;
    };
    Status read_merges(const nlohmann::json& list);
    Status first_symbols(std::string_view word, std::vector<int32_t>& symbols) const;
    void merge(std::vector<int32_t>& symbols) const;
    const Merge* find(int32_t left, int32_t right) const;

    std::unordered_map<std::string, int32_t> ids_;
    std::unordered_map<uint64_t, Merge> merges_;  // by left << 32 | right
    int32_t unknown_ = -1;
    bool byte_fallback_ = false, fuse_unknown_ = false, ignore_merges_ = false;
};

}  // namespace assay::node
