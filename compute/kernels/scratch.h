// Scratch: working memory that grows to the largest operation met and is then reused.
//
// Ownership: owns its bytes; get() invalidates what it returned before. Threads: one user at a
// time. Errors: std::bad_alloc when memory runs out.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace assay::compute {

template <class T>
class Scratch {
public:
    // Uninitialised, aligned for any vector load.
    T* get(size_t count) {
        if (count > size_) {
            data_.reset();
            data_.reset(static_cast<T*>(::operator new(count * sizeof(T), kAlign)));
            size_ = count;
        }
        return data_.get();
    }

private:
    static constexpr std::align_val_t kAlign{64};
    struct Free {
        void operator()(T* p) const { ::operator delete(p, kAlign); }
    };
    std::unique_ptr<T, Free> data_;
    size_t size_ = 0;
};

}  // namespace assay::compute
