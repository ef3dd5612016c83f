#include "node/peer/fetcher.h"

#include <algorithm>
#include <limits>

#include "node/peer/limits.h"

namespace assay::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxConnections = 256;
constexpr size_t kMaxReasonBytes = 2048;

}  // namespace

Fetcher::Fetcher(BlobStore& blobs, TlsIdentity identity, std::string chain_id)
    : blobs_(blobs), identity_(std::move(identity)), chain_id_(std::move(chain_id)) {}

std::shared_ptr<PeerClient> Fetcher::client(const std::string& endpoint) {
    const std::lock_guard lock(mutex_);
    auto& slot = clients_[endpoint];
    if (!slot) slot = std::make_shared<PeerClient>(endpoint, identity_, chain_id_);
    auto found = slot;
    if (stopped_) found->cancel();
    // Transfers under way keep theirs alive.
    if (clients_.size() > kMaxConnections) {
        std::erase_if(clients_, [](const auto& entry) { return entry.second.use_count() == 1; });
    }
    return found;
}

void Fetcher::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& [endpoint, peer] : clients_) peer->cancel();
}

void Fetcher::blame(const std::string& endpoint, const Error& error) {
    const std::lock_guard lock(mutex_);
    if (bad_peers_.size() >= kMaxConnections) bad_peers_.clear();
    bad_peers_[endpoint] = {Clock::now() + std::chrono::milliseconds(kBadPeerMs), error.message};
}

std::string Fetcher::blamed(const std::string& endpoint) {
    const std::lock_guard lock(mutex_);
    const auto bad = bad_peers_.find(endpoint);
    if (bad == bad_peers_.end()) return {};
    if (bad->second.until > Clock::now()) return "not asked after " + bad->second.reason;
    bad_peers_.erase(bad);
    return {};
}

Status Fetcher::fetch(const Hash256& root, uint64_t expected_size,
                      const std::vector<std::string>& peers, const FetchProgress& progress) {
    auto sources = peers;
    {
        std::unique_lock lock(mutex_);
        if (const auto offered = offers_.find(root); offered != offers_.end())
            sources.insert(sources.end(), offered->second.begin(), offered->second.end());
        fetched_.wait(lock, [&] { return !in_progress_.contains(root); });
        in_progress_.insert(root);
    }
    Transfer transfer{root, expected_size, progress};
    auto status = fetch_once(transfer, sources);
    const std::lock_guard lock(mutex_);
    in_progress_.erase(root);
    fetched_.notify_all();
    return status;
}

Status Fetcher::take_offer(const Hash256& root, uint64_t size, const std::string& endpoint) {
    if (blobs_.has(root)) return {};
    ASSAY_ASSIGN(const auto manifest, client(endpoint)->manifest(root, kOfferProbeMs));
    if (size != 0 && manifest.size != size)
        return fail(Code::kCorrupt, "the artifact offered at " + endpoint + " has " +
                                        std::to_string(manifest.size) + " bytes, not " +
                                        std::to_string(size));
    const std::lock_guard lock(mutex_);
    auto& endpoints = offers_[root];
    if (endpoints.empty()) offer_order_.push_back(root);
    const bool known = std::find(endpoints.begin(), endpoints.end(), endpoint) != endpoints.end();
    if (!known && endpoints.size() < kMaxOffersPerArtifact) endpoints.push_back(endpoint);
    if (offer_order_.size() > kMaxOfferedArtifacts) {
        offers_.erase(offer_order_.front());
        offer_order_.pop_front();
    }
    return {};
}

size_t Fetcher::missing(const Hash256& root) const {
    const auto chunks = blobs_.missing_chunks(root);
    return chunks.ok() ? chunks->size() : std::numeric_limits<size_t>::max();
}

Status Fetcher::fetch_once(Transfer& transfer, const std::vector<std::string>& peers) {
    const auto& root = transfer.root;
    if (blobs_.has(root)) return {};
    if (peers.empty()) {
        return fail(Code::kNotFound, "no peer is known that may have artifact " + to_hex(root));
    }
    // Another round as long as one brings something: a slow peer's deadline is not the end.
    for (size_t before = 0; before != missing(root);) {
        before = missing(root);
        transfer.reasons.clear();
        transfer.code = Code::kNotFound;
        for (const auto& endpoint : peers) {
            auto reason = blamed(endpoint);
            auto code = Code::kCorrupt;
            if (reason.empty()) {
                auto fetched = fetch_from(*client(endpoint), transfer);
                if (fetched.ok() || transfer.hopeless) return fetched;
                reason = fetched.error().message;
                code = fetched.error().code;
                if (code == Code::kCorrupt) blame(endpoint, fetched.error());
            }
            // "Not here" says less than why a peer that has it failed.
            if (code != Code::kNotFound) transfer.code = code;
            if (transfer.reasons.size() < kMaxReasonBytes) {
                transfer.reasons += (transfer.reasons.empty() ? "" : "; ") + reason;
            }
        }
    }
    return fail(transfer.code,
                "artifact " + to_hex(root) + " cannot be fetched: " + transfer.reasons);
}

Status Fetcher::check_size(uint64_t size, Transfer& transfer) {
    if (transfer.expected_size == 0 || size == transfer.expected_size) return {};
    transfer.hopeless = true;  // the root binds the size: any peer would send the same
    return fail(Code::kCorrupt, "artifact " + to_hex(transfer.root) + " has " +
                                    std::to_string(size) + " bytes, the ledger says " +
                                    std::to_string(transfer.expected_size));
}

Status Fetcher::fetch_from(PeerClient& peer, Transfer& transfer) {
    if (!blobs_.manifest(transfer.root).ok()) {
        ASSAY_RETURN_IF_ERROR(fetch_manifest(peer, transfer));
    }
    const auto manifest = blobs_.manifest(transfer.root);
    transfer.hopeless = !manifest.ok();
    if (!manifest.ok()) return manifest.error();
    ASSAY_RETURN_IF_ERROR(check_size(manifest->size, transfer));
    return fetch_chunks(peer, transfer);
}

Status Fetcher::fetch_manifest(PeerClient& peer, Transfer& transfer) {
    ASSAY_ASSIGN(const auto manifest, peer.manifest(transfer.root));
    ASSAY_RETURN_IF_ERROR(check_size(manifest.size, transfer));
    auto stored = blobs_.put_manifest(transfer.root, manifest);
    transfer.hopeless = !stored.ok();
    return stored;
}

Status Fetcher::fetch_chunks(PeerClient& peer, Transfer& transfer) {
    ASSAY_ASSIGN(const auto manifest, blobs_.manifest(transfer.root));
    ASSAY_ASSIGN(const auto missing, blobs_.missing_chunks(transfer.root));
    uint64_t here = manifest.chunks.size() - missing.size();
    const auto take = [&](uint32_t index, ByteView data) -> Status {
        auto stored = blobs_.put_chunk(transfer.root, index, data);
        // Wrong bytes are the peer's fault; a full disk or an evicted manifest is not.
        transfer.hopeless = !stored.ok() && stored.error().code != Code::kCorrupt;
        if (!stored.ok()) return stored;
        here += 1;
        if (transfer.progress) transfer.progress(here, manifest.chunks.size());
        return {};
    };
    for (size_t begin = 0; begin < missing.size(); begin += kChunksPerFetch) {
        const auto end = std::min<size_t>(missing.size(), begin + kChunksPerFetch);
        const std::vector<uint32_t> wanted(missing.begin() + static_cast<std::ptrdiff_t>(begin),
                                           missing.begin() + static_cast<std::ptrdiff_t>(end));
        ASSAY_RETURN_IF_ERROR(peer.chunks(transfer.root, wanted, take));
    }
    if (!blobs_.has(transfer.root)) {
        return fail(Code::kUnavailable, "peer " + peer.endpoint() + " sent only part of artifact " +
                                            to_hex(transfer.root));
    }
    return {};
}

}  // namespace assay::node
