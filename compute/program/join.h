// Joiner: where the partial maxima and sums of several devices meet, in host memory.
//
// Each of its members is used by one thread. A call waits until all members have brought their
// values; then every thread reduces its part of them, for all; then all go on. Maxima and integer
// sums have no order, so the bits are those of one device. Ownership: owns its members. Threads:
// one for each member, all of them in every call. Errors: what one member cannot use, or brings in
// another size, is unusable for all.
#pragma once

#include <barrier>
#include <vector>

#include "compute/kernels/backend.h"

namespace assay::compute {

class Joiner {
public:
    // sequences[d]: of the batch, those of member d; all positive.
    explicit Joiner(const std::vector<int64_t>& sequences);
    Joiner(const Joiner&) = delete;
    Joiner& operator=(const Joiner&) = delete;

    RowJoin& member(size_t d) { return members_[d]; }

private:
    struct Brought {
        void* values = nullptr;
        size_t count = 0;
        bool usable = false;
    };
    class Member final : public RowJoin {
    public:
        Member(Joiner& joiner, size_t index, int64_t sequences)
            : joiner_(joiner), index_(index), sequences_(sequences) {}
        int64_t whole(int64_t rows) const override;
        bool max(std::span<uint32_t> values, bool usable) override;
        bool add(std::span<int64_t> values, bool usable) override;

    private:
        Joiner& joiner_;
        const size_t index_;
        const int64_t sequences_;
    };
    template <class T, class Reduce>
    bool join(size_t member, std::span<T> values, bool usable, Reduce reduce);
    bool usable() const;

    std::vector<Member> members_;
    int64_t sequences_ = 0;         // of all
    std::vector<Brought> brought_;  // by each member: its own before the barrier, all after it
    std::barrier<> barrier_;
};

}  // namespace assay::compute
