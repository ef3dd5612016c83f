// Launches: kernels on a Device, with its memory and scratch; and where a batch is split over
// several devices (RowJoin), the joining of what each has found in its rows.
//
// A reduction over rows has three phases: largest magnitudes, integer sums, results. After each of
// the first two the devices' values meet in host memory; both are exact in any order. Devices stay
// in step whatever happens to one: all join the same number of times, and what is joined says
// whether it is usable. Ownership: the Device must outlive it. Threads: one. Errors: in the Device.
#pragma once

#include <span>

#include "compute/cuda/device_memory.h"
#include "compute/cuda/layer_kernels.h"
#include "compute/cuda/scratch.h"
#include "compute/kernels/backend.h"

namespace assay::compute::gpu {

template <class Device>
class Launches {
public:
    explicit Launches(Device& device) : device_(device), memory_(device) {}
    ~Launches() {
        for (const Waypoint& each : {tops_, sums_}) device_.release_host(each.at);
    }
    Launches(const Launches&) = delete;
    Launches& operator=(const Launches&) = delete;

    Device& device() { return device_; }
    DeviceMemory<Device>& memory() { return memory_; }
    template <class T>
    T* scratch(Scratch number, int64_t count) {
        return memory_.template scratch<T>(number, count);
    }
    template <class T>
    T* zeros(Scratch number, int64_t count) {
        T* made = scratch<T>(number, count);
        device_.zero(made, static_cast<size_t>(count) * sizeof(T));
        return made;
    }

    template <class Kernel>
    void launch(int64_t blocks, const Kernel& kernel) {
        if (blocks > 0 && device_.ready()) device_.launch(blocks, kernel);
    }
    template <class Body>
    void elementwise(int64_t n, const Body& body) {
        launch(blocks_of(n, kRun), Elementwise<Body>{n, body});
    }

    void join_rows(RowJoin* join) { join_ = join; }
    bool joins() const { return join_ != nullptr; }
    int64_t whole(int64_t rows) const { return joins() ? join_->whole(rows) : rows; }
    // Magnitudes or sums in device memory become those of all devices' rows.
    void join_tops(uint32_t* at, int64_t count) { meet(at, count, tops_, &RowJoin::max); }
    void join_sums(int64_t* at, int64_t count) { meet(at, count, sums_, &RowJoin::add); }

private:
    struct Waypoint {  // host memory that the device copies fast
        void* at = nullptr;
        size_t bytes = 0;
    };

    void grow(Waypoint& way, size_t bytes) {
        if (way.bytes >= bytes) return;
        device_.release_host(way.at);
        way.at = device_.allocate_host(bytes);
        way.bytes = way.at == nullptr ? 0 : bytes;
    }

    template <class T>
    void meet(T* at, int64_t count, Waypoint& way, bool (RowJoin::*join)(std::span<T>, bool)) {
        if (!joins()) return;
        const size_t bytes = static_cast<size_t>(count) * sizeof(T);
        grow(way, bytes);
        const std::span<T> values(static_cast<T*>(way.at),
                                  way.at == nullptr ? 0 : bytes / sizeof(T));
        device_.download(values.data(), at, values.size_bytes());
        const bool usable = device_.fault() < kInfinityBits && device_.ready() && way.at != nullptr;
        if ((join_->*join)(values, usable))
            return device_.upload(at, values.data(), values.size_bytes());
        device_.set_fault();  // all leave together; who failed says so itself
    }

    Device& device_;
    DeviceMemory<Device> memory_;
    RowJoin* join_ = nullptr;
    Waypoint tops_, sums_;
};

}  // namespace assay::compute::gpu
