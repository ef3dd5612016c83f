// The provider's side of every task: registers, accepts offers, trains, commits, reveals.
//
// After each block it compares what the ledger says of its slots with what it has on disk and
// submits the next step of each. It keeps no state that the ledger and <home>/work do not hold, so
// kill -9 at any moment is an ordinary restart. Ownership: borrows engine, application, sender,
// services. Threads: one of its own, plus one per live slot. Errors: logged and tried again; an
// offer it cannot serve is declined.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ledger/engine/engine.h"
#include "node/agent/local_task.h"
#include "node/core/block_waker.h"
#include "node/core/sender.h"

namespace assay::node {

struct AgentLog {
    std::function<void(const std::string&)> info, warn;
};

struct SlotStatus {
    std::string task_id, phase, error;
    uint64_t due_ms = 0;
    uint64_t local_step = 0, local_steps = 0;
    float loss = 0;
};

class ProviderAgent {
public:
    // `measure` runs the capability measurement; called once, before registration.
    ProviderAgent(ledger::Engine& engine, ledger::Application& application, TxSender& sender,
                  TaskServices services, std::string endpoint,
                  std::function<Result<pb::ScoreSample>()> measure, AgentLog log);
    ~ProviderAgent();

    void start();
    void stop();
    std::vector<SlotStatus> slots() const;

private:
    struct LiveSlot {
        pb::Task task;
        pb::Slot slot;
    };
    struct Sent {
        uint64_t again_height = 0;       // not before this block
        std::optional<Hash256> pending;  // not seen in a block yet
    };
    using LiveSlots = std::map<std::string, LiveSlot>;  // by task id

    void loop();
    void tick();
    bool ensure_registered(const ledger::ReadView& view);
    // Once after the start: what the configuration says is what the ledger shows.
    void align_bid(const pb::Provider& provider);
    bool register_provider(const ledger::ReadView& view);
    bool bond_stake(const ledger::ReadView& view);  // true once enough is bonded
    void warn_once(const std::string& text);        // until it changes
    LiveSlots live_slots(const ledger::ReadView& view) const;
    void advance(const ledger::ReadView& view, const LiveSlot& live);
    void begin(const ledger::ReadView& view, const LiveSlot& live);
    // Accepts an offer once its inputs are here or coming in, else declines it in time.
    void answer_offer(const LiveSlot& live, const LocalTask& local);
    void commit(const LiveSlot& live, const LocalResult& result);
    void reveal(const LiveSlot& live, const LocalResult& result);
    // Slots that are over: their tasks are told to stop, and removed when they did. Waiting for one
    // here would hold up the commits of the others.
    void forget_ended(const LiveSlots& live);
    void remove_stopped();
    // Says which of our transactions a block holds without effect, and why.
    void report_outcomes();
    // Submits once, then again only when the ledger has not moved for a while.
    bool send_once(const std::string& key, uint32_t type, ByteView payload);

    ledger::Engine& engine_;
    ledger::Application& application_;
    TxSender& sender_;
    const TaskServices services_;
    const std::string endpoint_;
    const std::function<Result<pb::ScoreSample>()> measure_;
    const AgentLog log_;

    BlockWaker waker_;
    std::thread thread_;

    mutable std::mutex tasks_mutex_;
    std::map<std::string, std::unique_ptr<LocalTask>> tasks_;             // guarded by tasks_mutex_
    std::map<std::string, std::unique_ptr<LocalTask>> ending_;            // agent's thread only
    std::map<std::string, uint64_t> due_;                                 // guarded by tasks_mutex_
    std::map<std::string, std::chrono::steady_clock::time_point> begun_;  // agent's thread only
    std::map<std::string, Sent> sent_;                                    // agent's thread only
    std::optional<pb::ScoreSample> sample_;                               // agent's thread only
    bool aligned_ = false;                                                // agent's thread only
    std::string last_warning_;                                            // agent's thread only
};

}  // namespace assay::node
