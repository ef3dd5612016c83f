#include "node/tokenizer/text_steps.h"

#include <unicode/normalizer2.h>
#include <unicode/regex.h>
#include <unicode/unistr.h>
#include <unicode/utext.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "node/tokenizer/utf8.h"

namespace assay::node {
namespace {

using nlohmann::json;

// GPT-2's words: contractions, letters, digits, other signs (each with one space before), spaces.
constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr size_t kMaxSteps = 16;

Error unsupported(const std::string& what) {
    return fail(Code::kUnsupported, "tokenizer: " + what + " is not supported");
}

std::string type_of(const json& step) {
    return step.is_object() ? step.value("type", "") : "";
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

// ---- patterns ----------------------------------------------------------------------------------

struct Range {
    size_t begin, end;
    bool match;
};
using Matcher = std::function<Result<std::vector<Range>>(std::string_view)>;

// Covers the text: matches, and what lies between them.
std::vector<Range> with_gaps(const std::vector<Range>& matches, size_t size) {
    std::vector<Range> out;
    size_t at = 0;
    for (const Range& match : matches) {
        if (match.begin > at) out.push_back({at, match.begin, false});
        if (match.end > match.begin) out.push_back(match);
        at = match.end;
    }
    if (at < size) out.push_back({at, size, false});
    return out;
}

Result<Matcher> regex_matcher(const std::string& pattern) {
    UErrorCode error = U_ZERO_ERROR;
    const std::shared_ptr<icu::RegexPattern> compiled(
        icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(pattern), 0, error));
    if (U_FAILURE(error)) return unsupported("the pattern '" + pattern + "'");
    return Matcher([compiled](std::string_view text) -> Result<std::vector<Range>> {
        UErrorCode status = U_ZERO_ERROR;
        UText view = UTEXT_INITIALIZER;
        utext_openUTF8(&view, text.data(), static_cast<int64_t>(text.size()), &status);
        const std::unique_ptr<icu::RegexMatcher> matcher(compiled->matcher(status));
        std::vector<Range> found;
        if (U_SUCCESS(status)) {
            matcher->reset(&view);
            while (matcher->find(status) && U_SUCCESS(status)) {
                found.push_back({static_cast<size_t>(matcher->start64(status)),
                                 static_cast<size_t>(matcher->end64(status)), true});
            }
        }
        utext_close(&view);
        if (U_FAILURE(status))
            return fail(Code::kLimit,
                        "tokenizer: matching the text failed: " + std::string(u_errorName(status)));
        return with_gaps(found, text.size());
    });
}

Matcher string_matcher(const std::string& wanted) {
    return [wanted](std::string_view text) -> Result<std::vector<Range>> {
        std::vector<Range> found;
        for (size_t at = 0; (at = text.find(wanted, at)) != std::string_view::npos;
             at += wanted.size())
            found.push_back({at, at + wanted.size(), true});
        return with_gaps(found, text.size());
    };
}

Result<Matcher> pattern_matcher(const json& pattern) {
    if (pattern.is_object() && pattern.contains("Regex") && pattern["Regex"].is_string())
        return regex_matcher(pattern["Regex"].get<std::string>());
    if (pattern.is_object() && pattern.contains("String") && pattern["String"].is_string()) {
        const auto text = pattern["String"].get<std::string>();
        if (!text.empty()) return string_matcher(text);
    }
    return unsupported("the pattern " + pattern.dump());
}

// Words of one piece, by what is to become of the matches.
std::vector<std::string> split(std::string_view text, const std::vector<Range>& ranges,
                               const std::string& behavior) {
    std::vector<std::string> words;
    bool last_matched = false, pending = false;
    for (const Range& range : ranges) {
        const std::string part(text.substr(range.begin, range.end - range.begin));
        const bool joins =
            !words.empty() && ((behavior == "Contiguous" && range.match == last_matched) ||
                               (behavior == "MergedWithPrevious" && range.match && !last_matched) ||
                               (behavior == "MergedWithNext" && pending && !range.match));
        if (joins) {
            words.back() += part;
        } else if (behavior != "Removed" || !range.match) {
            words.push_back(part);
        }
        pending = range.match;
        last_matched = range.match;
    }
    return words;
}

PreTokenizer splitter(Matcher matcher, std::string behavior, bool invert) {
    return [matcher = std::move(matcher), behavior = std::move(behavior),
            invert](Pieces& pieces) -> Status {
        std::vector<std::string> out;
        for (const std::string& piece : pieces.words) {
            ASSAY_ASSIGN(auto ranges, matcher(piece));
            for (Range& range : ranges) range.match = range.match != invert;
            auto words = split(piece, ranges, behavior);
            out.insert(out.end(), std::make_move_iterator(words.begin()),
                       std::make_move_iterator(words.end()));
        }
        pieces.words = std::move(out);
        return {};
    };
}

// ---- pre-tokenizers ----------------------------------------------------------------------------

Result<PreTokenizer> make_split(const json& step) {
    ASSAY_ASSIGN(Matcher matcher, pattern_matcher(step.value("pattern", json())));
    const std::string behavior = step.value("behavior", "");
    for (const char* known :
         {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"}) {
        if (behavior == known)
            return splitter(std::move(matcher), behavior, step.value("invert", false));
    }
    return unsupported("the split behavior '" + behavior + "'");
}

Result<PreTokenizer> make_byte_level(const json& step) {
    const bool prefix = step.value("add_prefix_space", true);
    PreTokenizer words;
    if (step.value("use_regex", true)) {
        ASSAY_ASSIGN(Matcher matcher, regex_matcher(kGpt2Pattern));
        words = splitter(std::move(matcher), "Isolated", false);
    }
    return PreTokenizer([prefix, words](Pieces& pieces) -> Status {
        if (prefix) {
            for (std::string& piece : pieces.words)
                if (!piece.starts_with(' ')) piece.insert(piece.begin(), ' ');
        }
        if (words) ASSAY_RETURN_IF_ERROR(words(pieces));
        for (std::string& piece : pieces.words) {
            std::string mapped;
            for (const char byte : piece) mapped += byte_characters()[static_cast<uint8_t>(byte)];
            piece = std::move(mapped);
        }
        return {};
    });
}

Result<PreTokenizer> make_metaspace(const json& step) {
    const std::string mark = step.value("replacement", "\u2581");
    const std::string scheme =
        step.value("prepend_scheme", step.value("add_prefix_space", true) ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never")
        return unsupported("prepend_scheme '" + scheme + "'");
    PreTokenizer words;
    if (step.value("split", true)) words = splitter(string_matcher(mark), "MergedWithNext", false);
    return PreTokenizer([mark, scheme, words](Pieces& pieces) -> Status {
        for (size_t i = 0; i < pieces.words.size(); ++i) {
            std::string& piece = pieces.words[i];
            replace_all(piece, " ", mark);
            const bool wanted =
                scheme == "always" || (scheme == "first" && pieces.starts_text && i == 0);
            if (wanted && !piece.starts_with(mark)) piece.insert(0, mark);
        }
        if (words) ASSAY_RETURN_IF_ERROR(words(pieces));
        return {};
    });
}

Result<PreTokenizer> make_sequence(const json& step) {
    const json list = step.value("pretokenizers", json());
    if (!list.is_array() || list.size() > kMaxSteps)
        return unsupported("a pre-tokenizer sequence of this form");
    std::vector<PreTokenizer> steps;
    for (const json& one : list) {
        ASSAY_ASSIGN(PreTokenizer made, make_pre_tokenizer(one));
        steps.push_back(std::move(made));
    }
    return PreTokenizer([steps](Pieces& pieces) -> Status {
        for (const PreTokenizer& one : steps) ASSAY_RETURN_IF_ERROR(one(pieces));
        return {};
    });
}

// ---- normalizers -------------------------------------------------------------------------------

Result<Normalizer> unicode_form(const std::string& type) {
    UErrorCode error = U_ZERO_ERROR;
    const icu::Normalizer2* form = nullptr;
    if (type == "NFC") form = icu::Normalizer2::getNFCInstance(error);
    if (type == "NFD") form = icu::Normalizer2::getNFDInstance(error);
    if (type == "NFKC") form = icu::Normalizer2::getNFKCInstance(error);
    if (type == "NFKD") form = icu::Normalizer2::getNFKDInstance(error);
    if (form == nullptr || U_FAILURE(error)) return unsupported("the normalizer '" + type + "'");
    return Normalizer([form](const std::string& text) {
        UErrorCode status = U_ZERO_ERROR;
        const auto normal = form->normalize(icu::UnicodeString::fromUTF8(text), status);
        std::string out;
        normal.toUTF8String(out);
        return out;
    });
}

Result<Normalizer> replacing(const json& step) {
    const json pattern = step.value("pattern", json());
    if (!pattern.is_object() || !pattern.contains("String") || !pattern["String"].is_string())
        return unsupported("the Replace pattern " + pattern.dump());
    const auto from = pattern["String"].get<std::string>();
    const auto to = step.value("content", "");
    if (from.empty()) return unsupported("an empty Replace pattern");
    return Normalizer([from, to](std::string text) {
        replace_all(text, from, to);
        return text;
    });
}

}  // namespace

Result<Normalizer> make_normalizer(const json& description) {
    if (description.is_null()) return Normalizer([](std::string text) { return text; });
    const std::string type = type_of(description);
    if (type == "Replace") return replacing(description);
    if (type == "Prepend") {
        const auto prefix = description.value("prepend", "");
        return Normalizer(
            [prefix](const std::string& text) { return text.empty() ? text : prefix + text; });
    }
    if (type != "Sequence") return unicode_form(type);
    const json list = description.value("normalizers", json());
    if (!list.is_array() || list.size() > kMaxSteps)
        return unsupported("a normalizer sequence of this form");
    std::vector<Normalizer> steps;
    for (const json& one : list) {
        ASSAY_ASSIGN(Normalizer made, make_normalizer(one));
        steps.push_back(std::move(made));
    }
    return Normalizer([steps](std::string text) {
        for (const Normalizer& one : steps) text = one(std::move(text));
        return text;
    });
}

Result<PreTokenizer> make_pre_tokenizer(const json& description) {
    if (description.is_null()) return PreTokenizer([](Pieces&) { return Status{}; });
    const std::string type = type_of(description);
    if (type == "ByteLevel") return make_byte_level(description);
    if (type == "Split") return make_split(description);
    if (type == "Metaspace") return make_metaspace(description);
    if (type == "Sequence") return make_sequence(description);
    if (type == "Digits") {
        ASSAY_ASSIGN(Matcher matcher, regex_matcher(R"(\p{N})"));
        const bool each = description.value("individual_digits", false);
        return splitter(std::move(matcher), each ? "Isolated" : "Contiguous", false);
    }
    return unsupported("the pre-tokenizer '" + type + "'");
}

const std::vector<std::string>& byte_characters() {
    static const std::vector<std::string> kCharacters = [] {
        std::vector<std::string> out(256);
        uint32_t next = 256;  // bytes that do not print take the points from here on
        for (uint32_t byte = 0; byte < 256; ++byte) {
            const bool prints =
                (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
            append_utf8(out[byte], prints ? byte : next++);
        }
        return out;
    }();
    return kCharacters;
}

}  // namespace assay::node
