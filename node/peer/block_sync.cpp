#include "node/peer/block_sync.h"

#include <algorithm>
#include <chrono>

namespace assay::node {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr auto kLongestPause = std::chrono::milliseconds(5000);

}  // namespace

BlockSync::BlockSync(std::vector<std::string> peers, TlsIdentity identity, std::string chain_id,
                     BlockSyncHooks hooks)
    : peers_(std::move(peers)),
      identity_(std::move(identity)),
      chain_id_(std::move(chain_id)),
      hooks_(std::move(hooks)) {}

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

void BlockSync::run() {
    auto pause = kFirstPause;
    std::string last_warning;
    for (size_t turn = 0; !stop_; ++turn) {
        PeerClient client(peers_[turn % peers_.size()], identity_, chain_id_);
        const uint64_t before = hooks_.next_height();
        const auto status = client.follow_blocks(
            before,
            [this](ByteView block) {
                connected_ = true;
                auto applied = hooks_.apply(block);
                // A block already here is no fault: a reconnect may repeat one.
                if (!applied.ok() && applied.error().code == Code::kAlreadyExists) return Status();
                return applied;
            },
            stop_);
        connected_ = false;
        if (stop_) return;
        if (hooks_.next_height() > before) pause = kFirstPause;
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
