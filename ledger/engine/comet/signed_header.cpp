#include "ledger/engine/comet/signed_header.h"

#include <charconv>
#include <ctime>
#include <stdexcept>

#include "base/bytes.h"
#include "ledger/crypto/base64.h"

namespace assay::ledger::comet {
namespace {

using nlohmann::json;

// Any of these throws json::exception or std::invalid_argument for what does not fit.
std::string hex_bytes(const json& value) {
    std::string text = value.get<std::string>();
    for (char& c : text) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto bytes = from_hex(text);
    if (!bytes) throw std::invalid_argument("not hexadecimal");
    return std::string(text_of(*bytes));
}

int64_t integer(const json& value) {
    if (value.is_number_integer()) return value.get<int64_t>();
    const std::string text = value.get<std::string>();
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        throw std::invalid_argument("not a number");
    return number;
}

// RFC 3339 in UTC with up to nine digits of a second.
void read_time(const json& value, abci::Timestamp& time) {
    const std::string text = value.get<std::string>();
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) throw std::invalid_argument("not a time");
    int32_t nanos = 0;
    if (*rest == '.') {
        int32_t unit = 100'000'000;
        for (++rest; *rest >= '0' && *rest <= '9' && unit > 0; ++rest, unit /= 10)
            nanos += (*rest - '0') * unit;
    }
    if (std::string_view(rest) != "Z") throw std::invalid_argument("not a time in UTC");
    time.set_seconds(::timegm(&parts));
    time.set_nanos(nanos);
}

void read_block_id(const json& value, abci::BlockId& id) {
    id.set_hash(hex_bytes(value.at("hash")));
    id.mutable_part_set_header()->set_total(
        static_cast<uint32_t>(integer(value.at("parts").at("total"))));
    id.mutable_part_set_header()->set_hash(hex_bytes(value.at("parts").at("hash")));
}

void read_header(const json& value, abci::Header& header) {
    header.mutable_version()->set_block(
        static_cast<uint64_t>(integer(value.at("version").at("block"))));
    if (const auto app = value.at("version").find("app"); app != value.at("version").end())
        header.mutable_version()->set_app(static_cast<uint64_t>(integer(*app)));
    header.set_chain_id(value.at("chain_id").get<std::string>());
    header.set_height(integer(value.at("height")));
    read_time(value.at("time"), *header.mutable_time());
    read_block_id(value.at("last_block_id"), *header.mutable_last_block_id());
    header.set_last_commit_hash(hex_bytes(value.at("last_commit_hash")));
    header.set_data_hash(hex_bytes(value.at("data_hash")));
    header.set_validators_hash(hex_bytes(value.at("validators_hash")));
    header.set_next_validators_hash(hex_bytes(value.at("next_validators_hash")));
    header.set_consensus_hash(hex_bytes(value.at("consensus_hash")));
    header.set_app_hash(hex_bytes(value.at("app_hash")));
    header.set_last_results_hash(hex_bytes(value.at("last_results_hash")));
    header.set_evidence_hash(hex_bytes(value.at("evidence_hash")));
    header.set_proposer_address(hex_bytes(value.at("proposer_address")));
}

void read_commit(const json& value, abci::Commit& commit) {
    constexpr int64_t kAbsent = 1;
    commit.set_height(integer(value.at("height")));
    commit.set_round(static_cast<int32_t>(integer(value.at("round"))));
    read_block_id(value.at("block_id"), *commit.mutable_block_id());
    for (const json& each : value.at("signatures")) {
        abci::CommitSig& vote = *commit.add_signatures();
        vote.set_block_id_flag(static_cast<uint32_t>(integer(each.at("block_id_flag"))));
        if (vote.block_id_flag() == kAbsent) continue;
        vote.set_validator_address(hex_bytes(each.at("validator_address")));
        read_time(each.at("timestamp"), *vote.mutable_timestamp());
        const auto signature = from_base64(each.at("signature").get<std::string>());
        if (!signature) throw std::invalid_argument("a signature is not base64");
        vote.set_signature(std::string(text_of(*signature)));
    }
}

}  // namespace

Result<abci::Certificate> certificate_from(const json& answer) {
    abci::Certificate certificate;
    try {
        const json& signed_header = answer.at("signed_header");
        read_header(signed_header.at("header"), *certificate.mutable_header());
        read_commit(signed_header.at("commit"), *certificate.mutable_commit());
    } catch (const std::exception& error) {
        return fail(Code::kCorrupt,
                    std::string("the engine's commit cannot be read: ") + error.what());
    }
    return certificate;
}

}  // namespace assay::ledger::comet
