// Memory of a device for GpuBackend: what is allocated, scratch that grows, and host buffers that
// are brought over for one operation.
//
// Device: allocate(bytes) -> void* (null: out of memory, see failure()), release, upload, download,
// zero. Ownership: releases everything it gave out. Threads: one. Errors: in the Device.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace assay::compute::gpu {

template <class Device>
class DeviceMemory {
public:
    explicit DeviceMemory(Device& device) : device_(device) {}
    ~DeviceMemory() {
        for (const auto& [at, bytes] : sizes_) device_.release(reinterpret_cast<void*>(at));
    }
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;

    void* allocate(size_t bytes) {
        bytes = std::max<size_t>(bytes, 4);
        void* made = device_.allocate(bytes);
        if (made != nullptr) sizes_.emplace(reinterpret_cast<uintptr_t>(made), bytes);
        return made;
    }
    void release(void* at) {
        if (at == nullptr || sizes_.erase(reinterpret_cast<uintptr_t>(at)) == 0) return;
        device_.release(at);
    }
    bool holds(const void* at) const {
        const auto address = reinterpret_cast<uintptr_t>(at);
        const auto after = sizes_.upper_bound(address);
        if (after == sizes_.begin()) return false;
        const auto& [begin, bytes] = *std::prev(after);
        return address < begin + bytes;
    }

    // Scratch by number, grown when too small; its contents do not survive growing.
    template <class T>
    T* scratch(size_t number, int64_t count) {
        if (number >= scratch_.size()) scratch_.resize(number + 1);
        auto& [at, bytes] = scratch_[number];
        const size_t wanted = static_cast<size_t>(std::max<int64_t>(count, 1)) * sizeof(T);
        if (bytes < wanted) {
            release(at);
            at = allocate(wanted);
            bytes = at == nullptr ? 0 : wanted;
        }
        return static_cast<T*>(at);
    }

private:
    Device& device_;
    std::map<uintptr_t, size_t> sizes_;  // by address
    std::vector<std::pair<void*, size_t>> scratch_;
};

// One operation's buffers: those of the host are copied over, and outputs back at the end.
template <class Device>
class Staging {
public:
    Staging(Device& device, DeviceMemory<Device>& memory) : device_(device), memory_(memory) {}
    ~Staging() {
        for (const Back& back : backs_) device_.download(back.host, back.device, back.bytes);
        for (void* each : made_) memory_.release(each);
    }
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;

    template <class T>
    const T* in(const T* at, int64_t count) {
        return at == nullptr ? at : brought(const_cast<T*>(at), count, true);
    }
    template <class T>
    T* out(T* at, int64_t count) {
        return given(at, count, false);
    }
    // Read and written, or written with gaps that must stay.
    template <class T>
    T* both(T* at, int64_t count) {
        return given(at, count, true);
    }

private:
    struct Back {
        void* host;
        const void* device;
        size_t bytes;
    };
    template <class T>
    T* brought(T* at, int64_t count, bool upload) {
        if (memory_.holds(at)) return at;
        const size_t bytes = static_cast<size_t>(count) * sizeof(T);
        void* made = memory_.allocate(bytes);
        if (made == nullptr) return nullptr;
        made_.push_back(made);
        if (upload && bytes > 0) device_.upload(made, at, bytes);
        return static_cast<T*>(made);
    }
    template <class T>
    T* given(T* at, int64_t count, bool upload) {
        T* const used = brought(at, count, upload);
        if (used != at && used != nullptr)
            backs_.push_back({at, used, static_cast<size_t>(count) * sizeof(T)});
        return used;
    }

    Device& device_;
    DeviceMemory<Device>& memory_;
    std::vector<void*> made_;
    std::vector<Back> backs_;
};

}  // namespace assay::compute::gpu
