// Tokenizer: text to token ids and back, as a Hugging Face tokenizer.json describes it (byte-pair
// encoding, byte-level or with byte fallback).
//
// encode() gives the ids of the library `tokenizers` without special tokens around the text
// (add_special_tokens = False); special tokens that stand in the text are found. What the file asks
// for and is not supported is refused when it is opened. Ownership: owns its tables. Threads: const
// access from several threads is safe; encode() keeps no state. Errors: kUnsupported, kCorrupt
// (also for text that is not UTF-8), kLimit.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "node/tokenizer/bpe.h"
#include "node/tokenizer/text_steps.h"

namespace assay::node {

inline constexpr uint64_t kMaxTokenizerBytes = uint64_t{64} << 20;

class Tokenizer {
public:
    static Result<Tokenizer> open(const std::filesystem::path& file);
    static Result<Tokenizer> parse(std::string_view text);

    Result<std::vector<int32_t>> encode(std::string_view text) const;
    // Special tokens are left out. Bytes that are no UTF-8 (half a character) are kept as they are.
    std::string decode(std::span<const int32_t> ids) const;
    uint32_t vocab() const { return static_cast<uint32_t>(pieces_.size()); }  // highest id + 1

private:
    struct Added {
        std::string text;
        int32_t id = 0;
        bool special = false, normalized = false;
    };
    explicit Tokenizer(Bpe bpe) : bpe_(std::move(bpe)) {}
    Status read_added(const nlohmann::json& list);
    void index_pieces();
    const Added* added_at(std::string_view text, size_t at, bool normalized) const;
    Status encode_plain(std::string_view text, bool first, std::vector<int32_t>& out) const;
    Status encode_words(std::string text, bool first, std::vector<int32_t>& out) const;
    // Cuts `text` at added tokens; calls `plain` for what lies between.
    Status cut(std::string_view text, bool normalized, std::vector<int32_t>& out,
               const std::function<Status(std::string_view, bool first)>& plain) const;

    Bpe bpe_;
    Normalizer normalizer_;
    PreTokenizer pre_tokenizer_;
    std::vector<Added> added_;         // longest first
    std::vector<std::string> pieces_;  // by id, what it stands for; empty: none or special
    bool strip_first_space_ = false;
};

}  // namespace assay::node
