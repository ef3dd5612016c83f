// A small strict JSON reader: RFC 8259 text to a tree of values, numbers kept as their text.
//
// Strict means: UTF-8 checked, no duplicate keys, no lone surrogates, no control characters in
// strings, no trailing bytes but white space, and stated limits on size, depth and count.
// Ownership: a Value owns everything below it. Threads: plain values. Errors: kCorrupt with the
// byte offset, kLimit when a limit is exceeded; the as_* readers name the kind they found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace assay::compute::json {

struct Limits {
    size_t max_bytes = size_t{64} << 20;
    size_t max_depth = 32;
    size_t max_values = size_t{4} << 20;  // of every kind, whole document
};

enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
std::string_view kind_name(Kind kind);

struct Member;

struct Value {
    Kind kind = Kind::kNull;
    bool boolean = false;
    std::string text;             // string contents, or a number as written
    std::vector<Value> items;     // of an array
    std::vector<Member> members;  // of an object, in file order

    bool is(Kind k) const { return kind == k; }
    // Linear search; null when absent or when this is no object.
    const Value* find(std::string_view key) const;

    // Exact: refuse fractions, exponents and values out of range.
    Result<uint64_t> as_u64() const;
    Result<int64_t> as_i64() const;
    // Nearest binary64; refuses what overflows.
    Result<double> as_double() const;
    Result<std::string> as_string() const;
};

struct Member {
    std::string key;
    Value value;
};

Result<Value> parse(std::string_view text, const Limits& limits = {});

}  // namespace assay::compute::json
