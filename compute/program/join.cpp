#include "compute/program/join.h"

#include <algorithm>

namespace assay::compute {

Joiner::Joiner(const std::vector<int64_t>& sequences)
    : brought_(sequences.size()), barrier_(static_cast<std::ptrdiff_t>(sequences.size())) {
    members_.reserve(sequences.size());
    for (size_t d = 0; d < sequences.size(); ++d) {
        members_.emplace_back(*this, d, sequences[d]);
        sequences_ += sequences[d];
    }
}

int64_t Joiner::Member::whole(int64_t rows) const {
    return rows / sequences_ * joiner_.sequences_;
}

bool Joiner::Member::max(std::span<uint32_t> values, bool usable) {
    return joiner_.join(index_, values, usable,
                        [](uint32_t a, uint32_t b) { return std::max(a, b); });
}

bool Joiner::Member::add(std::span<int64_t> values, bool usable) {
    return joiner_.join(index_, values, usable, [](int64_t a, int64_t b) { return a + b; });
}

bool Joiner::usable() const {
    return std::all_of(brought_.begin(), brought_.end(), [&](const Brought& each) {
        return each.usable && each.count == brought_.front().count;
    });
}

template <class T, class Reduce>
bool Joiner::join(size_t member, std::span<T> values, bool is_usable, Reduce reduce) {
    brought_[member] = {values.data(), values.size(), is_usable};
    barrier_.arrive_and_wait();
    const bool all_usable = usable();
    if (all_usable) {
        const auto at = [&](size_t d) { return static_cast<T*>(brought_[d].values); };
        const size_t devices = brought_.size();
        const size_t stop = values.size() * (member + 1) / devices;
        for (size_t i = values.size() * member / devices; i < stop; ++i) {
            T result = at(0)[i];
            for (size_t d = 1; d < devices; ++d) result = reduce(result, at(d)[i]);
            for (size_t d = 0; d < devices; ++d) at(d)[i] = result;
        }
    }
    barrier_.arrive_and_wait();
    return all_usable;
}

}  // namespace assay::compute
