#include "node/rpc/market_view.h"

#include <algorithm>
#include <map>
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

MarketView summarize_market(const contracts::Reader& reader,
                            const std::vector<contracts::Explanation>& explanations,
                            size_t replicas) {
    MarketView view;
    std::vector<market::Candidate> chosen;
    for (const auto& explanation : explanations) {
        if (!passes_rules(explanation)) continue;
        ++view.eligible;
        if (const auto provider = reader.provider(explanation.op))
            view.free_slots +=
                provider->capacity() - std::min(provider->busy(), provider->capacity());
        if (chosen.size() < replicas) chosen.push_back(explanation.candidate);
    }
    if (chosen.size() < replicas) return view;
    view.clearing_price = market::clearing_price(chosen, 0);
    for (const auto& candidate : chosen)
        view.task_ms = std::max(view.task_ms, candidate.expected_ms);
    return view;
}

uint64_t job_ms(const MarketView& market, const contracts::Quote& quote, const pb::JobSpec& spec) {
    const uint64_t at_once = market.free_slots / std::max<uint64_t>(1, spec.terms().replicas());
    if (market.task_ms == 0 || at_once == 0) return 0;
    const uint64_t waves = (spec.plan().shards() + at_once - 1) / at_once;
    const double aggregation =
        quote.aggregate_tasks == 0 || quote.train_work == 0
            ? 0
            : static_cast<double>(quote.aggregate_work) / static_cast<double>(quote.train_work);
    const double round_ms =
        static_cast<double>(market.task_ms) * (static_cast<double>(waves) + aggregation);
    const double total = round_ms * spec.plan().rounds();
    return total > static_cast<double>(kMaxJsonInteger) ? kMaxJsonInteger
                                                        : static_cast<uint64_t>(total);
}

nlohmann::json exclusions_json(const std::vector<contracts::Explanation>& explanations) {
    std::map<Reason, uint64_t> counts;
    for (const auto& explanation : explanations)
        if (!passes_rules(explanation)) ++counts[explanation.candidate.reason];
    nlohmann::json list = nlohmann::json::array();
    for (const auto& [reason, count] : counts) {
        const auto& info = market::reason_info(reason);
        list.push_back({{"reason", info.name},
                        {"providers", count},
                        {"meaning", info.meaning},
                        {"remedy", info.remedy}});
    }
    return list;
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
