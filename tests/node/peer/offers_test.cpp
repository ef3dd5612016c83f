// The table of offers: no host's offers push out those of another.
#include "node/peer/offers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "compute/checkpoint/artifact.h"
#include "node/peer/limits.h"

namespace assay::node {
namespace {

Hash256 root_of(uint32_t number) {
    return compute::chunk_hash(view_of(std::to_string(number)));
}
std::string at(uint32_t host, uint32_t port) {
    return "10.0." + std::to_string(host / 256) + "." + std::to_string(host % 256) + ":" +
           std::to_string(port);
}
using Endpoints = std::vector<std::string>;

TEST(offers, the_newest_is_first_and_none_is_twice) {
    Offers offers;
    EXPECT_TRUE(offers.of(root_of(1)).empty());
    offers.add(root_of(1), at(1, 1));
    offers.add(root_of(1), at(2, 1));
    offers.add(root_of(2), at(3, 1));
    offers.add(root_of(1), at(1, 1));
    EXPECT_EQ(offers.of(root_of(1)), (Endpoints{at(1, 1), at(2, 1)}));
    EXPECT_EQ(offers.of(root_of(2)), Endpoints{at(3, 1)});
}

TEST(offers, too_many_of_one_host_replace_its_own) {
    Offers offers;
    offers.add(root_of(0), at(1, 1));
    for (uint32_t i = 1; i <= 2 * kMaxOffers; ++i) offers.add(root_of(i), at(2, 1));
    EXPECT_EQ(offers.size(), 1U + kMaxOffersPerHost);
    EXPECT_EQ(offers.of(root_of(0)), Endpoints{at(1, 1)});
    EXPECT_EQ(offers.of(root_of(2 * kMaxOffers)), Endpoints{at(2, 1)});
    EXPECT_TRUE(offers.of(root_of(2 * kMaxOffers - kMaxOffersPerHost)).empty());
}

TEST(offers, a_full_table_takes_from_the_host_with_the_most) {
    Offers offers;
    offers.add(root_of(0), at(0, 1));
    uint32_t number = 0;
    for (uint32_t host = 1; host <= 2 * kMaxOffers / kMaxOffersPerHost; ++host) {
        for (uint32_t i = 0; i < kMaxOffersPerHost; ++i) offers.add(root_of(++number), at(host, 1));
    }
    EXPECT_EQ(offers.size(), kMaxOffers);
    EXPECT_EQ(offers.of(root_of(0)), Endpoints{at(0, 1)});
}

TEST(offers, more_sources_of_an_artifact_replace_only_those_of_their_host) {
    Offers offers;
    for (uint32_t host = 1; host <= kMaxOffersPerArtifact; ++host)
        offers.add(root_of(1), at(host, 1));
    offers.add(root_of(1), at(99, 1));
    auto known = offers.of(root_of(1));
    EXPECT_EQ(known.size(), kMaxOffersPerArtifact);
    EXPECT_EQ(std::count(known.begin(), known.end(), at(99, 1)), 0);
    offers.add(root_of(1), at(1, 2));
    known = offers.of(root_of(1));
    EXPECT_EQ(known.size(), kMaxOffersPerArtifact);
    EXPECT_EQ(known.front(), at(1, 2));
    EXPECT_EQ(std::count(known.begin(), known.end(), at(1, 1)), 0);
}

}  // namespace
}  // namespace assay::node
