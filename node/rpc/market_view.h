// What the market would do with a job, as the RPC shows it.
//
// Ownership: values. Threads: pure over a committed state. Errors: those of contracts/queries.h.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "contracts/queries.h"
#include "node/rpc/method.h"
#include "node/rpc/values.h"

namespace assay::node {

// Header time of the newest block: what the rules would compare with now.
Result<uint64_t> header_time_ms(const Services& services, const ReadPoint& point);

struct MarketView {
    uint64_t eligible = 0;        // providers that pass every rule, chosen or outranked
    uint64_t clearing_price = 0;  // micro-units per work unit; 0 with fewer than the replicas
    uint64_t task_ms = 0;         // expected time of the slowest chosen replica; 0 likewise
    uint64_t free_slots = 0;      // of the eligible ones
};
MarketView summarize_market(const contracts::Reader& reader,
                            const std::vector<contracts::Explanation>& explanations,
                            size_t replicas);
// How long the whole job takes if the free slots stay free: waves of training tasks in each round,
// then its aggregation. Without the ledger's own time. 0 when not known.
uint64_t job_ms(const MarketView& market, const contracts::Quote& quote, const pb::JobSpec& spec);

// [{reason, providers, meaning, remedy}] of those that a rule excludes, in the order of the rules.
nlohmann::json exclusions_json(const std::vector<contracts::Explanation>& explanations);

// [{operator, eligible, reason, explanation, priceFloor, expectedMs}], best first.
nlohmann::json explanations_json(const std::vector<contracts::Explanation>& explanations);

}  // namespace assay::node
