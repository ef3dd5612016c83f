#include "compute/json/json.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace assay::compute::json {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Length of the well-formed UTF-8 sequence at the front of s, 0 when there is none.
size_t utf8_length(std::string_view s) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(s[i]); };
    const auto tail = [&](size_t i) { return i < s.size() && (byte(i) & 0xC0) == 0x80; };
    const uint8_t a = byte(0);
    if (a < 0x80) return 1;
    if (a < 0xC2 || a > 0xF4 || !tail(1)) return 0;
    if (a < 0xE0) return 2;
    if ((a == 0xE0 && byte(1) < 0xA0) || (a == 0xED && byte(1) > 0x9F)) return 0;
    if (!tail(2)) return 0;
    if (a < 0xF0) return 3;
    if ((a == 0xF0 && byte(1) < 0x90) || (a == 0xF4 && byte(1) > 0x8F)) return 0;
    return tail(3) ? 4 : 0;
}

void append_utf8(std::string& out, uint32_t c) {
    const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (c < 0x80) return put(c);
    if (c < 0x800) {
        put(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            put(0xE0 | c >> 12);
        } else {
            put(0xF0 | c >> 18);
            put(0x80 | (c >> 12 & 0x3F));
        }
        put(0x80 | (c >> 6 & 0x3F));
    }
    put(0x80 | (c & 0x3F));
}

class Parser {
public:
    Parser(std::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

    Result<Value> document() {
        Value value;
        ASSAY_RETURN_IF_ERROR(read_value(value, 0));
        skip_space();
        if (at_ != text_.size()) return broken("unexpected bytes after the document");
        return value;
    }

private:
    Error broken(const std::string& what) const {
        return fail(Code::kCorrupt, "JSON, byte " + std::to_string(at_) + ": " + what);
    }
    bool more() const { return at_ < text_.size(); }
    bool take(char c) {
        if (!more() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void skip_space() {
        while (more() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' ||
                          text_[at_] == '\r'))
            ++at_;
    }

    Status read_value(Value& out, size_t depth) {
        if (++values_ > limits_.max_values)
            return fail(Code::kLimit,
                        "JSON holds more than " + std::to_string(limits_.max_values) + " values");
        if (depth > limits_.max_depth)
            return fail(Code::kLimit, "JSON is nested deeper than " +
                                          std::to_string(limits_.max_depth) + " levels");
        skip_space();
        if (!more()) return broken("the text ends where a value is expected");
        switch (text_[at_]) {
            case '{':
                return read_object(out, depth);
            case '[':
                return read_array(out, depth);
            case '"':
                out.kind = Kind::kString;
                return read_string(out.text);
            case 't':
            case 'f':
                out.kind = Kind::kBool;
                out.boolean = text_[at_] == 't';
                return read_word(out.boolean ? "true" : "false");
            case 'n':
                return read_word("null");
            default:
                out.kind = Kind::kNumber;
                return read_number(out.text);
        }
    }

    Status read_word(std::string_view word) {
        if (text_.substr(at_, word.size()) != word) return broken("unknown word");
        at_ += word.size();
        return {};
    }

    Status read_number(std::string& out) {
        const size_t start = at_;
        const auto digits = [&] {
            const size_t from = at_;
            while (more() && is_digit(text_[at_])) ++at_;
            return at_ > from;
        };
        take('-');
        const bool leading_zero = take('0');
        if (leading_zero && more() && is_digit(text_[at_])) return broken("leading zero");
        if (!leading_zero && !digits()) return broken("a value is expected");
        if (take('.') && !digits()) return broken("a digit is expected after the point");
        if (take('e') || take('E')) {
            if (!take('+')) take('-');
            if (!digits()) return broken("a digit is expected in the exponent");
        }
        out = text_.substr(start, at_ - start);
        return {};
    }

    Result<uint32_t> read_hex4() {
        uint32_t value = 0;
        if (text_.size() - at_ < 4) return broken("four hexadecimal digits are expected");
        const char* first = text_.data() + at_;
        const auto [end, error] = std::from_chars(first, first + 4, value, 16);
        if (error != std::errc{} || end != first + 4 || *first == '-')
            return broken("four hexadecimal digits are expected");
        at_ += 4;
        return value;
    }

    Status read_escape(std::string& out) {
        constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
        if (!more()) return broken("the text ends inside a string");
        const char c = text_[at_++];
        if (c != 'u') {
            const size_t index = kNames.find(c);
            if (index == std::string_view::npos) return broken("unknown escape");
            out.push_back(kValues[index]);
            return {};
        }
        ASSAY_ASSIGN(uint32_t code, read_hex4());
        if (code >= 0xDC00 && code <= 0xDFFF) return broken("lone surrogate");
        if (code >= 0xD800 && code <= 0xDBFF) {
            if (!take('\\') || !take('u')) return broken("lone surrogate");
            ASSAY_ASSIGN(const uint32_t low, read_hex4());
            if (low < 0xDC00 || low > 0xDFFF) return broken("lone surrogate");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(out, code);
        return {};
    }

    Status read_string(std::string& out) {
        ++at_;  // the opening quote
        while (more()) {
            const char c = text_[at_];
            if (c == '"') {
                ++at_;
                return {};
            }
            if (c == '\\') {
                ++at_;
                ASSAY_RETURN_IF_ERROR(read_escape(out));
                continue;
            }
            if (static_cast<uint8_t>(c) < 0x20) return broken("control character in a string");
            const size_t length = utf8_length(text_.substr(at_));
            if (length == 0) return broken("invalid UTF-8");
            out.append(text_, at_, length);
            at_ += length;
        }
        return broken("the text ends inside a string");
    }

    Status read_array(Value& out, size_t depth) {
        out.kind = Kind::kArray;
        ++at_;
        skip_space();
        if (take(']')) return {};
        while (true) {
            ASSAY_RETURN_IF_ERROR(read_value(out.items.emplace_back(), depth + 1));
            skip_space();
            if (take(']')) return {};
            if (!take(',')) return broken("',' or ']' is expected");
        }
    }

    Status read_object(Value& out, size_t depth) {
        out.kind = Kind::kObject;
        ++at_;
        skip_space();
        if (take('}')) return {};
        while (true) {
            skip_space();
            if (!more() || text_[at_] != '"') return broken("a key in quotes is expected");
            auto& [key, value] = out.members.emplace_back();
            ASSAY_RETURN_IF_ERROR(read_string(key));
            skip_space();
            if (!take(':')) return broken("':' is expected");
            ASSAY_RETURN_IF_ERROR(read_value(value, depth + 1));
            skip_space();
            if (take('}')) return check_keys(out);
            if (!take(',')) return broken("',' or '}' is expected");
        }
    }

    Status check_keys(const Value& object) const {
        std::vector<std::string_view> keys;
        keys.reserve(object.members.size());
        for (const auto& member : object.members) keys.emplace_back(member.key);
        std::sort(keys.begin(), keys.end());
        const auto twin = std::adjacent_find(keys.begin(), keys.end());
        if (twin != keys.end()) return broken("duplicate key \"" + std::string(*twin) + "\"");
        return {};
    }

    std::string_view text_;
    Limits limits_;
    size_t at_ = 0;
    size_t values_ = 0;
};

template <typename T>
Result<T> number(const Value& value, const char* wanted) {
    T out{};
    const char* end = value.text.data() + value.text.size();
    if (value.kind == Kind::kNumber) {
        const auto [stop, error] = std::from_chars(value.text.data(), end, out);
        if (error == std::errc{} && stop == end) return out;
    }
    const std::string found =
        value.kind == Kind::kNumber ? value.text : std::string(kind_name(value.kind));
    return fail(Code::kCorrupt, std::string("JSON: ") + wanted + " is expected, found " + found);
}

}  // namespace

std::string_view kind_name(Kind kind) {
    constexpr std::string_view kNames[] = {"null", "bool", "number", "string", "array", "object"};
    return kNames[static_cast<size_t>(kind)];
}

const Value* Value::find(std::string_view key) const {
    for (const auto& [name, value] : members) {
        if (name == key) return &value;
    }
    return nullptr;
}

Result<uint64_t> Value::as_u64() const {
    return number<uint64_t>(*this, "an unsigned integer");
}
Result<int64_t> Value::as_i64() const {
    return number<int64_t>(*this, "an integer");
}
Result<double> Value::as_double() const {
    return number<double>(*this, "a number");
}
Result<std::string> Value::as_string() const {
    if (kind == Kind::kString) return text;
    return fail(Code::kCorrupt,
                "JSON: a string is expected, found " + std::string(kind_name(kind)));
}

Result<Value> parse(std::string_view text, const Limits& limits) {
    if (text.size() > limits.max_bytes)
        return fail(Code::kLimit, "JSON of " + std::to_string(text.size()) +
                                      " bytes; the limit is " + std::to_string(limits.max_bytes));
    return Parser(text, limits).document();
}

}  // namespace assay::compute::json
