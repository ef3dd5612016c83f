// What the market would do with a job, as the RPC shows it.
//
// Ownership: values. Threads: pure over a committed state. Errors: those of contracts/queries.h.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "contracts/queries.h"
#include "node/rpc/values.h"

namespace assay::node {

// Header time of the newest block: what the rules would compare with now.
Result<uint64_t> header_time_ms(const Services& services, const ReadPoint& point);

struct MarketView {
    uint64_t eligible = 0;        // providers that pass every rule, chosen or outranked
    uint64_t clearing_price = 0;  // micro-units per work unit; 0 with fewer than the replicas
    uint64_t task_ms = 0;         // expected time of the slowest chosen replica; 0 likewise
};
MarketView summarize_market(const std::vector<contracts::Explanation>& explanations,
                            size_t replicas);

// [{operator, eligible, reason, explanation, priceFloor, expectedMs}], best first.
nlohmann::json explanations_json(const std::vector<contracts::Explanation>& explanations);

}  // namespace assay::node
