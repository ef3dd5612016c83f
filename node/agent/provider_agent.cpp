#include "node/agent/provider_agent.h"

#include "contracts/commitment.h"
#include "contracts/params.h"
#include "contracts/queries.h"
#include "contracts/transactions.h"
#include "ledger/codec/canonical.h"
#include "ledger/crypto/address_text.h"
#include "node/agent/worker.h"

namespace assay::node {
namespace {

// A transaction not seen on the ledger after this many blocks is submitted again.
constexpr uint64_t kResendBlocks = 25;
// Catches what blocks do not announce: a finished training process.
constexpr auto kIdle = std::chrono::milliseconds(250);

const char* phase_name(LocalTask::Phase phase) {
    switch (phase) {
        case LocalTask::Phase::kFetching:
            return "fetching";
        case LocalTask::Phase::kTraining:
            return "training";
        case LocalTask::Phase::kDone:
            return "done";
        case LocalTask::Phase::kFailed:
            return "failed";
    }
    return "unknown";
}

std::string short_id(const std::string& raw) {
    return to_hex(view_of(raw)).substr(0, 12);
}

template <typename Message>
Bytes payload_for_task(const std::string& task_id) {
    Message message;
    message.set_task_id(task_id);
    return ledger::encode_message(message);
}

// "commit" of "commit:<task id>".
std::string step_name(const std::string& key) {
    return key.substr(0, key.find(':'));
}

bool is_live(pb::SlotState state) {
    return state == pb::SLOT_OFFERED || state == pb::SLOT_ACCEPTED || state == pb::SLOT_COMMITTED;
}

}  // namespace

ProviderAgent::ProviderAgent(ledger::Engine& engine, ledger::Application& application,
                             TxSender& sender, TaskServices services, std::string endpoint,
                             std::function<Result<pb::ScoreSample>()> measure, AgentLog log)
    : engine_(engine),
      application_(application),
      sender_(sender),
      services_(std::move(services)),
      endpoint_(std::move(endpoint)),
      measure_(std::move(measure)),
      log_(std::move(log)),
      waker_(engine) {}

ProviderAgent::~ProviderAgent() {
    stop();
}

void ProviderAgent::start() {
    waker_.listen();
    thread_ = std::thread([this] { loop(); });
}

void ProviderAgent::stop() {
    waker_.stop();
    if (thread_.joinable()) thread_.join();
    const std::lock_guard lock(tasks_mutex_);
    for (auto* tasks : {&tasks_, &ending_})
        for (auto& [id, task] : *tasks) task->request_stop();
    for (auto* tasks : {&tasks_, &ending_})
        for (auto& [id, task] : *tasks) task->stop();
}

std::vector<SlotStatus> ProviderAgent::slots() const {
    const std::lock_guard lock(tasks_mutex_);
    std::vector<SlotStatus> out;
    for (const auto& [id, task] : tasks_) {
        SlotStatus status{to_hex(view_of(id)), phase_name(task->phase()), task->error()};
        if (const auto due = due_.find(id); due != due_.end()) status.due_ms = due->second;
        if (const auto progress = read_worker_progress(task->folder())) {
            status.local_step = progress->local_step;
            status.local_steps = progress->local_steps;
            status.loss = progress->loss;
        }
        out.push_back(std::move(status));
    }
    return out;
}

void ProviderAgent::loop() {
    while (waker_.wait(kIdle)) tick();
}

void ProviderAgent::tick() {
    const auto view = application_.committed_state();
    if (!view) return;
    report_outcomes();
    remove_stopped();
    if (!ensure_registered(*view)) return;
    const auto live = live_slots(*view);
    for (const auto& [id, slot] : live) advance(*view, slot);
    forget_ended(live);
}

bool ProviderAgent::ensure_registered(const ledger::ReadView& view) {
    const auto provider = contracts::get_provider(view, sender_.address());
    if (!provider) return register_provider(view);
    align_bid(*provider);
    if (provider->suspended() && services_.config.fault.empty()) {
        pb::ProviderUpdate update;
        update.set_endpoint(endpoint_);
        update.set_price_floor(provider->price_floor());
        update.set_capacity(provider->capacity());
        update.set_active(true);
        send_once("resume", static_cast<uint32_t>(contracts::TxType::kProviderUpdate),
                  ledger::encode_message(update));
    }
    return true;
}

void ProviderAgent::align_bid(const pb::Provider& provider) {
    if (aligned_) return;
    const auto& config = services_.config;
    aligned_ = provider.endpoint() == endpoint_ && provider.price_floor() == config.price_floor &&
               provider.capacity() == config.capacity;
    if (aligned_) return;
    pb::ProviderUpdate update;
    update.set_endpoint(endpoint_);
    update.set_price_floor(config.price_floor);
    update.set_capacity(config.capacity);
    update.set_active(provider.active());
    if (send_once("update", static_cast<uint32_t>(contracts::TxType::kProviderUpdate),
                  ledger::encode_message(update)))
        log_.info("bid " + std::to_string(config.price_floor) + ", capacity " +
                  std::to_string(config.capacity) + ", endpoint " + endpoint_ +
                  " of the configuration go to the ledger");
}

bool ProviderAgent::register_provider(const ledger::ReadView& view) {
    if (!sample_) {
        auto measured = measure_();
        if (!measured.ok()) {
            log_.warn("capability measurement failed: " + measured.error().message);
            return false;
        }
        sample_ = std::move(measured).value();
        log_.info("measured score " + std::to_string(sample_->score()) + " on " +
                  sample_->backend());
    }
    if (!bond_stake(view)) return false;
    pb::ProviderRegister registration;
    registration.set_moniker(services_.config.moniker.empty()
                                 ? ledger::address_text(sender_.address())
                                 : services_.config.moniker);
    registration.set_endpoint(endpoint_);
    registration.set_price_floor(services_.config.price_floor);
    registration.set_capacity(services_.config.capacity);
    *registration.mutable_sample() = *sample_;
    send_once("register", static_cast<uint32_t>(contracts::TxType::kProviderRegister),
              ledger::encode_message(registration));
    return false;
}

// Nothing is sent that the ledger would refuse: a refusal costs its fee.
bool ProviderAgent::bond_stake(const ledger::ReadView& view) {
    const auto params = contracts::get_params(view);
    const uint64_t wanted =
        services_.config.stake == 0 ? params.min_stake() : services_.config.stake;
    if (wanted < params.min_stake()) {
        warn_once("provider.stake is " + std::to_string(wanted) + ", this chain asks for " +
                  std::to_string(params.min_stake()) +
                  " micro-units. Remedy: assay provider init --stake " +
                  std::to_string(params.min_stake()) + ", then start this node again");
        return false;
    }
    const auto stake = contracts::get_stake(view, sender_.address()).value_or(pb::Stake{});
    if (stake.bonded() >= wanted) return true;
    const uint64_t missing = wanted - stake.bonded();
    const uint64_t needed = missing + 2 * params.min_fee();  // bond and registration
    const uint64_t balance = contracts::get_account(view, sender_.address()).balance();
    if (balance < needed) {
        warn_once("waiting for " + std::to_string(needed) + " micro-units at " +
                  ledger::address_text(sender_.address()) + " for the stake; it has " +
                  std::to_string(balance));
        return false;
    }
    pb::StakeBond bond;
    bond.set_amount(missing);
    send_once("bond", static_cast<uint32_t>(contracts::TxType::kStakeBond),
              ledger::encode_message(bond));
    return false;
}

void ProviderAgent::warn_once(const std::string& text) {
    if (text == last_warning_) return;
    last_warning_ = text;
    log_.warn(text);
}

ProviderAgent::LiveSlots ProviderAgent::live_slots(const ledger::ReadView& view) const {
    LiveSlots live;
    for (const auto& task : contracts::live_tasks_of(view, sender_.address())) {
        for (const auto& slot : task.slots()) {
            if (view_of(slot.operator_()).size() != 20 ||
                ledger::Address::from(slot.operator_()) != sender_.address()) {
                continue;
            }
            if (is_live(slot.state())) live[task.id()] = LiveSlot{task, slot};
        }
    }
    return live;
}

void ProviderAgent::advance(const ledger::ReadView& view, const LiveSlot& live) {
    LocalTask* local = nullptr;
    {
        const std::lock_guard lock(tasks_mutex_);
        due_[live.task.id()] = live.task.due_ms();
        const auto it = tasks_.find(live.task.id());
        if (it != tasks_.end()) local = it->second.get();
    }
    if (!local) return begin(view, live);
    if (live.slot.state() == pb::SLOT_OFFERED) return answer_offer(live, *local);
    if (local->phase() == LocalTask::Phase::kFailed) {
        if (sent_.emplace("failed:" + live.task.id(), Sent{}).second) {
            log_.warn("task " + short_id(live.task.id()) + " failed here: " + local->error());
        }
        return;
    }
    if (local->phase() != LocalTask::Phase::kDone) return;
    if (live.slot.state() == pb::SLOT_ACCEPTED) commit(live, local->result());
    if (live.slot.state() == pb::SLOT_COMMITTED && live.task.state() == pb::TASK_COMMITTED) {
        reveal(live, local->result());
    }
}

// An accepted slot without its data ends in a fine; a declined offer goes to somebody else.
void ProviderAgent::answer_offer(const LiveSlot& live, const LocalTask& local) {
    const std::string& id = live.task.id();
    const auto phase = local.phase();
    bool accept = phase == LocalTask::Phase::kTraining || phase == LocalTask::Phase::kDone;
    if (phase == LocalTask::Phase::kFetching) {
        const std::chrono::milliseconds window(
            live.slot.due_ms() - std::min(live.slot.due_ms(), live.slot.offered_ms()));
        const auto waited = std::chrono::steady_clock::now() - begun_[id];
        accept = local.inputs_coming();
        // The rest of the window is for the answer to reach a block.
        if (waited < (accept ? window / 2 : window * 3 / 4)) return;
    }
    if (accept) {
        send_once("accept:" + id, static_cast<uint32_t>(contracts::TxType::kTaskAccept),
                  payload_for_task<pb::TaskAccept>(id));
        return;
    }
    if (send_once("decline:" + id, static_cast<uint32_t>(contracts::TxType::kTaskDecline),
                  payload_for_task<pb::TaskDecline>(id)))
        log_.warn("task " + short_id(id) + " declined: " +
                  (phase == LocalTask::Phase::kFailed ? local.error()
                                                      : "its inputs cannot be had in time"));
}

void ProviderAgent::begin(const ledger::ReadView& view, const LiveSlot& live) {
    if (ending_.contains(live.task.id())) return;  // it still writes in the task's folder
    const auto job = contracts::get_job(view, view_of(live.task.job_id()));
    if (!job) return;
    auto task = std::make_unique<LocalTask>(services_, live.task, job->spec());
    log_.info("slot " + short_id(live.task.id()) + " round " + std::to_string(live.task.round()) +
              (live.task.kind() == pb::TASK_AGGREGATE
                   ? " aggregation"
                   : " shard " + std::to_string(live.task.shard())));
    begun_[live.task.id()] = std::chrono::steady_clock::now();
    task->start();
    const std::lock_guard lock(tasks_mutex_);
    tasks_[live.task.id()] = std::move(task);
}

void ProviderAgent::commit(const LiveSlot& live, const LocalResult& result) {
    const auto& fault = services_.config.fault;
    if (fault == "silent") return;
    if (fault == "late" && live.slot.state() == pb::SLOT_ACCEPTED) return;  // sent when it is over
    pb::TaskCommit message;
    message.set_task_id(live.task.id());
    const contracts::TaskResult found{result.output, result.trace, result.diverged,
                                      result.fault_step};
    auto commitment = contracts::commitment(engine_.genesis().chain_id(), view_of(live.task.id()),
                                            sender_.address(), found, result.salt);
    if (fault == "copy-commit") {
        const pb::Slot* other = nullptr;
        for (const auto& slot : live.task.slots()) {
            if (!slot.commitment().empty()) other = &slot;
        }
        if (!other) return;
        commitment = *hash_from(view_of(other->commitment()));
    }
    message.set_commitment(commitment.bytes.data(), commitment.bytes.size());
    send_once("commit:" + live.task.id(), static_cast<uint32_t>(contracts::TxType::kTaskCommit),
              ledger::encode_message(message));
}

void ProviderAgent::reveal(const LiveSlot& live, const LocalResult& result) {
    pb::TaskReveal message;
    message.set_task_id(live.task.id());
    message.set_diverged(result.diverged);
    message.set_fault_step(result.fault_step);
    if (!result.diverged) {
        *message.mutable_output() = result.output;
        *message.mutable_trace() = result.trace;
    }
    message.set_salt(result.salt.data(), result.salt.size());
    send_once("reveal:" + live.task.id(), static_cast<uint32_t>(contracts::TxType::kTaskReveal),
              ledger::encode_message(message));
}

void ProviderAgent::forget_ended(const LiveSlots& live) {
    const std::lock_guard lock(tasks_mutex_);
    for (auto it = tasks_.begin(); it != tasks_.end();) {
        if (live.contains(it->first)) {
            ++it;
            continue;
        }
        it->second->request_stop();
        due_.erase(it->first);
        begun_.erase(it->first);
        for (const char* step : {"accept:", "decline:", "commit:", "reveal:", "failed:"}) {
            sent_.erase(step + it->first);
        }
        if (services_.config.fault == "late" && it->second->phase() == LocalTask::Phase::kDone) {
            commit(LiveSlot{it->second->task(), {}}, it->second->result());
        }
        ending_[it->first] = std::move(it->second);
        it = tasks_.erase(it);
    }
}

void ProviderAgent::remove_stopped() {
    std::erase_if(ending_, [](const auto& entry) {
        if (!entry.second->ended()) return false;
        entry.second->discard();
        return true;
    });
}

void ProviderAgent::report_outcomes() {
    for (auto& [key, sent] : sent_) {
        if (!sent.pending) continue;
        const auto found = engine_.find_tx(*sent.pending);
        if (!found) continue;
        sent.pending.reset();
        const auto code = static_cast<ledger::TxCode>(found->result.code());
        if (code == ledger::TxCode::kOk) continue;
        log_.warn(step_name(key) + " is in block " + std::to_string(found->height) +
                  " without effect: " + std::string(ledger::tx_code_name(code)) +
                  " (docs/error-codes.md); its fee was charged");
    }
}

bool ProviderAgent::send_once(const std::string& key, uint32_t type, ByteView payload) {
    const uint64_t height = engine_.height();
    const auto it = sent_.find(key);
    if (it != sent_.end() && height < it->second.again_height) return false;
    const auto sent = sender_.send(type, payload);
    sent_[key] = sent.ok() ? Sent{height + kResendBlocks, *sent} : Sent{height + 1, std::nullopt};
    if (!sent.ok()) log_.warn(step_name(key) + " not accepted: " + sent.error().message);
    return sent.ok();
}

}  // namespace assay::node
