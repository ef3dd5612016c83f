#include "node/peer/offers.h"

#include <algorithm>
#include <map>

#include "node/peer/limits.h"

namespace assay::node {

void Offers::add(const Hash256& root, const std::string& endpoint) {
    std::erase_if(offers_, [&](const Offer& offer) {
        return offer.root == root && offer.endpoint == endpoint;
    });
    const auto host = endpoint.substr(0, endpoint.rfind(':'));
    const auto same_root = [&](const Offer& offer) { return offer.root == root; };
    if (std::count_if(offers_.begin(), offers_.end(), same_root) >= kMaxOffersPerArtifact &&
        !remove_oldest(host, &root)) {
        return;
    }
    const auto same_host = [&](const Offer& offer) { return offer.host == host; };
    if (std::count_if(offers_.begin(), offers_.end(), same_host) >= kMaxOffersPerHost) {
        remove_oldest(host);
    } else if (offers_.size() >= kMaxOffers) {
        remove_oldest(fullest_host());
    }
    offers_.push_back({root, endpoint, host});
}

std::vector<std::string> Offers::of(const Hash256& root) const {
    std::vector<std::string> endpoints;
    for (auto offer = offers_.rbegin(); offer != offers_.rend(); ++offer) {
        if (offer->root == root) endpoints.push_back(offer->endpoint);
    }
    return endpoints;
}

std::string Offers::fullest_host() const {
    std::map<std::string, size_t> counts;
    for (const auto& offer : offers_) counts[offer.host] += 1;
    const auto fullest = std::max_element(
        counts.begin(), counts.end(),
        [](const auto& left, const auto& right) { return left.second < right.second; });
    return fullest == counts.end() ? std::string() : fullest->first;
}

bool Offers::remove_oldest(const std::string& host, const Hash256* root) {
    const auto oldest = std::find_if(offers_.begin(), offers_.end(), [&](const Offer& offer) {
        return offer.host == host && (!root || offer.root == *root);
    });
    if (oldest == offers_.end()) return false;
    offers_.erase(oldest);
    return true;
}

}  // namespace assay::node
