// Small conversions every method uses, and the point of the chain a read was made at.
//
// Ownership: values; ReadPoint shares the committed state. Threads: pure. Errors: kInvalidArgument
// naming the parameter; kUnavailable before the first block.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/bytes.h"
#include "ledger.pb.h"
#include "node/rpc/services.h"

namespace assay::node {

// One committed height, its app hash and its state, taken together.
struct ReadPoint {
    uint64_t height = 0;
    Hash256 app_hash;
    std::shared_ptr<const ledger::ReadView> view;
};
Result<ReadPoint> read_point(const Services& services);
// Adds height and appHash to a read's answer.
nlohmann::json with_point(nlohmann::json answer, const ReadPoint& point);

std::string hash_text(const Hash256& hash);
std::string hex_bytes(ByteView bytes);
std::string amount_text(uint64_t amount);
// An integer while every JSON reader keeps it exact, else a decimal string.
nlohmann::json integer_json(uint64_t value);

// Parameters that validation has already given their form.
Hash256 hash_param(const nlohmann::json& params, const std::string& name);
Result<ledger::Address> address_param(const nlohmann::json& params, const std::string& name);
Result<uint64_t> amount_param(const nlohmann::json& params, const std::string& name);

nlohmann::json event_json(const pb::Event& event);
// Header, hash and the hash, code and fee of each transaction.
nlohmann::json block_json(const ledger::CommittedBlock& block);

}  // namespace assay::node
