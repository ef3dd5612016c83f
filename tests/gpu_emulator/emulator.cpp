#include "tests/gpu_emulator/emulator.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace assay::gpu_emulator {
namespace {

std::string contents(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw EmulatorError(std::string("cannot read ") + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

Settings& settings() {
    static Settings the_settings;
    return the_settings;
}

}  // namespace

void Device::close_stream(Stream* stream) {
    streams_.remove_if([&](const Stream& each) { return &each == stream; });
}

void Device::forget_work() {
    for (Stream& stream : streams_) stream.work.clear();
}

bool Device::wait(Stream& stream) {
    while (!stream.work.empty()) {
        const auto work = std::move(stream.work.front());
        stream.work.pop_front();
        if (failed_) continue;
        try {
            work();
        } catch (const EmulatorError& error) {
            std::fprintf(stderr, "emulated GPU %d: %s\n", index_, error.what());
            failed_ = true;
        }
    }
    return !failed_;
}

bool Device::wait_all() {
    for (Stream& stream : streams_) wait(stream);
    return !failed_;
}

void Device::launch(Stream& stream, const Kernel& kernel, uint32_t blocks, uint32_t threads,
                    void* const* arguments) {
    Launch launch{kernel, {}, blocks, threads, ++launches_};
    launch.parameters.resize(static_cast<size_t>(kernel.parameter_bytes));
    for (size_t i = 0; i < kernel.parameters.size(); ++i)
        std::memcpy(launch.parameters.data() + kernel.parameters[i].offset, arguments[i],
                    static_cast<size_t>(kernel.parameters[i].bytes));
    stream.work.push_back([this, launch]() mutable {
        BlockRunner runner(launch, memory_, counters_[launch.kernel.name], options_);
        // From the end, every second first: no order between blocks is promised.
        for (uint32_t i = 0; i < launch.blocks; ++i) {
            const uint32_t even = (launch.blocks + 1) / 2;
            runner.run(launch.blocks - 1 - (i < even ? 2 * i : 2 * (i - even) + 1));
        }
    });
}

Machine::Machine(const Settings& wanted) : kernels_(parse_ptx(contents(ASSAY_PTX))) {
    for (int i = 0; i < wanted.devices; ++i) devices_.emplace_back(i, wanted);
}

Device* Machine::device(int index) {
    if (index < 0 || index >= devices()) return nullptr;
    return &*std::next(devices_.begin(), index);
}

const Kernel* Machine::kernel(const std::string& name) {
    const auto found = kernels_.find(name);
    return found == kernels_.end() ? nullptr : &found->second;
}

void Machine::restore() {
    calls_left_ = INT64_MAX;
    for (Device& device : devices_) device.forget_work();
}

bool Machine::is_lost() {
    return calls_left_.fetch_sub(1) <= 0;
}

Machine& machine() {
    static Machine the_machine(settings());
    return the_machine;
}

void set_up(const Settings& wanted) {
    settings() = wanted;
}

}  // namespace assay::gpu_emulator
