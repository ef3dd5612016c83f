#include "node/audit/explain.h"

#include <charconv>

#include "contracts/store.h"
#include "ledger/codec/canonical.h"
#include "ledger/crypto/address_text.h"
#include "node/audit/event_text.h"

namespace assay::node {
namespace {

using ledger::Address;

constexpr size_t kMaxListedPayments = 20;

struct Payment {
    size_t event = 0;    // index in the block
    int recipient = -1;  // attribute that names it
    Address due;
    uint64_t amount = 0;
    std::string what;  // "payment for task ..."
};

std::string_view recipient_key(const pb::Event& event) {
    if (event.type() == "payment") return "operator";
    if (event.type() == "refund") return "requester";
    if (event.type() == "bank.transfer") return "to";
    if (event.type() == "stake.released") return "operator";
    return {};
}

std::vector<Payment> payments_of(const std::vector<pb::Event>& events) {
    std::vector<Payment> payments;
    for (size_t i = 0; i < events.size(); ++i) {
        const pb::Event& event = events[i];
        const auto key = recipient_key(event);
        if (key.empty()) continue;
        Payment payment;
        payment.event = i;
        for (int a = 0; a < event.attributes_size(); ++a)
            if (event.attributes(a).key() == key) payment.recipient = a;
        const auto raw = from_hex(attribute(event, key));
        const auto due = raw ? Address::from(*raw) : std::nullopt;
        const std::string amount = attribute(event, "amount");
        const auto parsed =
            std::from_chars(amount.data(), amount.data() + amount.size(), payment.amount);
        if (!due || parsed.ec != std::errc()) continue;
        payment.due = *due;
        payment.what = event.type();
        if (const auto task = attribute(event, "task"); !task.empty())
            payment.what += " for task " + task;
        payments.push_back(std::move(payment));
    }
    return payments;
}

std::vector<Address> accounts_of(const ledger::ReadView& state) {
    std::vector<Address> accounts;
    state.scan(contracts::keys::tagged(contracts::keys::Tag::kAccount),
               [&](ByteView key, ByteView) {
                   if (const auto address = Address::from(key.subspan(1)))
                       accounts.push_back(*address);
                   return accounts.size() < kMaxTrials;
               });
    return accounts;
}

// What else a producer that redirects a payment may have changed with it.
struct Variant {
    bool rewrite_event = false;
    bool move_earned = false;
};
constexpr Variant kVariants[] = {{false, false}, {true, false}, {true, true}, {false, true}};

class Search {
public:
    explicit Search(const ledger::DisputedBlock& disputed)
        : disputed_(disputed), after_(disputed.before) {
        after_.merge(disputed.changes);
    }

    [[nodiscard]] const ledger::State& after() const { return after_; }
    [[nodiscard]] bool is_exhausted() const { return trials_ >= kMaxTrials; }

    // Is the header's hash that of the block in which `to` got these payments?
    bool fits(const std::vector<Payment>& payments, const Address& to) {
        for (const Variant& variant : kVariants) {
            if (is_exhausted()) return false;
            ledger::State state(after_);
            std::vector<pb::Event> events = disputed_.events;
            if (!redirect(payments, to, variant, state, events)) continue;
            ledger::State::Changes changes = disputed_.changes;
            for (const auto& [key, value] : state.changes()) changes[key] = value;
            ++trials_;
            const auto hash = disputed_.app_hash_with(changes, events);
            if (hash && text_of(hash->view()) == disputed_.block.header().app_hash()) return true;
        }
        return false;
    }

private:
    static bool redirect(const std::vector<Payment>& payments, const Address& to,
                         const Variant& variant, ledger::State& state,
                         std::vector<pb::Event>& events) {
        contracts::Store store(state);
        for (const Payment& payment : payments) {
            pb::Account from = store.account(payment.due);
            if (from.balance() < payment.amount) return false;
            from.set_balance(from.balance() - payment.amount);
            store.put(payment.due, from);
            pb::Account gains = store.account(to);
            gains.set_balance(gains.balance() + payment.amount);
            store.put(to, gains);
            if (variant.rewrite_event)
                events[payment.event]
                    .mutable_attributes(payment.recipient)
                    ->set_value(to_hex(to.view()));
            if (!variant.move_earned) continue;
            auto loser = store.provider(payment.due);
            auto winner = store.provider(to);
            if (!loser || !winner || loser->earned() < payment.amount) return false;
            loser->set_earned(loser->earned() - payment.amount);
            winner->set_earned(winner->earned() + payment.amount);
            store.put(*loser);
            store.put(*winner);
        }
        return true;
    }

    const ledger::DisputedBlock& disputed_;
    ledger::State after_;
    size_t trials_ = 0;
};

std::string found_text(const std::vector<Payment>& payments, const Address& to,
                       const ledger::ReadView& after) {
    const contracts::Reader reader(after);
    std::string text;
    uint64_t total = 0;
    for (const Payment& payment : payments) {
        total += payment.amount;
        const uint64_t due = reader.account(payment.due).balance();
        text += payment.what + ": " + std::to_string(payment.amount) + " due to account " +
                ledger::address_text(payment.due) + " was paid to account " +
                ledger::address_text(to) + " (balance of the first: is " +
                std::to_string(due - payment.amount) + ", due " + std::to_string(due) + "); ";
    }
    const uint64_t due = reader.account(to).balance();
    return text + "balance of " + ledger::address_text(to) + ": is " + std::to_string(due + total) +
           ", due " + std::to_string(due) +
           " - proven, because exactly this gives the header's app hash";
}

// A slot that was judged otherwise, as the state alone would show it.
std::string find_judgement(const ledger::DisputedBlock& disputed) {
    constexpr pb::SlotState kVerdicts[] = {pb::SLOT_AGREED, pb::SLOT_DISSENT, pb::SLOT_REVEALED,
                                           pb::SLOT_NO_REVEAL, pb::SLOT_RELEASED};
    size_t trials = 0;
    for (const auto& [key, value] : disputed.changes) {
        if (!value || contracts::keys::tag_of(key) != contracts::keys::Tag::kTask) continue;
        const auto task = contracts::parse_stored<pb::Task>(*value);
        for (int i = 0; i < task.slots_size(); ++i) {
            for (const pb::SlotState verdict : kVerdicts) {
                if (verdict == task.slots(i).state()) continue;
                if (++trials > kMaxTrials) return {};
                pb::Task changed = task;
                changed.mutable_slots(i)->set_state(verdict);
                ledger::State::Changes changes = disputed.changes;
                changes[key] = ledger::encode_message(changed);
                const auto hash = disputed.app_hash_with(changes, disputed.events);
                if (!hash || text_of(hash->view()) != disputed.block.header().app_hash()) continue;
                return "task " + to_hex(view_of(task.id())) + ": slots[" + std::to_string(i) +
                       "] of " + to_hex(view_of(task.slots(i).operator_())) + ".state: is " +
                       pb::SlotState_Name(verdict) + ", due " +
                       pb::SlotState_Name(task.slots(i).state()) +
                       " - proven, because exactly this gives the header's app hash";
            }
        }
    }
    return {};
}

std::string due_text(const std::vector<Payment>& payments) {
    std::string text;
    for (size_t i = 0; i < payments.size() && i < kMaxListedPayments; ++i)
        text += (i ? ", " : "") + payments[i].what + " " + std::to_string(payments[i].amount) +
                " to " + ledger::address_text(payments[i].due);
    if (payments.size() > kMaxListedPayments) text += ", ...";
    return text;
}

}  // namespace

std::string explain_block(const ledger::DisputedBlock& disputed) {
    if (auto judged = find_judgement(disputed); !judged.empty()) return judged;
    const auto payments = payments_of(disputed.events);
    if (payments.empty()) return "by the rules this block pays nobody";
    Search search(disputed);
    const auto accounts = accounts_of(search.after());
    for (const Payment& payment : payments) {
        for (const Address& to : accounts) {
            if (to == payment.due || search.is_exhausted()) continue;
            if (search.fits({payment}, to)) return found_text({payment}, to, search.after());
        }
    }
    // Or every reward of the block at once.
    std::vector<Payment> rewards;
    for (const Payment& payment : payments)
        if (disputed.events[payment.event].type() == "payment") rewards.push_back(payment);
    for (const Address& to : accounts) {
        if (rewards.size() < 2 || search.is_exhausted()) break;
        std::vector<Payment> others;
        for (const Payment& payment : rewards)
            if (payment.due != to) others.push_back(payment);
        if (search.fits(others, to)) return found_text(others, to, search.after());
    }
    std::string text =
        "by the rules this block pays: " + due_text(payments) +
        "; no redirection of one of them or of all rewards to one account gives the header's "
        "app hash";
    if (search.is_exhausted()) text += " among the first " + std::to_string(kMaxTrials) + " tried";
    return text;
}

}  // namespace assay::node
