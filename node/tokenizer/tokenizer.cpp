#include "node/tokenizer/tokenizer.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/core/config.h"
#include "node/tokenizer/utf8.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr size_t kMaxAddedTokens = size_t{1} << 16;
constexpr size_t kMaxCachedWords = size_t{1} << 16;
constexpr std::string_view kMetaspace = "\u2581";

// Whether a step of this type is there, at the top or in a sequence.
bool contains_type(const json& step, const std::string& type) {
    if (!step.is_object()) return false;
    if (step.value("type", "") == type) return true;
    for (const char* list : {"pretokenizers", "decoders", "normalizers"}) {
        for (const json& one : step.value(list, json::array()))
            if (contains_type(one, type)) return true;
    }
    return false;
}

Status check_utf8(std::string_view text) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
    const auto size = static_cast<int64_t>(text.size());
    for (int64_t at = 0; at < size;) {
        const int64_t start = at;
        UChar32 point = 0;
        U8_NEXT(bytes, at, size, point);
        if (point < 0)
            return fail(Code::kCorrupt, "the text is not UTF-8 at byte " + std::to_string(start) +
                                            ". Remedy: convert it (iconv -t UTF-8), or train on "
                                            "its bytes, without a tokenizer");
    }
    return {};
}

// Of a token in a byte-level vocabulary.
std::string bytes_of_characters(const std::string& token) {
    static const auto kBytes = [] {
        std::unordered_map<std::string, char> bytes;
        for (size_t b = 0; b < 256; ++b) bytes.emplace(byte_characters()[b], static_cast<char>(b));
        return bytes;
    }();
    std::string out;
    for (size_t at = 0; at < token.size(); at += utf8_length(token[at])) {
        const auto found = kBytes.find(token.substr(at, utf8_length(token[at])));
        if (found != kBytes.end()) out += found->second;
    }
    return out;
}

// Of a token in other vocabularies: "<0x0A>" is a byte, the metaspace a space.
std::string plain_text(std::string token) {
    if (token.size() == 6 && token.starts_with("<0x") && token.back() == '>')
        return std::string(1, static_cast<char>(std::stoi(token.substr(3, 2), nullptr, 16)));
    for (size_t at = 0; (at = token.find(kMetaspace, at)) != std::string::npos;)
        token.replace(at, kMetaspace.size(), " ");
    return token;
}

}  // namespace

Result<Tokenizer> Tokenizer::open(const std::filesystem::path& file) {
    ASSAY_ASSIGN(const auto text, read_text(file, kMaxTokenizerBytes));
    auto made = parse(text);
    if (!made.ok()) return fail(made.error().code, file.string() + ": " + made.error().message);
    return made;
}

Result<Tokenizer> Tokenizer::parse(std::string_view text) {
    const json root = json::parse(text, nullptr, false);
    if (!root.is_object() || !root.contains("model"))
        return fail(Code::kCorrupt, "tokenizer: not a tokenizer.json");
    try {
        ASSAY_ASSIGN(Bpe bpe, Bpe::open(root["model"]));
        Tokenizer made(std::move(bpe));
        ASSAY_ASSIGN(made.normalizer_, make_normalizer(root.value("normalizer", json())));
        ASSAY_ASSIGN(made.pre_tokenizer_, make_pre_tokenizer(root.value("pre_tokenizer", json())));
        made.index_pieces();
        const bool byte_level = contains_type(root.value("pre_tokenizer", json()), "ByteLevel");
        for (std::string& piece : made.pieces_)
            piece = byte_level ? bytes_of_characters(piece) : plain_text(piece);
        const json decoder = root.value("decoder", json());
        made.strip_first_space_ = contains_type(decoder, "Strip") ||
                                  (contains_type(decoder, "Metaspace") &&
                                   decoder.value("prepend_scheme", "always") != "never");
        ASSAY_RETURN_IF_ERROR(made.read_added(root.value("added_tokens", json::array())));
        return made;
    } catch (const json::exception& e) {
        return fail(Code::kCorrupt, std::string("tokenizer: ") + e.what());
    }
}

void Tokenizer::index_pieces() {
    for (const auto& [token, id] : bpe_.vocabulary()) {
        const auto at = static_cast<size_t>(id);
        if (at >= pieces_.size()) pieces_.resize(at + 1);
        pieces_[at] = token;
    }
}

Status Tokenizer::read_added(const json& list) {
    if (!list.is_array() || list.size() > kMaxAddedTokens)
        return fail(Code::kCorrupt, "tokenizer: added_tokens must be a list of at most 65536");
    for (const json& item : list) {
        Added token;
        token.text = item.at("content").get<std::string>();
        const auto id = item.at("id").get<uint64_t>();
        if (id >= kMaxVocabulary || token.text.empty())
            return fail(Code::kCorrupt, "tokenizer: added token '" + token.text + "' is invalid");
        for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
            if (item.value(flag, false))
                return fail(Code::kUnsupported, "tokenizer: added token '" + token.text +
                                                    "': " + flag + " is not supported");
        }
        token.id = static_cast<int32_t>(id);
        token.special = item.value("special", false);
        token.normalized = item.value("normalized", !token.special);
        if (id >= pieces_.size()) pieces_.resize(id + 1);
        pieces_[id] = token.special ? "" : token.text;
        if (token.normalized) token.text = normalizer_(token.text);
        added_.push_back(std::move(token));
    }
    std::stable_sort(added_.begin(), added_.end(),
                     [](const Added& a, const Added& b) { return a.text.size() > b.text.size(); });
    return {};
}

const Tokenizer::Added* Tokenizer::added_at(std::string_view text, size_t at,
                                            bool normalized) const {
    for (const Added& token : added_) {
        if (token.normalized == normalized && text.substr(at).starts_with(token.text))
            return &token;
    }
    return nullptr;
}

Status Tokenizer::cut(std::string_view text, bool normalized, std::vector<int32_t>& out,
                      const std::function<Status(std::string_view, bool)>& plain) const {
    bool starts[256] = {};
    bool any = false;
    for (const Added& token : added_) {
        if (token.normalized != normalized) continue;
        starts[static_cast<uint8_t>(token.text.front())] = true;
        any = true;
    }
    if (!any) return plain(text, true);
    size_t begin = 0;
    for (size_t at = 0; at < text.size();) {
        const Added* token =
            starts[static_cast<uint8_t>(text[at])] ? added_at(text, at, normalized) : nullptr;
        if (token == nullptr) {
            ++at;
            continue;
        }
        if (at > begin) ASSAY_RETURN_IF_ERROR(plain(text.substr(begin, at - begin), begin == 0));
        out.push_back(token->id);
        begin = at = at + token->text.size();
    }
    if (begin == text.size()) return {};
    return plain(text.substr(begin), begin == 0);
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text) const {
    ASSAY_RETURN_IF_ERROR(check_utf8(text));
    std::vector<int32_t> out;
    ASSAY_RETURN_IF_ERROR(cut(text, false, out, [&](std::string_view part, bool first) {
        return encode_plain(part, first, out);
    }));
    return out;
}

Status Tokenizer::encode_plain(std::string_view text, bool first, std::vector<int32_t>& out) const {
    const std::string normal = normalizer_(std::string(text));
    return cut(normal, true, out, [&](std::string_view part, bool start) {
        return encode_words(std::string(part), first && start, out);
    });
}

Status Tokenizer::encode_words(std::string text, bool first, std::vector<int32_t>& out) const {
    Pieces pieces;
    pieces.words.push_back(std::move(text));
    pieces.starts_text = first;
    ASSAY_RETURN_IF_ERROR(pre_tokenizer_(pieces));
    // Words repeat: most of a text is a few thousand of them.
    std::unordered_map<std::string, std::vector<int32_t>> seen;
    for (const std::string& word : pieces.words) {
        if (const auto found = seen.find(word); found != seen.end()) {
            out.insert(out.end(), found->second.begin(), found->second.end());
            continue;
        }
        std::vector<int32_t> ids;
        ASSAY_RETURN_IF_ERROR(bpe_.encode(word, ids));
        out.insert(out.end(), ids.begin(), ids.end());
        if (seen.size() < kMaxCachedWords) seen.emplace(word, std::move(ids));
    }
    return {};
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
    std::string out;
    for (const int32_t id : ids) {
        if (id >= 0 && static_cast<size_t>(id) < pieces_.size())
            out += pieces_[static_cast<size_t>(id)];
    }
    if (strip_first_space_ && out.starts_with(' ')) out.erase(0, 1);
    return out;
}

}  // namespace assay::node
