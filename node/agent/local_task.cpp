#include "node/agent/local_task.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "node/agent/worker.h"

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t kMaxResultBytes = 1 << 16;
// A training process that died (killed, out of memory) is started again this many times.
constexpr int kMaxAttempts = 2;
constexpr int kFetchAttempts = 60;  // one second apart

json to_json(const pb::ArtifactRef& ref) {
    return {{"root", to_hex(view_of(ref.root()))}, {"size", ref.size()}};
}

bool from_json(const json& document, pb::ArtifactRef& ref) {
    const auto root = from_hex(document.at("root").get<std::string>());
    if (!root) return false;
    ref.set_root(root->data(), root->size());
    ref.set_size(document.at("size").get<uint64_t>());
    return true;
}

// Test networks only: the smallest possible lie, one bit of one weight.
Status flip_last_bit(const fs::path& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    const off_t end = fd < 0 ? -1 : ::lseek(fd, -1, SEEK_END);
    uint8_t byte = 0;
    bool ok = end >= 0 && ::pread(fd, &byte, 1, end) == 1;
    byte ^= 1;
    ok = ok && ::pwrite(fd, &byte, 1, end) == 1;
    if (fd >= 0) ::close(fd);
    if (!ok) return fail(Code::kIo, "cannot alter " + file.string());
    return {};
}

}  // namespace

LocalTask::LocalTask(const TaskServices& services, pb::Task task, pb::JobSpec spec)
    : services_(services),
      task_(std::move(task)),
      spec_(std::move(spec)),
      folder_(services.work / to_hex(view_of(task_.id()))) {}

LocalTask::~LocalTask() {
    stop();
}

void LocalTask::start() {
    thread_ = std::thread([this] { run(); });
}

void LocalTask::request_stop() {
    stop_ = true;
}

void LocalTask::stop() {
    request_stop();
    if (thread_.joinable()) thread_.join();
}

void LocalTask::discard() {
    stop();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

LocalResult LocalTask::result() const {
    const std::lock_guard lock(mutex_);
    return result_;
}

std::string LocalTask::error() const {
    const std::lock_guard lock(mutex_);
    return error_;
}

void LocalTask::run() {
    auto result = load();
    if (!result.ok()) result = compute();
    const std::lock_guard lock(mutex_);
    if (result.ok()) {
        result_ = std::move(result).value();
        phase_ = Phase::kDone;
    } else {
        error_ = result.error().message;
        phase_ = Phase::kFailed;
    }
}

Result<LocalResult> LocalTask::compute() {
    std::error_code error;
    fs::remove_all(folder_, error);
    fs::create_directories(folder_, error);
    if (error) return fail(Code::kIo, "cannot create " + folder_.string() + ": " + error.message());
    ASSAY_RETURN_IF_ERROR(prepare_inputs());
    phase_ = Phase::kTraining;
    Result<WorkerOutcome> outcome = fail(Code::kInternal, "not run");
    for (int attempt = 0; attempt < kMaxAttempts && !stop_; ++attempt) {
        outcome = run_worker_process(services_.executable, folder_, stop_);
        if (outcome.ok()) break;
    }
    if (!outcome.ok()) return outcome.error();
    LocalResult result;
    result.diverged = outcome->diverged;
    result.fault_step = outcome->fault_step;
    ASSAY_ASSIGN(const Hash256 salt, services_.random_salt());
    result.salt = bytes_of(salt.view());
    if (!result.diverged) {
        if (services_.config.fault == "wrong-result") {
            ASSAY_RETURN_IF_ERROR(flip_last_bit(folder_ / kWorkerOutput));
        }
        ASSAY_ASSIGN(result.output, store(kWorkerOutput));
        ASSAY_ASSIGN(result.trace, store(kWorkerTrace));
    }
    ASSAY_RETURN_IF_ERROR(save(result));
    return result;
}

Status LocalTask::prepare_inputs() {
    WorkerTask task;
    task.spec.resize(spec_.ByteSizeLong());
    spec_.SerializeToArray(task.spec.data(), static_cast<int>(task.spec.size()));
    task.aggregate = task_.kind() == pb::TASK_AGGREGATE;
    task.round = task_.round();
    task.shard = task_.shard();
    task.backend = services_.config.backend;
    task.threads = services_.config.threads;
    task.devices = services_.config.devices;
    task.crash_midway = services_.config.fault == "crash";

    const auto bring = [&](const pb::ArtifactRef& ref, const std::string& name) -> Status {
        ASSAY_RETURN_IF_ERROR(fetch(ref));
        const auto root = hash_from(view_of(ref.root()));
        if (!root) return fail(Code::kCorrupt, "task input " + name + " has no valid root");
        return services_.blobs.materialise(*root, folder_ / name);
    };
    // What the requester must give comes first: whether it can be had decides about the offer.
    if (!task.aggregate) {
        task.data = "data.bin";
        ASSAY_RETURN_IF_ERROR(bring(spec_.data(), task.data));
        if (spec_.model().lora_rank() != 0) {
            task.base = "base.safetensors";
            ASSAY_RETURN_IF_ERROR(bring(spec_.initial(), task.base));
        }
    }
    for (int i = 0; i < task_.inputs_size(); ++i) {
        const auto& ref = task_.inputs(i);
        if (ref.root().empty()) continue;  // round 0 from the seed
        const std::string name = "input" + std::to_string(i) + ".safetensors";
        ASSAY_RETURN_IF_ERROR(bring(ref, name));
        if (i == 0) {
            task.checkpoint = name;
        } else {
            task.shard_outputs.push_back(name);
        }
    }
    return write_worker_task(folder_, task);
}

// A peer may be restarting or still fetching the artifact itself: worth waiting for while the slot
// lives.
Status LocalTask::fetch(const pb::ArtifactRef& ref) {
    Status status;
    inputs_coming_ = false;  // of the one before
    const FetchWatch watch{[this] { inputs_coming_ = true; }, stop_};
    for (int attempt = 0; attempt < kFetchAttempts && !stop_; ++attempt) {
        status = services_.fetch(ref, task_, watch);
        inputs_coming_ = status.ok();
        if (status.ok()) return status;
        for (int tenths = 0; tenths < 10 && !stop_; ++tenths) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
    return status.ok() ? fail(Code::kUnavailable, "the task was stopped") : status;
}

Result<pb::ArtifactRef> LocalTask::store(const char* file) {
    ASSAY_ASSIGN(const auto id, services_.blobs.put_file(folder_ / file));
    pb::ArtifactRef ref;
    ref.set_root(id.root.bytes.data(), id.root.bytes.size());
    ref.set_size(id.size);
    return ref;
}

Status LocalTask::save(const LocalResult& result) const {
    const json document = {{"output", to_json(result.output)},
                           {"trace", to_json(result.trace)},
                           {"diverged", result.diverged},
                           {"faultStep", result.fault_step},
                           {"salt", to_hex(result.salt)}};
    return write_text(folder_ / "result.json", document.dump(1), 0600);
}

Result<LocalResult> LocalTask::load() const {
    ASSAY_ASSIGN(const auto text, read_text(folder_ / "result.json", kMaxResultBytes));
    LocalResult result;
    try {
        const auto document = json::parse(text);
        result.diverged = document.at("diverged").get<bool>();
        result.fault_step = document.at("faultStep").get<uint32_t>();
        const auto salt = from_hex(document.at("salt").get<std::string>());
        if (!salt || salt->size() != 32 || !from_json(document.at("output"), result.output) ||
            !from_json(document.at("trace"), result.trace)) {
            return fail(Code::kCorrupt, "result.json is damaged");
        }
        result.salt = *salt;
    } catch (const json::exception& e) {
        return fail(Code::kCorrupt, std::string("result.json: ") + e.what());
    }
    for (const auto* ref : {&result.output, &result.trace}) {
        const auto root = hash_from(view_of(ref->root()));
        if (!result.diverged && (!root || !services_.blobs.has(*root))) {
            return fail(Code::kCorrupt, "the stored output is incomplete");
        }
    }
    return result;
}

}  // namespace assay::node
