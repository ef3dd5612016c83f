// What clients of a toy chain might send, drawn from a seed: the next nonce mostly, sometimes a
// wrong one, now and then garbage.
// Ownership: values. Threads: one. Errors: none.
#pragma once

#include <random>

#include "tests/ledger/engine/toy_chain.h"

namespace assay::ledger::testing {

// Blocks of one story.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr uint64_t kStoryHeights = 200;
#else
inline constexpr uint64_t kStoryHeights = 2'500;
#endif

class ToyTraffic {
public:
    explicit ToyTraffic(uint32_t seed) : random_(seed) {}

    uint64_t draw(uint64_t below) {
        return std::uniform_int_distribution<uint64_t>(0, below - 1)(random_);
    }
    Bytes transaction(const ReadView& state) {
        if (draw(20) == 0) return Bytes(draw(60), static_cast<uint8_t>(draw(256)));
        const auto from = static_cast<uint8_t>(1 + draw(kToyAccounts));
        ToyTx tx;
        tx.from = from;
        tx.nonce = toy_account(state, toy_address(from)).nonce + draw(10) / 8;
        return toy_transfer(tx, static_cast<uint8_t>(1 + draw(kToyAccounts)), draw(2'000'000'000));
    }

private:
    std::mt19937_64 random_;
};

}  // namespace assay::ledger::testing
