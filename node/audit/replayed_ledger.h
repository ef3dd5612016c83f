// A ledger export replayed from genesis, and its final state to ask questions of.
//
// Ownership: owns a temporary database, removed with the object. Threads: one. Errors: the first
// problem of the replay, with height and field (ledger/audit/replay.h).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "ledger/audit/replay.h"
#include "ledger/state/database.h"
#include "node/core/files.h"

namespace assay::node {

class ReplayedLedger {
public:
    // Under the contract rules, or under others. `on_height`, if given, hears of every block.
    using OnHeight = std::function<void(uint64_t height)>;
    static Result<std::unique_ptr<ReplayedLedger>> open(const std::filesystem::path& file,
                                                        const OnHeight& on_height = {});
    static Result<std::unique_ptr<ReplayedLedger>> open(const std::filesystem::path& file,
                                                        const ledger::Rules& rules,
                                                        const OnHeight& on_height = {});
    ReplayedLedger(const ReplayedLedger&) = delete;
    ReplayedLedger& operator=(const ReplayedLedger&) = delete;

    [[nodiscard]] const ledger::ReplayReport& report() const { return report_; }
    [[nodiscard]] const ledger::ReadView& state() const { return *state_; }
    // Blocks and events of every height.
    [[nodiscard]] const ledger::Database& database() const { return *database_; }

private:
    explicit ReplayedLedger(ScratchFolder folder) : folder_(std::move(folder)) {}
    const ScratchFolder folder_;  // first: the database closes before it goes
    ledger::ReplayReport report_;
    std::unique_ptr<ledger::Database> database_;
    std::shared_ptr<const ledger::ReadView> state_;
};

}  // namespace assay::node
