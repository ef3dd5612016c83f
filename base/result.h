// Result<T>: a value or one Error, returned by everything that can fail outside the process edge.
//
// An Error names what went wrong, where, and the remedy, in one sentence for people (`message`),
// and carries a stable code for programs (docs/error-codes.md). Exceptions never cross a library
// boundary. Thread safety: plain values. Errors: none of its own; value() of a failed Result
// aborts.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace assay {

// Stable: a number is never reused. Names are in code_name().
enum class Code : uint16_t {
    kOk = 0,
    kInvalidArgument = 1,  // the caller's input is malformed; fix the input
    kNotFound = 2,         // the named thing does not exist (here, or yet)
    kAlreadyExists = 3,    // creating it would overwrite something
    kCorrupt = 4,          // stored or received bytes do not match their hash or format
    kLimit = 5,            // a documented limit (docs/limits.md) was exceeded
    kUnauthorized = 6,     // no or wrong credentials, or a role without this right
    kUnavailable = 7,      // a peer, process or resource does not answer; retry may help
    kIo = 8,               // the operating system refused a read or write
    kTimeout = 9,          // the deadline passed
    kConflict = 10,        // state moved on: nonce, height or version mismatch
    kFault = 11,           // the arithmetic left its domain: the training step diverged
    kOutOfMemory = 12,     // an allocation failed; the message says how much was needed
    kUnsupported = 13,     // a valid request for something this build or backend does not do
    kRejected = 14,        // the ledger's rules refused the transaction; see its result code
    kInternal = 15,        // a bug in Assay: please report it
};

constexpr std::string_view code_name(Code code) {
    constexpr std::string_view names[] = {"ok",
                                          "invalid_argument",
                                          "not_found",
                                          "already_exists",
                                          "corrupt",
                                          "limit_exceeded",
                                          "unauthorized",
                                          "unavailable",
                                          "io_error",
                                          "timeout",
                                          "conflict",
                                          "arithmetic_fault",
                                          "out_of_memory",
                                          "unsupported",
                                          "rejected",
                                          "internal"};
    const auto index = static_cast<size_t>(code);
    return index < std::size(names) ? names[index] : "unknown";
}

struct Error {
    Code code = Code::kInternal;
    std::string message;
};

template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() & { return check(), std::get<0>(state_); }
    const T& value() const& { return check(), std::get<0>(state_); }
    T&& value() && { return check(), std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    const Error& error() const { return std::get<1>(state_); }

private:
    void check() const {
        if (ok()) return;
        std::fprintf(stderr, "value() of a failed Result: %s\n", error().message.c_str());
        std::abort();
    }
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}
    bool ok() const { return !error_.has_value(); }
    explicit operator bool() const { return ok(); }
    const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

using Status = Result<void>;

inline Error fail(Code code, std::string message) {
    return Error{code, std::move(message)};
}

}  // namespace assay

#define ASSAY_CONCAT_(a, b) a##b
#define ASSAY_CONCAT(a, b) ASSAY_CONCAT_(a, b)

// Return the error of a failed Status/Result expression from the enclosing function.
#define ASSAY_RETURN_IF_ERROR(expr)                                                         \
    do {                                                                                    \
        if (auto assay_status_ = (expr); !assay_status_.ok()) return assay_status_.error(); \
    } while (false)

// ASSAY_ASSIGN(auto x, f()): x = value of f(), or return its error from the enclosing function.
#define ASSAY_ASSIGN(declaration, expr) \
    ASSAY_ASSIGN_(ASSAY_CONCAT(assay_result_, __LINE__), declaration, expr)
#define ASSAY_ASSIGN_(temp, declaration, expr) \
    auto temp = (expr);                        \
    if (!temp.ok()) return temp.error();       \
    declaration = std::move(temp).value()
