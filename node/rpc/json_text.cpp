#include "node/rpc/json_text.h"

#include <nlohmann/json.hpp>
#include <vector>

namespace assay::node {
namespace {

using nlohmann::json;

// A decimal literal travels as a binary value, a kind that no JSON text can produce otherwise.
constexpr json::binary_t::subtype_type kDecimalSubtype = 0xdec;

// Builds the value; each method answers whether to go on.
class StrictBuilder : public nlohmann::json_sax<json> {
public:
    bool null() override { return put(json(nullptr)); }
    bool boolean(bool value) override { return put(json(value)); }
    bool number_integer(number_integer_t value) override { return put(json(value)); }
    bool number_unsigned(number_unsigned_t value) override { return put(json(value)); }
    bool number_float(number_float_t /*value*/, const string_t& text) override {
        return put(json::binary({text.begin(), text.end()}, kDecimalSubtype));
    }
    bool string(string_t& value) override { return put(json(std::move(value))); }
    bool binary(binary_t& /*value*/) override { return false; }

    bool start_object(size_t /*size*/) override { return open(json::object()); }
    bool start_array(size_t /*size*/) override { return open(json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        if (open_.back()->contains(name)) {
            error_ = fail(Code::kInvalidArgument,
                          "repeated member \"" + name.substr(0, 64) + "\": send each member once");
            return false;
        }
        key_ = std::move(name);
        return true;
    }
    bool parse_error(size_t position, const std::string& token,
                     const nlohmann::detail::exception& /*why*/) override {
        error_ = fail(Code::kInvalidArgument,
                      "not JSON: syntax error at byte " + std::to_string(position) + " near '" +
                          token.substr(token.size() > 32 ? token.size() - 32 : 0) + "'");
        return false;
    }

    json take() { return std::move(root_); }
    const Error& error() const { return error_; }

private:
    json* place(json value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        json& parent = *open_.back();
        if (parent.is_object()) return &(parent[key_] = std::move(value));
        parent.push_back(std::move(value));
        return &parent.back();
    }
    bool put(json value) { return place(std::move(value)) != nullptr; }
    bool open(json value) {
        if (open_.size() >= kMaxJsonDepth) {
            error_ = fail(Code::kLimit, "JSON nested deeper than " + std::to_string(kMaxJsonDepth) +
                                            " levels: flatten the request");
            return false;
        }
        open_.push_back(place(std::move(value)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    json root_;
    std::vector<json*> open_;  // the path to the value under construction; stable while it is open
    std::string key_;
    Error error_{Code::kInvalidArgument, "not JSON"};
};

}  // namespace

Result<json> parse_json(std::string_view text) {
    StrictBuilder builder;
    if (!json::sax_parse(text.begin(), text.end(), &builder)) return builder.error();
    return builder.take();
}

bool is_decimal(const json& value) {
    return value.is_binary() && value.get_binary().subtype() == kDecimalSubtype;
}

std::string decimal_text(const json& value) {
    const auto& bytes = value.get_binary();
    return {bytes.begin(), bytes.end()};
}

std::string dump_json(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string pretty_json(const json& value) {
    return value.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace assay::node
