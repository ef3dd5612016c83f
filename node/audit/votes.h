// A second, independent count of every vote and payment, from the transactions, the events and the
// slots that the ledger records.
//
// The rules count votes when they tally; this counts them again in a few lines that share no code
// with them, so that a mistake (or a lie) in the one is seen by the other. Ownership: a VoteBook
// owns what it noted. Threads: one a book; the functions are pure. Errors: kCorrupt naming the
// height (VoteBook), the task, the slot and the field.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "contracts.pb.h"
#include "ledger/engine/engine.h"

namespace assay::node {

// One task: an accepted output has a strict majority of its replicas, and every slot is judged as
// what it said.
Status check_task_tally(const pb::Task& task);
// Of a final task, those who agreed and only those were paid, the price; those who dissented were
// slashed.
Status check_task_payments(const pb::Task& task);

// Notes every reveal and payment block by block, and compares them with the final state.
class VoteBook {
public:
    void add(const ledger::CommittedBlock& block);
    // Every task of every job.
    [[nodiscard]] Status check(const ledger::ReadView& state) const;

private:
    struct Reveal {
        uint64_t height = 0;
        int transaction = 0;
        pb::TaskReveal message;
    };
    struct Payment {
        uint64_t height = 0;
        uint64_t amount = 0;
    };
    struct TaskNotes {
        uint64_t tallied = 0;                     // height of task.tallied
        uint64_t final = 0;                       // height of task.final
        std::map<std::string, Reveal> reveals;    // by operator, hexadecimal
        std::map<std::string, Payment> payments;  // by operator, hexadecimal
    };
    static Status check_reveals(const pb::Task& task, const TaskNotes& notes);
    static Status check_paid(const pb::Task& task, const TaskNotes& notes);
    [[nodiscard]] Status check_task(const pb::Task& task) const;

    std::map<std::string, TaskNotes> tasks_;  // by task id, hexadecimal
};

}  // namespace assay::node
