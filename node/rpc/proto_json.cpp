#include "node/rpc/proto_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "ledger/codec/address.h"
#include "ledger/crypto/address_text.h"
#include "node/rpc/json_text.h"
#include "node/rpc/method.h"

namespace assay::node {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using nlohmann::json;

constexpr std::string_view kNanoSuffix = "_nano";
constexpr uint64_t kNano = 1'000'000'000;
constexpr int kNanoDigits = 9;
constexpr size_t kMaxDecimalText = 40;

// Fields that hold money.
constexpr std::array<std::string_view, 24> kAmountFields = {
    "amount",        "balance", "bonded",         "burnt",         "earned",          "escrow",
    "escrowed",      "fee",     "fees_collected", "fee_charged",   "locked",          "min_fee",
    "min_stake",     "paid",    "price",          "price_ceiling", "price_floor",     "slashed",
    "slashed_total", "spent",   "stake",          "supply",        "unbonding_total", "reward"};
constexpr std::array<std::string_view, 6> kAddressFields = {
    "address", "allowed_operators", "operator", "producer", "requester", "to"};

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

bool is_nano(const FieldDescriptor& field) {
    return std::string_view(field.name()).ends_with(kNanoSuffix);
}

// Money also hides in Totals.unbonding, which is a list elsewhere.
bool is_amount(const FieldDescriptor& field) {
    return is_one_of(kAmountFields, field.name()) ||
           (field.name() == "unbonding" && field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64);
}

std::string json_name(const FieldDescriptor& field) {
    std::string_view name = field.name();
    if (is_nano(field)) name.remove_suffix(kNanoSuffix.size());
    std::string out;
    bool upper = false;
    for (const char c : name) {
        if (c == '_') {
            upper = true;
            continue;
        }
        out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        upper = false;
    }
    return out;
}

// JOB_RUNNING of JobState is "running": what follows the first underscore, in lower case.
std::string enum_word(const EnumValueDescriptor& value) {
    std::string word = value.name().substr(value.name().find('_') + 1);
    for (char& c : word)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return word;
}

json integer_json(const FieldDescriptor& field, uint64_t value) {
    if (is_nano(field)) return format_nano(value);
    if (is_amount(field) || value > kMaxJsonInteger) return std::to_string(value);
    return value;
}

json bytes_json(const FieldDescriptor& field, const std::string& raw) {
    if (is_one_of(kAddressFields, field.name()))
        if (const auto address = ledger::Address::from(raw)) return ledger::address_text(*address);
    return "0x" + to_hex(view_of(raw));
}

json single_json(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_UINT64:
            return integer_json(field, reflection.GetUInt64(message, &field));
        case FieldDescriptor::CPPTYPE_UINT32:
            return integer_json(field, reflection.GetUInt32(message, &field));
        case FieldDescriptor::CPPTYPE_BOOL:
            return reflection.GetBool(message, &field);
        case FieldDescriptor::CPPTYPE_ENUM:
            return enum_word(*reflection.GetEnum(message, &field));
        case FieldDescriptor::CPPTYPE_STRING: {
            std::string text = reflection.GetString(message, &field);
            if (field.type() == FieldDescriptor::TYPE_BYTES) return bytes_json(field, text);
            return text;
        }
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return message_to_json(reflection.GetMessage(message, &field));
        default:
            return nullptr;  // the messages of proto/ use no other type
    }
}

json repeated_json(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    json list = json::array();
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        switch (field.cpp_type()) {
            case FieldDescriptor::CPPTYPE_MESSAGE:
                list.push_back(message_to_json(reflection.GetRepeatedMessage(message, &field, i)));
                break;
            case FieldDescriptor::CPPTYPE_STRING: {
                const std::string text = reflection.GetRepeatedString(message, &field, i);
                list.push_back(field.type() == FieldDescriptor::TYPE_BYTES ? bytes_json(field, text)
                                                                           : json(text));
                break;
            }
            case FieldDescriptor::CPPTYPE_UINT32:
                list.push_back(reflection.GetRepeatedUInt32(message, &field, i));
                break;
            case FieldDescriptor::CPPTYPE_UINT64:
                list.push_back(
                    integer_json(field, reflection.GetRepeatedUInt64(message, &field, i)));
                break;
            default:
                break;
        }
    }
    return list;
}

// ---- reading ----

Error at(const std::string& path, const std::string& what) {
    return fail(Code::kInvalidArgument, path + ": " + what);
}

Result<uint64_t> read_integer(const json& value, const FieldDescriptor& field,
                              const std::string& path) {
    const uint64_t max =
        field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ? UINT32_MAX : UINT64_MAX;
    uint64_t number = 0;
    if (value.is_number_unsigned()) {
        number = value.get<uint64_t>();
    } else if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (!matches_format(Format::kAmount, text) || error != std::errc{} ||
            end != text.data() + text.size())
            return at(path, "expected a whole number without sign");
    } else {
        return at(path, "expected a whole number without sign");
    }
    if (number > max) return at(path, "at most " + std::to_string(max));
    return number;
}

Result<uint64_t> read_nano(const json& value, const std::string& path) {
    std::string text;
    if (is_decimal(value)) {
        text = decimal_text(value);
    } else if (value.is_number()) {
        text = value.dump();
    } else if (value.is_string()) {
        text = value.get<std::string>();
    } else {
        return at(path, "expected a decimal such as \"0.003\"");
    }
    auto nano = parse_nano(text);
    if (!nano.ok()) return at(path, nano.error().message);
    return nano;
}

Result<std::string> read_bytes(const json& value, const FieldDescriptor& field,
                               const std::string& path) {
    if (!value.is_string()) return at(path, "expected a 0x-hexadecimal string");
    const auto& text = value.get_ref<const std::string&>();
    if (is_one_of(kAddressFields, field.name())) {
        const auto address = ledger::parse_address(text);
        if (!address.ok()) return at(path, address.error().message);
        return std::string(text_of(address->view()));
    }
    const auto bytes = from_hex(text);
    if (!text.starts_with("0x") || !bytes)
        return at(path, "expected 0x and an even number of hexadecimal digits");
    return std::string(text_of(*bytes));
}

Status read_enum(const json& value, const FieldDescriptor& field, const std::string& path,
                 Message& message) {
    const EnumDescriptor& type = *field.enum_type();
    for (int i = 0; value.is_string() && i < type.value_count(); ++i) {
        if (enum_word(*type.value(i)) != value.get_ref<const std::string&>()) continue;
        message.GetReflection()->SetEnum(&message, &field, type.value(i));
        return {};
    }
    return at(path, "unknown word");
}

Status read_single(const json& value, const FieldDescriptor& field, const std::string& path,
                   Message& message) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_UINT32:
        case FieldDescriptor::CPPTYPE_UINT64: {
            ASSAY_ASSIGN(const uint64_t number, is_nano(field) ? read_nano(value, path)
                                                               : read_integer(value, field, path));
            if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32)
                reflection.SetUInt32(&message, &field, static_cast<uint32_t>(number));
            else
                reflection.SetUInt64(&message, &field, number);
            return {};
        }
        case FieldDescriptor::CPPTYPE_BOOL:
            if (!value.is_boolean()) return at(path, "expected true or false");
            reflection.SetBool(&message, &field, value.get<bool>());
            return {};
        case FieldDescriptor::CPPTYPE_ENUM:
            return read_enum(value, field, path, message);
        case FieldDescriptor::CPPTYPE_STRING: {
            if (field.type() == FieldDescriptor::TYPE_BYTES) {
                ASSAY_ASSIGN(auto raw, read_bytes(value, field, path));
                reflection.SetString(&message, &field, std::move(raw));
                return {};
            }
            if (!value.is_string()) return at(path, "expected a string");
            reflection.SetString(&message, &field, value.get<std::string>());
            return {};
        }
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return message_from_json(value, path, *reflection.MutableMessage(&message, &field));
        default:
            return at(path, "this field cannot be set");
    }
}

Status read_repeated(const json& value, const FieldDescriptor& field, const std::string& path,
                     Message& message) {
    const Reflection& reflection = *message.GetReflection();
    if (!value.is_array()) return at(path, "expected a list");
    if (value.size() > kMaxJsonListLength)
        return at(path, "at most " + std::to_string(kMaxJsonListLength) + " entries");
    for (size_t i = 0; i < value.size(); ++i) {
        const std::string place = path + "[" + std::to_string(i) + "]";
        switch (field.cpp_type()) {
            case FieldDescriptor::CPPTYPE_UINT32: {
                ASSAY_ASSIGN(const uint64_t number, read_integer(value[i], field, place));
                reflection.AddUInt32(&message, &field, static_cast<uint32_t>(number));
                break;
            }
            case FieldDescriptor::CPPTYPE_STRING: {
                if (field.type() != FieldDescriptor::TYPE_BYTES)
                    return at(path, "this field cannot be set");
                ASSAY_ASSIGN(auto raw, read_bytes(value[i], field, place));
                reflection.AddString(&message, &field, std::move(raw));
                break;
            }
            case FieldDescriptor::CPPTYPE_MESSAGE:
                ASSAY_RETURN_IF_ERROR(
                    message_from_json(value[i], place, *reflection.AddMessage(&message, &field)));
                break;
            default:
                return at(path, "this field cannot be set");
        }
    }
    return {};
}

const FieldDescriptor* find_field(const Descriptor& type, const std::string& name) {
    for (int i = 0; i < type.field_count(); ++i)
        if (json_name(*type.field(i)) == name) return type.field(i);
    return nullptr;
}

std::string known_names(const Descriptor& type) {
    std::string names;
    for (int i = 0; i < type.field_count(); ++i)
        names += (names.empty() ? "" : ", ") + json_name(*type.field(i));
    return names;
}

}  // namespace

json message_to_json(const Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    const Reflection& reflection = *message.GetReflection();
    json out = json::object();
    for (int i = 0; i < type.field_count(); ++i) {
        const FieldDescriptor& field = *type.field(i);
        if (field.is_repeated()) {
            out[json_name(field)] = repeated_json(message, field);
        } else if (!field.has_presence() || reflection.HasField(message, &field)) {
            out[json_name(field)] = single_json(message, field);
        }
    }
    return out;
}

Status message_from_json(const json& value, const std::string& path, Message& message) {
    if (!value.is_object()) return at(path, "expected an object");
    const Descriptor& type = *message.GetDescriptor();
    for (const auto& [name, member] : value.items()) {
        const FieldDescriptor* field = find_field(type, name);
        if (field == nullptr)
            return at(path + "." + name.substr(0, 64),
                      "no such field; known here: " + known_names(type));
        const std::string place = path + "." + name;
        if (const auto* oneof = field->containing_oneof();
            oneof != nullptr && message.GetReflection()->HasOneof(message, oneof))
            return at(place, "only one of the alternatives may be given");
        ASSAY_RETURN_IF_ERROR(field->is_repeated() ? read_repeated(member, *field, place, message)
                                                   : read_single(member, *field, place, message));
    }
    return {};
}

std::string enum_word_of(const Message& message, const std::string& field) {
    const FieldDescriptor* found = message.GetDescriptor()->FindFieldByName(field);
    return enum_word(*message.GetReflection()->GetEnum(message, found));
}

Result<uint64_t> parse_nano(std::string_view text) {
    const auto bad = [] {
        return fail(Code::kInvalidArgument,
                    "expected a decimal such as \"0.003\" with at most nine places");
    };
    if (text.empty() || text.size() > kMaxDecimalText) return bad();
    // digits [. digits] [e [sign] digits]
    std::string digits;
    int places = 0;
    bool point = false;
    size_t i = 0;
    for (; i < text.size() && (text[i] == '.' || (text[i] >= '0' && text[i] <= '9')); ++i) {
        if (text[i] == '.') {
            if (point || i == 0 || i + 1 == text.size()) return bad();
            point = true;
        } else {
            digits += text[i];
            places += point ? 1 : 0;
        }
    }
    if (digits.empty() || text[i - 1] == '.') return bad();
    int exponent = 0;
    if (i < text.size()) {
        if (text[i] != 'e' && text[i] != 'E') return bad();
        ++i;
        if (i < text.size() && text[i] == '+') ++i;
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data() + i, end, exponent);
        if (error != std::errc{} || stop != end) return bad();
    }
    constexpr int kMaxExponent = 100;
    if (exponent > kMaxExponent || exponent < -kMaxExponent) return bad();
    // value = digits x 10^shift nano
    int shift = exponent - places + kNanoDigits;
    for (; shift < 0 && digits.size() > 1 && digits.back() == '0'; ++shift) digits.pop_back();
    uint64_t nano = 0;
    for (const char c : digits) {
        const auto digit = static_cast<uint64_t>(c - '0');
        if (nano > (UINT64_MAX - digit) / 10) return bad();
        nano = nano * 10 + digit;
    }
    if (nano == 0) return nano;
    if (shift < 0) return bad();
    for (; shift > 0; --shift) {
        if (nano > UINT64_MAX / 10) return bad();
        nano *= 10;
    }
    return nano;
}

std::string format_nano(uint64_t nano) {
    std::string text = std::to_string(nano / kNano);
    uint64_t rest = nano % kNano;
    if (rest == 0) return text;
    std::string places = std::to_string(rest);
    places.insert(0, kNanoDigits - places.size(), '0');
    places.erase(places.find_last_not_of('0') + 1);
    return text + "." + places;
}

}  // namespace assay::node
