// ContractRules: the rules of jobs and money, as the ledger executes them (ledger/rules.h).
//
// Stateless and const; callable from several threads at once. Errors: init_genesis names the bad
// parameter or account; transactions end with a TxCode.
#pragma once

#include "ledger/rules.h"

namespace assay::contracts {

class ContractRules final : public ledger::Rules {
public:
    [[nodiscard]] std::optional<uint32_t> upgraded_version(const ledger::ReadView& before,
                                                           uint64_t height) const override;
    Status init_genesis(const pb::Genesis& genesis, ledger::State& state) const override;
    [[nodiscard]] ledger::TxCode preflight(const ledger::CheckedTx& tx, uint32_t version,
                                           std::string& why) const override;
    [[nodiscard]] ledger::TxCode preclaim(const ledger::CheckedTx& tx,
                                          const ledger::ReadView& state) const override;
    [[nodiscard]] uint64_t next_nonce(const ledger::Address& sender,
                                      const ledger::ReadView& state) const override;
    [[nodiscard]] std::vector<Bytes> likely_reads(const ledger::CheckedTx& tx) const override;
    ledger::TxOutcome apply(const ledger::CheckedTx& tx, const ledger::BlockInfo& block,
                            ledger::State& state, ledger::Events& events) const override;
    void end_block(const ledger::BlockInfo& block, ledger::State& state,
                   ledger::Events& events) const override;
    [[nodiscard]] std::vector<ledger::ValidatorPower> validators(
        const ledger::ReadView& state) const override;
    [[nodiscard]] std::optional<std::string> broken_invariant(
        const ledger::State& changed) const override;
    [[nodiscard]] std::optional<std::string> broken_global_invariant(
        const ledger::ReadView& state) const override;
};

}  // namespace assay::contracts
