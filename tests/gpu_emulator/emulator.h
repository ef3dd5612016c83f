// Emulated GPUs behind CUDA's own functions: runtime.cpp and cublaslt.cpp define what the project
// calls of the CUDA runtime and of cuBLASLt, so that a program linked with them, before the real
// runtime, runs its compiled kernels (the PTX) and its host code without a GPU.
//
// Work waits on its stream until somebody waits for it, so what is freed or overwritten too early
// shows. Ownership: one Machine a process, as CUDA has. Threads: any number; each device does one
// thing at a time. Errors: printed, and the device gives an error code from then on, as a GPU does.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/gpu_emulator/block.h"
#include "tests/gpu_emulator/memory.h"
#include "tests/gpu_emulator/ptx.h"

namespace assay::gpu_emulator {

struct Settings {
    int devices = 2;
    size_t memory_bytes = size_t{2} << 30;  // of each device
    Options options;
};

class Device;

struct Stream {
    Device& device;
    std::deque<std::function<void()>> work;
};

class Device {
public:
    Device(int index, const Settings& settings)
        : index_(index),
          options_(settings.options),
          memory_(settings.memory_bytes, settings.options.checked) {}

    GlobalMemory& memory() { return memory_; }
    bool checked() const { return options_.checked; }
    Stream* open_stream() { return &streams_.emplace_back(Stream{*this, {}}); }
    void close_stream(Stream* stream);
    void forget_work();
    // False: something went wrong, now or before.
    bool wait(Stream& stream);
    bool wait_all();
    void launch(Stream& stream, const Kernel& kernel, uint32_t blocks, uint32_t threads,
                void* const* arguments);
    bool failed() const { return failed_; }
    const std::map<std::string, Counters>& counters() const { return counters_; }
    void forget_counters() { counters_.clear(); }

    std::recursive_mutex mutex;  // hold it for every call

private:
    const int index_;
    const Options options_;
    GlobalMemory memory_;
    std::list<Stream> streams_;
    std::map<std::string, Counters> counters_;  // by kernel
    uint32_t launches_ = 0;
    bool failed_ = false;
};

class Machine {
public:
    explicit Machine(const Settings& settings);
    Device* device(int index);  // null: there is none
    int devices() const { return static_cast<int>(devices_.size()); }
    const Kernel* kernel(const std::string& name);  // null: not in the PTX

    // Loses the GPUs: so many calls from now still succeed, then all fail, until restore(), which
    // also forgets what was not done.
    void lose_after(int64_t calls) { calls_left_ = calls; }
    void restore();
    bool is_lost();  // asked once by each call

private:
    std::atomic<int64_t> calls_left_ = INT64_MAX;
    std::list<Device> devices_;
    std::map<std::string, Kernel> kernels_;
};

// Made at the first use with what set_up() said before it.
Machine& machine();
void set_up(const Settings& settings);

// The calling thread's current device, as cudaSetDevice chose it.
Device& current_device();

}  // namespace assay::gpu_emulator
