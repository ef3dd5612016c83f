#include "node/rpc/market_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ledger/crypto/address_text.h"

namespace assay::node {
namespace {

using market::Reason;

bool passes_rules(const contracts::Explanation& explanation) {
    return explanation.candidate.reason == Reason::kEligible ||
           explanation.candidate.reason == Reason::kOutranked;
}

}  // namespace

Result<uint64_t> header_time_ms(const Services& services, const ReadPoint& point) {
    if (point.height == 0) return services.engine.genesis().time_ms();
    ASSAY_ASSIGN(const auto block, services.engine.block(point.height));
    return uint64_t{block.block.header().time_ms()};
}

MarketView summarize_market(const std::vector<contracts::Explanation>& explanations,
                            size_t replicas) {
    MarketView view;
    std::vector<market::Candidate> chosen;
    for (const auto& explanation : explanations) {
        if (!passes_rules(explanation)) continue;
        ++view.eligible;
        if (chosen.size() < replicas) chosen.push_back(explanation.candidate);
    }
    if (chosen.size() < replicas) return view;
    view.clearing_price = market::clearing_price(chosen, 0);
    for (const auto& candidate : chosen)
        view.task_ms = std::max(view.task_ms, candidate.expected_ms);
    return view;
}

nlohmann::json explanations_json(const std::vector<contracts::Explanation>& explanations) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& explanation : explanations)
        list.push_back({{"operator", ledger::address_text(explanation.op)},
                        {"eligible", passes_rules(explanation)},
                        {"reason", market::reason_info(explanation.candidate.reason).name},
                        {"explanation", explanation.text},
                        {"priceFloor", amount_text(explanation.candidate.price_floor)},
                        {"expectedMs", integer_json(explanation.candidate.expected_ms)}});
    return list;
}

}  // namespace assay::node
