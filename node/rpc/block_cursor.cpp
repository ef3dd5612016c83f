#include "node/rpc/block_cursor.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/rpc/json_text.h"
#include "node/rpc/values.h"

namespace assay::node {

Result<std::shared_ptr<const ledger::CommittedBlock>> BlockCache::at(uint64_t height) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = blocks_.find(height); found != blocks_.end()) return found->second;
    }
    ASSAY_ASSIGN(auto block, engine_.block(height));
    auto shared = std::make_shared<const ledger::CommittedBlock>(std::move(block));
    const std::lock_guard lock(mutex_);
    blocks_.emplace(height, shared);
    // Readers follow the head, so the oldest goes first; a far back-fill passes through.
    if (blocks_.size() > kCachedBlocks) blocks_.erase(blocks_.begin());
    return shared;
}

bool EventFilter::matches(const pb::Event& event) const {
    const auto is_type = [&](const std::string& type) {
        return type.ends_with('.') ? event.type().starts_with(type) : event.type() == type;
    };
    if (!types.empty() && std::ranges::none_of(types, is_type)) return false;
    if (!job) return true;
    const std::string id = to_hex(*job);
    return std::ranges::any_of(event.attributes(), [&](const pb::Attribute& attribute) {
        return attribute.key() == "job" && attribute.value() == id;
    });
}

bool BlockCursor::next(std::vector<std::string>& results) {
    if (next_ > blocks_.head()) return false;
    const auto block = blocks_.at(next_);
    if (!block.ok()) return false;
    ++next_;
    if (topic_ == Topic::kBlocks) {
        results.push_back(dump_json(block_json(**block)));
        return true;
    }
    for (const pb::Event& event : (*block)->events)
        if (filter_.matches(event)) results.push_back(dump_json(event_json(event)));
    return true;
}

}  // namespace assay::node
