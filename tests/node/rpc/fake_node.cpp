#include "tests/node/rpc/fake_node.h"

#include "contracts/keys.h"
#include "contracts/params.h"
#include "contracts/store.h"
#include "ledger/codec/block.h"
#include "ledger/codec/canonical.h"
#include "ledger/codec/transaction.h"
#include "node/rpc/job_json.h"
#include "node/rpc/json_text.h"

#include <nlohmann/json.hpp>

namespace assay::node::testing {
namespace {

class EmptyView : public ledger::ReadView {
public:
    std::optional<Bytes> get(ByteView) const override { return std::nullopt; }
    void scan(ByteView, const Visitor&) const override {}
};

std::string raw(const Hash256& hash) {
    return std::string(text_of(hash.view()));
}

void put_task(contracts::Store& store) {
    pb::Task task;
    task.set_id(raw(filled_hash(0x55)));
    task.set_job_id(raw(filled_hash(0x22)));
    task.set_kind(pb::TASK_TRAIN);
    task.set_state(pb::TASK_POSTED);
    task.set_work_units(3);
    task.set_replicas(3);
    task.set_vacancies(3);
    pb::Slot& slot = *task.add_slots();
    slot.set_operator_(contracts::to_raw(filled_address(0x11)));
    slot.set_state(pb::SLOT_DECLINED);
    slot.set_price(1000);
    store.put(task);
    // By hand: g++ 12 warns falsely when it inlines keys::job_task here.
    Bytes key;
    key.push_back(static_cast<uint8_t>(contracts::keys::Tag::kJobTask));
    for (const char byte : task.job_id()) key.push_back(static_cast<uint8_t>(byte));
    append_be32(key, 0);
    append_be32(key, pb::TASK_TRAIN);
    append_be32(key, 0);
    store.state().put(key, bytes_of(task.id()));
}

void fill(ledger::State& state) {
    contracts::Store store(state);
    store.put(contracts::default_params());
    pb::Totals totals;
    totals.set_supply(1'000'000);
    store.put(totals);
    const auto op = filled_address(0x11);
    pb::Account account;
    account.set_balance(5'000'000'000'000'000);
    account.set_nonce(4);
    store.put(op, account);
    pb::Stake stake;
    stake.set_bonded(700);
    stake.set_locked(200);
    store.put(op, stake);
    pb::Provider provider;
    provider.set_operator_(contracts::to_raw(op));
    provider.set_moniker("one");
    provider.set_price_floor(900);
    provider.set_capacity(2);
    provider.set_active(true);
    provider.mutable_sample()->set_score(1234);
    provider.mutable_sample()->set_backend("portable");
    store.put(provider);
    pb::Job job;
    job.set_id(raw(filled_hash(0x22)));
    job.set_requester(contracts::to_raw(filled_address(0x77)));
    *job.mutable_spec() = *job_spec_from_json(*parse_json(kExampleSpec));
    job.set_state(pb::JOB_RUNNING);
    job.set_escrow(12'345);
    job.add_checkpoints();
    job.add_checkpoints()->set_root(raw(filled_hash(0x44)));
    job.add_open_tasks(raw(filled_hash(0x55)));
    store.put(job);
    put_task(store);
}

}  // namespace

FakeApplication::FakeApplication() {
    static const EmptyView empty;
    state_ = std::make_shared<ledger::State>(empty);
    fill(*state_);
}

ledger::AppInfo FakeApplication::info() const {
    return {.chain_id = "assay-test",
            .app_version = app_version,
            .height = height,
            .app_hash = filled_hash(0xaa)};
}

Result<Hash256> FakeApplication::init_chain(const pb::Genesis&) {
    return fail(Code::kUnsupported, "not in this test");
}

Result<ledger::FinalizedBlock> FakeApplication::finalize_block(const ledger::ProposedBlock&) {
    return fail(Code::kUnsupported, "not in this test");
}

Result<Bytes> FakeApplication::load_snapshot_chunk(uint64_t, uint32_t, uint32_t) const {
    return fail(Code::kUnsupported, "not in this test");
}
Status FakeApplication::offer_snapshot(const ledger::SnapshotInfo&, const Hash256&) {
    return fail(Code::kUnsupported, "not in this test");
}
Result<bool> FakeApplication::apply_snapshot_chunk(uint32_t, ByteView) {
    return fail(Code::kUnsupported, "not in this test");
}

Result<ledger::QueryReply> FakeApplication::query(const ledger::QueryRequest& request) const {
    ledger::QueryReply reply;
    reply.height = height;
    reply.app_hash = filled_hash(0xaa);
    if (request.path == "state") reply.value = state_->get(request.data);
    if (request.path == "log") reply.value = Bytes{1};
    if (request.prove) reply.proof = {0xbe, 0xef};
    return reply;
}

FakeEngine::FakeEngine(FakeApplication& application) : application_(application) {
    genesis_.set_chain_id("assay-test");
    genesis_.set_producer(contracts::to_raw(filled_address(0x11)));
    auto& account = *genesis_.add_accounts();
    account.set_address(contracts::to_raw(filled_address(0x11)));
    account.set_balance(1'000'000);
    application_.height = 0;
    const std::string job = to_hex(filled_hash(0x22));
    commit({{"job.posted", job}, {"bank.transfer", ""}});
    commit({{"task.posted", job}});
    commit({});
    // One transaction in block 1, which tx_get finds under the hash of its example.
    blocks_[0].block.add_transactions("raw");
    blocks_[0].block.add_results()->set_fee_charged(10);
    found[filled_hash(0x33)] = {.height = 1, .index = 0, .result = {}};
}

ledger::CheckResult FakeEngine::submit(ByteView tx) {
    const std::lock_guard lock(mutex);
    submitted.push_back(bytes_of(tx));
    ledger::CheckResult result;
    result.code = check_code;
    result.log = "as the test wants";
    result.hash = ledger::tx_hash(tx);
    return result;
}

uint64_t FakeEngine::height() const {
    return application_.height;
}

Result<Bytes> FakeEngine::encoded_block(uint64_t height) const {
    ASSAY_ASSIGN(const auto block, this->block(height));
    return ledger::encode_message(block.block);
}

Result<ledger::CommittedBlock> FakeEngine::block(uint64_t height) const {
    const std::lock_guard lock(mutex);
    if (height == 0 || height > blocks_.size()) return fail(Code::kNotFound, "no such block");
    return blocks_[height - 1];
}

std::optional<ledger::TxLocation> FakeEngine::find_tx(const Hash256& hash) const {
    const std::lock_guard lock(mutex);
    const auto at = found.find(hash);
    return at == found.end() ? std::nullopt : std::optional(at->second);
}

uint64_t FakeEngine::subscribe(Listener listener) {
    const std::lock_guard lock(listener_mutex_);
    listeners_.emplace(listeners_.size() + 1, std::move(listener));
    return listeners_.size();
}

void FakeEngine::unsubscribe(uint64_t token) {
    const std::lock_guard lock(listener_mutex_);
    listeners_.erase(token);
}

std::string FakeEngine::failure() const {
    const std::lock_guard lock(mutex);
    return failure_text;
}

void FakeEngine::commit(const std::vector<std::pair<std::string, std::string>>& events) {
    ledger::CommittedBlock block;
    {
        const std::lock_guard lock(mutex);
        const uint64_t height = blocks_.size() + 1;
        block.hash = filled_hash(static_cast<uint8_t>(height));
        block.block.mutable_header()->set_chain_id("assay-test");
        block.block.mutable_header()->set_height(height);
        block.block.mutable_header()->set_time_ms(1'700'000'000'000 + height);
        for (const auto& [type, job] : events) {
            pb::Event& event = block.events.emplace_back();
            event.set_height(height);
            event.set_index(static_cast<uint32_t>(block.events.size() - 1));
            event.set_type(type);
            if (job.empty()) continue;
            auto& attribute = *event.add_attributes();
            attribute.set_key("job");
            attribute.set_value(job);
        }
        blocks_.push_back(block);
        application_.height = height;
    }
    const std::lock_guard lock(listener_mutex_);
    for (const auto& [token, listener] : listeners_) listener(block);
}

Services FakeNode::services() {
    Services services{.engine = engine, .application = application};
    services.info = {.version = "0.1.0",
                     .mode = "producer",
                     .moniker = "fake",
                     .peer_endpoint = "127.0.0.1:1",
                     .address = filled_address(0x11)};
    services.key_address = [](const std::string& key) -> Result<ledger::Address> {
        if (key == "locked") return fail(Code::kUnauthorized, "the key is locked");
        if (key != "node" && key != "requester")
            return fail(Code::kNotFound, "no key " + key + " on this node");
        return filled_address(0x11);
    };
    services.sign = [this](const std::string&, const pb::TxBody& body) -> Result<Bytes> {
        const std::lock_guard lock(mutex);
        last_signed = body;
        return ledger::encode_message(body);
    };
    services.has_artifact = [](const Hash256& root) { return root == filled_hash(0x44); };
    services.peers = [] { return std::vector<PeerStatus>{{"127.0.0.1:2", true, ""}}; };
    services.offer_artifact = [this](const pb::ArtifactRef&) { return offered; };
    services.slots = [] {
        return std::vector<SlotView>{
            {std::string(64, '5'), "training", "", 1'700'000'009'000, 3, 10, 4.25}};
    };
    return services;
}

}  // namespace assay::node::testing
