#include "node/peer/block_sync.h"

#include <algorithm>
#include <chrono>

namespace assay::node {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr auto kLongestPause = std::chrono::milliseconds(5000);

}  // namespace

BlockSync::BlockSync(std::vector<std::string> peers, TlsIdentity identity, std::string chain_id,
                     BlockSyncHooks hooks, uint64_t idle_ms)
    : peers_(std::move(peers)),
      identity_(std::move(identity)),
      chain_id_(std::move(chain_id)),
      hooks_(std::move(hooks)),
      idle_ms_(idle_ms) {}

BlockSync::~BlockSync() {
    stop();
}

void BlockSync::start() {
    if (peers_.empty()) return;
    thread_ = std::thread([this] { run(); });
}

void BlockSync::stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
}

std::string BlockSync::peer() const {
    const std::lock_guard lock(mutex_);
    return peer_;
}

std::string BlockSync::error_of(const std::string& peer) const {
    const std::lock_guard lock(mutex_);
    const auto found = errors_.find(peer);
    return found == errors_.end() ? std::string() : found->second;
}

void BlockSync::set_peer(const std::string& peer) {
    const std::lock_guard lock(mutex_);
    peer_ = peer;
    errors_.erase(peer);
}

void BlockSync::run() {
    auto pause = kFirstPause;
    std::string last_warning;
    for (size_t turn = 0; !stop_; ++turn) {
        const std::string& peer = peers_[turn % peers_.size()];
        PeerClient client(peer, identity_, chain_id_);
        const uint64_t before = hooks_.next_height();
        BlockStream stream;
        stream.idle_ms = idle_ms_;
        stream.on_open = [this, &peer] { set_peer(peer); };
        stream.on_block = [this](ByteView block) {
            auto applied = hooks_.apply(block);
            // A block already here is no fault: a reconnect may repeat one.
            if (!applied.ok() && applied.error().code == Code::kAlreadyExists) return Status();
            return applied;
        };
        const auto status = client.follow_blocks(before, stream, stop_);
        set_peer({});
        if (stop_) return;
        if (hooks_.next_height() > before) {
            pause = kFirstPause;
            last_warning.clear();
        }
        if (!status.ok()) {
            const std::lock_guard lock(mutex_);
            errors_[peer] = status.error().message;
        }
        if (!status.ok() && status.error().message != last_warning) {
            last_warning = status.error().message;
            hooks_.warn("block sync: " + last_warning);
        }
        for (auto waited = std::chrono::milliseconds(0); waited < pause && !stop_;
             waited += kFirstPause / 2) {
            std::this_thread::sleep_for(kFirstPause / 2);
        }
        pause = std::min(pause * 2, kLongestPause);
    }
}

}  // namespace assay::node
