// Matching at block end: the ledger's facts become market bids and requests, and its answer slots.
//
// The same functions serve market_explain and job_screen, so what they say is what the assignment
// does. A vacancy is filled from the beacon of a later block than the one that opened it. Threads:
// readers are const; fill_vacancies is the context's. Errors: none.
#pragma once

#include <vector>

#include "contracts/context.h"
#include "market/matching.h"

namespace assay::contracts {

// Every registered provider's standing bid, in address order; draws are not set.
[[nodiscard]] std::vector<market::Bid> collect_bids(const Reader& reader, uint64_t now_ms);

[[nodiscard]] market::Request make_request(const pb::Job& job, const pb::Task& task,
                                           const pb::Params& params, uint64_t now_ms);

// Sets the draws of the bids that are eligible for `task`.
void draw_bids(const Hash256& beacon, ByteView task_id, const market::Request& request,
               std::vector<market::Bid>& bids);

// Offers slots to the best bids of every task that waits, highest priority and oldest first.
void fill_vacancies(Context& context);

}  // namespace assay::contracts
