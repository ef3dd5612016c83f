// The process that kill_test kills: a producer of ToyRules under load in the directory argv[1].
// Writes "open H X" once (X: the header hash at height argv[2], 0 for none) and "block H X" after
// every commit. Ends only by a signal, or with a message on standard error.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/ledger/engine/toy_chain.h"

namespace assay::ledger {
namespace {

using namespace testing;  // NOLINT: the toy chain's vocabulary

// One write call a line, so that a kill never leaves half a line behind a whole one.
void report(const std::string& what, uint64_t height, const Hash256& hash) {
    const std::string line = what + " " + std::to_string(height) + " " + to_hex(hash) + "\n";
    if (write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(3);
}

uint64_t unix_ms() {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
}

int run(const std::string& directory, uint64_t asked_height) {
    ToyNode node(directory);
    ProducerOptions options;
    options.clock = unix_ms;
    options.min_interval_ms = 1;
    auto producer = EmbeddedProducer::create(*node.app, *node.database, toy_genesis(), toy_key(0),
                                             std::move(options))
                        .value();
    const auto asked = producer->block(asked_height);
    report("open", producer->height(), asked ? asked->hash : Hash256{});
    producer->subscribe([](const CommittedBlock& block) {
        report("block", block.block.header().height(), block.hash);
    });
    if (!producer->start()) return 1;
    while (producer->failure().empty()) {
        for (uint8_t from = 1; from <= 3; ++from) {
            const ToyTx tx{.from = from, .nonce = producer->next_nonce(toy_address(from))};
            producer->submit(toy_transfer(tx, 4, 1));
        }
        std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    std::fprintf(stderr, "%s\n", producer->failure().c_str());
    return 2;
}

}  // namespace
}  // namespace assay::ledger

int main(int argc, char** argv) {
    if (argc != 3) return 64;
    return assay::ledger::run(argv[1], std::strtoull(argv[2], nullptr, 10));
}
