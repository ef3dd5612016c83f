// Ledger records as the RPC shows them, and walking them in pages.
//
// Ownership: values; visitors run during the call. Threads: pure over an immutable view. Errors:
// none.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "contracts/store.h"
#include "node/rpc/method.h"

namespace assay::node {

inline constexpr uint64_t kMaxPage = 500;
inline constexpr uint64_t kDefaultPage = 100;

std::vector<Param> page_params();  // offset, limit

// Collects the entries of one page.
class Page {
public:
    explicit Page(const nlohmann::json& params);
    // Renders the entry if it is on the page; false once the page is full.
    bool offer(const std::function<nlohmann::json()>& render);
    // {name: [...], nextOffset}; nextOffset is null when nothing is left.
    nlohmann::json answer(const std::string& name);

private:
    uint64_t offset_;
    uint64_t limit_;
    uint64_t seen_ = 0;
    bool more_ = false;
    nlohmann::json items_ = nlohmann::json::array();
};

// In key order, until visit returns false.
void for_each_provider(const ledger::ReadView& view,
                       const std::function<bool(const pb::Provider&)>& visit);
void for_each_job(const ledger::ReadView& view, const std::function<bool(const pb::Job&)>& visit);
// Tasks of one job in the order round, kind, shard.
void for_each_task(const ledger::ReadView& view, ByteView job_id,
                   const std::function<bool(const pb::Task&)>& visit);

// With its stake and reputation, and the figures people ask for first on top.
nlohmann::json provider_json(const contracts::Reader& reader, const pb::Provider& provider);
// With jobId and name on top; without checkpoints, which job_getCheckpoints lists.
nlohmann::json job_json(const pb::Job& job);
nlohmann::json task_json(const pb::Task& task);

}  // namespace assay::node
