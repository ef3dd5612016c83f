// An RPC method is a value: its name, parameters, example, role and function. The one table of
// methods (methods.h) feeds validation, dispatch, help, rpc.discover, docs/json-rpc.md and the list
// of methods that the fuzz test must cover.
//
// Ownership: a Method owns its texts; its handler borrows the Services it was built with. Threads:
// a handler may run on several worker threads at once. Errors: a handler fails with an Error whose
// message names what, where and the remedy; rpc_error.h maps it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/codec/tx_code.h"

namespace assay::node {

// Ordered: a caller may use every method whose role is not above its own.
enum class Role : uint8_t { kNone = 0, kRead = 1, kSpend = 2, kAdmin = 3 };
std::string_view role_name(Role role);
std::optional<Role> role_from_name(std::string_view name);

enum class JsonType : uint8_t { kString, kInteger, kBoolean, kObject, kArray };
std::string_view json_type_name(JsonType type);

// What a string parameter must look like.
enum class Format : uint8_t {
    kText,     // any UTF-8 up to kMaxTextParam bytes
    kHash,     // 0x and 64 hexadecimal digits
    kAddress,  // 0x and 40 hexadecimal digits (the EIP-55 checksum is checked by address_param)
    kHex,      // 0x and an even number of digits
    kAmount,   // decimal micro-units, no sign or leading zero
    kName,     // a local name: letters, digits, '-', '_', '.'; at most 64
};
std::string_view format_pattern(Format format);
bool matches_format(Format format, std::string_view text);

inline constexpr size_t kMaxTextParam = 4096;
inline constexpr uint64_t kMaxJsonInteger = (uint64_t{1} << 53) - 1;

struct Param {
    std::string name;
    JsonType type = JsonType::kString;
    bool required = false;
    std::string description{};
    Format format = Format::kText;       // strings only
    std::vector<std::string> choices{};  // strings only; empty: any
    uint64_t max = kMaxJsonInteger;      // integers only; integers are never negative
};

// What a subscription delivers, one result at a time, at the pace of its reader.
class Cursor {
public:
    virtual ~Cursor() = default;
    // Appends the JSON texts of the next step and answers true, or answers false: nothing new yet.
    virtual bool next(std::vector<std::string>& results) = 0;
};

// The connection of a caller that can receive notifications (WebSocket).
class Subscriber {
public:
    virtual ~Subscriber() = default;
    virtual Result<std::string> add(std::unique_ptr<Cursor> cursor) = 0;  // subscription id
    virtual bool remove(const std::string& id) = 0;
};

struct CallContext {
    Role role = Role::kNone;
    Subscriber* subscriber = nullptr;              // null over plain HTTP
    const std::atomic<bool>* stopping = nullptr;   // long waits end early when it turns true
    std::optional<ledger::TxCode> refused_with{};  // set by a handler that fails with kRejected
    bool is_stopping() const { return stopping != nullptr && stopping->load(); }
};

struct Method {
    using Handler = std::function<Result<nlohmann::json>(const nlohmann::json&, CallContext&)>;

    std::string name;
    std::string summary{};
    std::vector<Param> params{};
    std::string result{};   // what it answers with
    std::string example{};  // JSON object of named parameters; replayed by a test
    Role role = Role::kRead;
    Handler handler{};
};

}  // namespace assay::node
