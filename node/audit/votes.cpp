#include "node/audit/votes.h"

#include "base/bytes.h"
#include "contracts/queries.h"
#include "contracts/transactions.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "node/audit/event_text.h"

namespace assay::node {
namespace {

constexpr size_t kPageSize = 200;

// Of a slot or a reveal, and of the accepted task.
template <typename A, typename B>
bool same_result(const A& a, const B& b) {
    if (a.diverged() || b.diverged())
        return a.diverged() && b.diverged() && a.fault_step() == b.fault_step();
    return a.output().root() == b.output().root() && a.output().size() == b.output().size() &&
           a.trace().root() == b.trace().root() && a.trace().size() == b.trace().size();
}

bool has_revealed(const pb::Slot& slot) {
    return slot.state() == pb::SLOT_REVEALED || slot.state() == pb::SLOT_AGREED ||
           slot.state() == pb::SLOT_DISSENT;
}

Error bad(const pb::Task& task, const std::string& what) {
    return fail(Code::kCorrupt, "task " + to_hex(view_of(task.id())) + ": " + what);
}

std::string slot_name(const pb::Task& task, int index) {
    return "slots[" + std::to_string(index) + "] of " +
           to_hex(view_of(task.slots(index).operator_()));
}

std::string result_text(const pb::ArtifactRef& output, bool diverged, uint32_t step) {
    return diverged ? "diverged at step " + std::to_string(step)
                    : "output " + to_hex(view_of(output.root()));
}

Error at_height(uint64_t height, const Error& error) {
    return fail(error.code, "height " + std::to_string(height) + ": " + error.message);
}

uint64_t amount_of(const pb::Event& event) {
    uint64_t amount = 0;
    for (const char c : attribute(event, "amount")) {
        if (c < '0' || c > '9') return 0;
        amount = amount * 10 + static_cast<uint64_t>(c - '0');
    }
    return amount;
}

}  // namespace

Status check_task_tally(const pb::Task& task) {
    if (task.state() != pb::TASK_FINAL && task.state() != pb::TASK_TALLIED) return {};
    uint32_t agreeing = 0;
    for (int i = 0; i < task.slots_size(); ++i) {
        const auto& slot = task.slots(i);
        if (!has_revealed(slot)) continue;
        const bool agrees = same_result(slot, task);
        if (agrees) agreeing += 1;
        const auto due = agrees ? pb::SLOT_AGREED : pb::SLOT_DISSENT;
        if (slot.state() == due) continue;
        return bad(task, slot_name(task, i) +
                             ".state: its vote was not counted as what it is: is " +
                             pb::SlotState_Name(slot.state()) + ", due " + pb::SlotState_Name(due));
    }
    if (2 * agreeing <= task.replicas())
        return bad(task, "output: accepted with " + std::to_string(agreeing) + " of " +
                             std::to_string(task.replicas()) + " votes, no strict majority");
    return {};
}

Status check_task_payments(const pb::Task& task) {
    if (task.state() != pb::TASK_FINAL) return {};
    for (int i = 0; i < task.slots_size(); ++i) {
        const auto& slot = task.slots(i);
        const bool agrees = has_revealed(slot) && same_result(slot, task);
        const uint64_t due = agrees ? slot.price() * task.work_units() : 0;
        if (slot.paid() != due)
            return bad(task, slot_name(task, i) + ".paid: " + std::to_string(slot.paid()) +
                                 ", due " + std::to_string(due));
        if (has_revealed(slot) && !agrees && slot.slashed() == 0)
            return bad(task, slot_name(task, i) + ".slashed: a dissenting result cost nothing");
    }
    return {};
}

void VoteBook::add(const ledger::CommittedBlock& block) {
    const uint64_t height = block.block.header().height();
    for (int i = 0; i < block.block.transactions_size(); ++i) {
        if (block.block.results(i).code() != 0) continue;
        const auto decoded = ledger::decode_transaction(view_of(block.block.transactions(i)),
                                                        block.block.header().chain_id());
        const auto& body = decoded.tx.body;
        if (body.type() != static_cast<uint32_t>(contracts::TxType::kTaskReveal)) continue;
        const auto sender = ledger::recover_sender(decoded);
        auto message = ledger::decode_canonical<pb::TaskReveal>(view_of(body.payload()),
                                                                ledger::kMaxTxBytes, "TaskReveal");
        if (!sender || !message) continue;  // the replay has refused it
        const std::string task = to_hex(view_of(message->task_id()));
        tasks_[task].reveals[to_hex(sender->view())] = {height, i, std::move(*message)};
    }
    for (const pb::Event& event : block.events) {
        if (event.type() == "task.tallied") tasks_[attribute(event, "task")].tallied = height;
        if (event.type() == "task.final") tasks_[attribute(event, "task")].final = height;
        if (event.type() != "payment") continue;
        auto& payment = tasks_[attribute(event, "task")].payments[attribute(event, "operator")];
        payment.height = height;
        payment.amount += amount_of(event);
    }
}

// Every transaction that showed a result is a slot's vote as it was shown, and no vote is invented.
Status VoteBook::check_reveals(const pb::Task& task, const TaskNotes& notes) {
    if (task.state() != pb::TASK_FINAL && task.state() != pb::TASK_TALLIED) return {};
    std::map<std::string, int> slot_of;  // the last one of an operator
    for (int i = 0; i < task.slots_size(); ++i) {
        const auto& slot = task.slots(i);
        const std::string owner = to_hex(view_of(slot.operator_()));
        slot_of[owner] = i;
        if (!has_revealed(slot)) continue;
        const auto reveal = notes.reveals.find(owner);
        if (reveal == notes.reveals.end())
            return at_height(notes.tallied, bad(task, slot_name(task, i) + ".state: is " +
                                                          pb::SlotState_Name(slot.state()) +
                                                          ", but no transaction revealed a vote"));
        const auto& [height, transaction, said] = reveal->second;
        if (same_result(slot, said)) continue;
        return at_height(
            height, bad(task, slot_name(task, i) + ".output: recorded " +
                                  result_text(slot.output(), slot.diverged(), slot.fault_step()) +
                                  ", transactions[" + std::to_string(transaction) + "] revealed " +
                                  result_text(said.output(), said.diverged(), said.fault_step())));
    }
    for (const auto& [owner, reveal] : notes.reveals) {
        const auto found = slot_of.find(owner);
        if (found == slot_of.end())
            return at_height(reveal.height,
                             bad(task, "slots: none of " + owner + ", whose vote was revealed"));
        const auto& slot = task.slots(found->second);
        if (has_revealed(slot)) continue;
        return at_height(reveal.height,
                         bad(task, slot_name(task, found->second) + ".state: is " +
                                       pb::SlotState_Name(slot.state()) + ", but transactions[" +
                                       std::to_string(reveal.transaction) + "] revealed its vote"));
    }
    return {};
}

// The payments that the log tells are those that the slots record.
Status VoteBook::check_paid(const pb::Task& task, const TaskNotes& notes) {
    auto unpaid = notes.payments;
    for (int i = 0; i < task.slots_size(); ++i) {
        const auto& slot = task.slots(i);
        if (slot.paid() == 0) continue;
        const auto payment = unpaid.find(to_hex(view_of(slot.operator_())));
        const uint64_t paid = payment == unpaid.end() ? 0 : payment->second.amount;
        if (slot.paid() != paid)
            return at_height(
                notes.final,
                bad(task, slot_name(task, i) + ".paid: is " + std::to_string(slot.paid()) +
                              ", its payments are " + std::to_string(paid)));
        unpaid.erase(payment);
    }
    if (unpaid.empty()) return {};
    const auto& [owner, payment] = *unpaid.begin();
    return at_height(payment.height,
                     bad(task, "payment: " + std::to_string(payment.amount) + " to " + owner +
                                   ", which no slot accounts for, due 0"));
}

Status VoteBook::check_task(const pb::Task& task) const {
    const auto found = tasks_.find(to_hex(view_of(task.id())));
    const TaskNotes notes = found == tasks_.end() ? TaskNotes() : found->second;
    ASSAY_RETURN_IF_ERROR(check_reveals(task, notes));
    if (const Status tally = check_task_tally(task); !tally)
        return at_height(notes.tallied, tally.error());
    if (const Status paid = check_task_payments(task); !paid)
        return at_height(notes.final, paid.error());
    return check_paid(task, notes);
}

Status VoteBook::check(const ledger::ReadView& state) const {
    Bytes job_cursor;
    do {
        const auto jobs = contracts::list_jobs(state, {}, kPageSize, job_cursor);
        for (const auto& job : jobs.items) {
            Bytes task_cursor;
            do {
                const auto tasks =
                    contracts::list_tasks(state, view_of(job.id()), kPageSize, task_cursor);
                for (const auto& task : tasks.items) ASSAY_RETURN_IF_ERROR(check_task(task));
                task_cursor = tasks.next;
            } while (!task_cursor.empty());
        }
        job_cursor = jobs.next;
    } while (!job_cursor.empty());
    return {};
}

}  // namespace assay::node
