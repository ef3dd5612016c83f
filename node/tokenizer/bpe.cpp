#include "node/tokenizer/bpe.h"

#include <nlohmann/json.hpp>
#include <queue>

#include "node/tokenizer/utf8.h"

namespace assay::node {
namespace {

using nlohmann::json;

bool is_set(const json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return false;
    if (found->is_boolean()) return found->get<bool>();
    if (found->is_string()) return !found->get<std::string>().empty();
    return !found->is_number() || found->get<double>() != 0;
}

std::string byte_token(unsigned char byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    return text;
}

}  // namespace

Result<Bpe> Bpe::open(const json& model) {
    if (!model.is_object() || model.value("type", "BPE") != "BPE")
        return fail(Code::kUnsupported, "tokenizer: only models of type BPE are supported");
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
        if (is_set(model, key))
            return fail(Code::kUnsupported,
                        "tokenizer: model." + std::string(key) + " is not supported");
    }
    const json vocabulary = model.value("vocab", json());
    if (!vocabulary.is_object() || vocabulary.empty() || vocabulary.size() > kMaxVocabulary)
        return fail(Code::kCorrupt, "tokenizer: model.vocab must hold 1 to 2^20 tokens");
    Bpe bpe;
    for (const auto& [token, id] : vocabulary.items()) {
        if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxVocabulary)
            return fail(Code::kCorrupt, "tokenizer: the id of '" + token + "' is out of range");
        bpe.ids_.emplace(token, id.get<int32_t>());
    }
    bpe.byte_fallback_ = is_set(model, "byte_fallback");
    bpe.fuse_unknown_ = is_set(model, "fuse_unk");
    bpe.ignore_merges_ = is_set(model, "ignore_merges");
    if (is_set(model, "unk_token")) {
        const auto found = bpe.ids_.find(model["unk_token"].get<std::string>());
        if (found == bpe.ids_.end())
            return fail(Code::kCorrupt, "tokenizer: model.unk_token is not in the vocabulary");
        bpe.unknown_ = found->second;
    }
    ASSAY_RETURN_IF_ERROR(bpe.read_merges(model.value("merges", json::array())));
    return bpe;
}

// Each merge is "left right", or a pair.
Status Bpe::read_merges(const json& list) {
    if (!list.is_array() || list.size() > kMaxMerges)
        return fail(Code::kCorrupt, "tokenizer: model.merges must be a list of at most 2^21");
    for (size_t rank = 0; rank < list.size(); ++rank) {
        const json& item = list[rank];
        std::string left, right;
        if (item.is_string()) {
            const auto text = item.get<std::string>();
            const auto space = text.find(' ');
            left = text.substr(0, space);
            right = space == std::string::npos ? "" : text.substr(space + 1);
        } else if (item.is_array() && item.size() == 2 && item[0].is_string() &&
                   item[1].is_string()) {
            left = item[0].get<std::string>();
            right = item[1].get<std::string>();
        }
        const auto a = ids_.find(left), b = ids_.find(right), c = ids_.find(left + right);
        if (a == ids_.end() || b == ids_.end() || c == ids_.end())
            return fail(Code::kCorrupt, "tokenizer: merge " + std::to_string(rank) +
                                            " names a token that is not in the vocabulary");
        merges_.insert_or_assign(
            uint64_t{static_cast<uint32_t>(a->second)} << 32 | static_cast<uint32_t>(b->second),
            Merge{static_cast<uint32_t>(rank), c->second});
    }
    return {};
}

const Bpe::Merge* Bpe::find(int32_t left, int32_t right) const {
    const auto found =
        merges_.find(uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right));
    return found == merges_.end() ? nullptr : &found->second;
}

// One symbol a character; one a byte where the character has none and the vocabulary has bytes.
Status Bpe::first_symbols(std::string_view word, std::vector<int32_t>& symbols) const {
    bool after_unknown = false;
    for (size_t at = 0; at < word.size();) {
        const std::string character(word.substr(at, utf8_length(word[at])));
        at += character.size();
        if (const auto found = ids_.find(character); found != ids_.end()) {
            symbols.push_back(found->second);
            after_unknown = false;
            continue;
        }
        if (byte_fallback_) {
            std::vector<int32_t> bytes;
            for (const char c : character) {
                const auto byte = ids_.find(byte_token(static_cast<unsigned char>(c)));
                if (byte != ids_.end()) bytes.push_back(byte->second);
            }
            if (bytes.size() == character.size()) {
                symbols.insert(symbols.end(), bytes.begin(), bytes.end());
                after_unknown = false;
                continue;
            }
        }
        // Without an unknown token the character is left out, as the format's library does.
        if (unknown_ < 0 || (after_unknown && fuse_unknown_)) continue;
        symbols.push_back(unknown_);
        after_unknown = true;
    }
    return {};
}

void Bpe::merge(std::vector<int32_t>& symbols) const {
    struct Link {
        int64_t previous, next;
        bool alive;
    };
    struct Candidate {
        uint32_t rank;
        int64_t at;
        int32_t left, right;
    };
    const auto later = [](const Candidate& a, const Candidate& b) {
        return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
    };
    const auto count = static_cast<int64_t>(symbols.size());
    std::vector<Link> links(symbols.size());
    std::priority_queue<Candidate, std::vector<Candidate>, decltype(later)> queue(later);
    const auto symbol = [&](int64_t i) -> int32_t& { return symbols[static_cast<size_t>(i)]; };
    const auto link = [&](int64_t i) -> Link& { return links[static_cast<size_t>(i)]; };
    const auto offer = [&](int64_t at) {
        if (at < 0 || link(at).next < 0) return;
        const int32_t left = symbol(at), right = symbol(link(at).next);
        if (const Merge* found = find(left, right)) queue.push({found->rank, at, left, right});
    };
    for (int64_t i = 0; i < count; ++i) link(i) = {i - 1, i + 1 < count ? i + 1 : -1, true};
    for (int64_t i = 0; i < count; ++i) offer(i);
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        const int64_t next = link(best.at).alive ? link(best.at).next : -1;
        // Stale when either side has been merged since.
        if (next < 0 || symbol(best.at) != best.left || symbol(next) != best.right) continue;
        symbol(best.at) = find(best.left, best.right)->id;
        link(best.at).next = link(next).next;
        link(next).alive = false;
        if (link(next).next >= 0) link(link(next).next).previous = best.at;
        offer(link(best.at).previous);
        offer(best.at);
    }
    size_t kept = 0;
    for (int64_t i = 0; i < count; ++i) {
        if (link(i).alive) symbols[kept++] = symbol(i);
    }
    symbols.resize(kept);
}

Status Bpe::encode(std::string_view word, std::vector<int32_t>& out) const {
    if (word.empty()) return {};
    if (word.size() > kMaxWordBytes)
        return fail(Code::kLimit,
                    "tokenizer: a piece of text without a place to split it is "
                    "longer than 64 MiB");
    if (ignore_merges_) {
        if (const auto whole = ids_.find(std::string(word)); whole != ids_.end()) {
            out.push_back(whole->second);
            return {};
        }
    }
    std::vector<int32_t> symbols;
    ASSAY_RETURN_IF_ERROR(first_symbols(word, symbols));
    merge(symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
    return {};
}

}  // namespace assay::node
