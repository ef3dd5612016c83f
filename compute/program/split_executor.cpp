#include "compute/program/split_executor.h"

#include <algorithm>

#include "compute/program/split.h"

namespace assay::compute {

std::vector<int64_t> shares_of(uint32_t batch, const Backend& backend) {
    const size_t devices = std::clamp<size_t>(1 + backend.peers().size(), 1, std::max(batch, 1U));
    std::vector<int64_t> shares;
    for (size_t d = 0; d < devices; ++d)
        shares.push_back(static_cast<int64_t>(batch / devices + (d < batch % devices ? 1 : 0)));
    return shares;
}

Result<std::unique_ptr<SplitExecutor>> SplitExecutor::create(uint32_t batch, const Build& build,
                                                             Backend& backend) {
    auto split = create_shares(shares_of(batch, backend), build, backend);
    if (split.ok() || split.error().code != Code::kUnsupported) return split;
    return create_shares({batch}, build, backend);
}

Result<std::unique_ptr<SplitExecutor>> SplitExecutor::create_shares(
    const std::vector<int64_t>& shares, const Build& build, Backend& backend) {
    std::unique_ptr<SplitExecutor> made(new SplitExecutor);
    std::vector<bool> of_first;
    const size_t devices = shares.size();
    if (devices > 1) {
        made->joiner_ = std::make_unique<Joiner>(shares);
        made->threads_ = std::make_unique<ThreadPool>(static_cast<int>(devices));
    }
    for (size_t d = 0; d < devices; ++d) {
        Part& part = made->parts_.emplace_back();
        ASSAY_ASSIGN(Program program, build(static_cast<uint32_t>(shares[d])));
        part.program = std::make_unique<const Program>(std::move(program));
        Backend& on = d == 0 ? backend : *backend.peers()[d - 1];
        if (devices > 1 && on.in_host_memory())
            return fail(Code::kUnsupported, "only devices with memory of their own share a batch");
        ASSAY_ASSIGN(part.executor, Executor::create(*part.program, on));
        if (devices == 1) break;
        ASSAY_ASSIGN(std::vector<bool> joined, joined_operations(*part.program));
        if (d == 0) of_first = joined;
        if (joined != of_first)
            return fail(Code::kInternal, "shares of a batch have different operations");
        ASSAY_RETURN_IF_ERROR(part.executor->join(made->joiner_->member(d), std::move(joined)));
    }
    return made;
}

// A device that could not start would keep the others waiting: all are asked before.
Status SplitExecutor::run(const AdamWStep* step) {
    if (parts_.size() == 1) return device(0).run(step);
    for (const Part& part : parts_) ASSAY_RETURN_IF_ERROR(part.executor->ready(step));
    std::vector<Status> ended(parts_.size());
    threads_->run(static_cast<int64_t>(parts_.size()), 1, [&](int, int64_t begin, int64_t) {
        const auto d = static_cast<size_t>(begin);
        ended[d] = device(d).run(step);
    });
    const auto first = [&](auto wanted) {
        return std::find_if(ended.begin(), ended.end(), wanted);
    };
    auto found = first([](const Status& s) { return !s.ok() && s.error().code != Code::kFault; });
    if (found == ended.end()) found = first([](const Status& s) { return !s.ok(); });
    return found == ended.end() ? Status{} : *found;
}

}  // namespace assay::compute
