// Who said to have which artifact, newest last. Bounded so that no host's offers, however many,
// push out those of others: an offer too many replaces one of its own host, else the oldest of the
// host with the most. Threads: one at a time.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace assay::node {

class Offers {
public:
    void add(const Hash256& root, const std::string& endpoint);
    [[nodiscard]] std::vector<std::string> of(const Hash256& root) const;  // newest first
    [[nodiscard]] size_t size() const { return offers_.size(); }

private:
    struct Offer {
        Hash256 root;
        std::string endpoint, host;
    };
    [[nodiscard]] std::string fullest_host() const;
    // Removes the oldest of the host, of this artifact where one is given; false when none is.
    bool remove_oldest(const std::string& host, const Hash256* root = nullptr);

    std::deque<Offer> offers_;
};

}  // namespace assay::node
