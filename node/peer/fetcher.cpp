#include "node/peer/fetcher.h"

#include <algorithm>

#include "node/peer/limits.h"

namespace assay::node {
namespace {

constexpr size_t kMaxConnections = 256;

}  // namespace

Fetcher::Fetcher(BlobStore& blobs, TlsIdentity identity, std::string chain_id)
    : blobs_(blobs), identity_(std::move(identity)), chain_id_(std::move(chain_id)) {}

std::shared_ptr<PeerClient> Fetcher::client(const std::string& endpoint) {
    const std::lock_guard lock(mutex_);
    auto& slot = clients_[endpoint];
    if (!slot) slot = std::make_shared<PeerClient>(endpoint, identity_, chain_id_);
    auto found = slot;
    if (clients_.size() > kMaxConnections) clients_.clear();
    return found;
}

Status Fetcher::fetch(const Hash256& root, uint64_t expected_size,
                      const std::vector<std::string>& peers) {
    {
        std::unique_lock lock(mutex_);
        fetched_.wait(lock, [&] { return !in_progress_.contains(root); });
        in_progress_.insert(root);
    }
    const auto status = fetch_once(root, expected_size, peers);
    const std::lock_guard lock(mutex_);
    in_progress_.erase(root);
    fetched_.notify_all();
    return status;
}

Status Fetcher::fetch_once(const Hash256& root, uint64_t expected_size,
                           const std::vector<std::string>& peers) {
    if (blobs_.has(root)) return {};
    Error last = fail(Code::kNotFound, "no peer is known that may have artifact " + to_hex(root));
    for (const auto& endpoint : peers) {
        const auto fetched = fetch_from(*client(endpoint), root, expected_size);
        if (fetched.ok()) return {};
        // "Not here" says less than why a peer that has it failed.
        if (last.code == Code::kNotFound || fetched.error().code != Code::kNotFound) {
            last = fetched.error();
        }
    }
    return last;
}

Status Fetcher::fetch_from(PeerClient& peer, const Hash256& root, uint64_t expected_size) {
    if (!blobs_.manifest(root).ok()) {
        ASSAY_ASSIGN(const auto manifest, peer.manifest(root));
        if (expected_size != 0 && manifest.size != expected_size) {
            return fail(Code::kCorrupt,
                        "artifact " + to_hex(root) + " has " + std::to_string(manifest.size) +
                            " bytes, the ledger says " + std::to_string(expected_size));
        }
        ASSAY_RETURN_IF_ERROR(blobs_.put_manifest(root, manifest));
    }
    ASSAY_ASSIGN(const auto missing, blobs_.missing_chunks(root));
    for (size_t begin = 0; begin < missing.size(); begin += kMaxChunksPerRequest) {
        const auto end = std::min<size_t>(missing.size(), begin + kMaxChunksPerRequest);
        const std::vector<uint32_t> wanted(missing.begin() + static_cast<std::ptrdiff_t>(begin),
                                           missing.begin() + static_cast<std::ptrdiff_t>(end));
        ASSAY_RETURN_IF_ERROR(peer.chunks(root, wanted, [&](uint32_t index, ByteView data) {
            return blobs_.put_chunk(root, index, data);
        }));
    }
    if (!blobs_.has(root)) {
        return fail(Code::kUnavailable,
                    "peer " + peer.endpoint() + " sent only part of artifact " + to_hex(root));
    }
    return {};
}

}  // namespace assay::node
