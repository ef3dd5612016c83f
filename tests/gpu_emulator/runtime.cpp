// What the project calls of the CUDA runtime. Semantics: CUDA Runtime API reference; where it
// leaves a choice, the one that shows a caller's mistake.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tests/gpu_emulator/emulator.h"

namespace assay::gpu_emulator {
namespace {

struct Configuration {
    dim3 grid, block;
    size_t shared_bytes;
    cudaStream_t stream;
};

thread_local int current = 0;
thread_local Configuration pushed;
thread_local cudaError_t last_error = cudaSuccess;

// Every call that can fail begins with it.
bool is_lost() {
    return machine().is_lost();
}

cudaError_t noted(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

// Host function -> name of its kernel, filled before main().
std::map<const void*, std::string>& registered() {
    static std::map<const void*, std::string> names;
    return names;
}

Stream& stream_of(cudaStream_t stream) {
    return *reinterpret_cast<Stream*>(stream);
}

std::lock_guard<std::recursive_mutex> held(Device& device) {
    return std::lock_guard(device.mutex);
}

}  // namespace

Device& current_device() {
    return *machine().device(current);
}

}  // namespace assay::gpu_emulator

using namespace assay::gpu_emulator;

extern "C" {

void** __cudaRegisterFatBinary(void*) {
    static void* handle = nullptr;
    return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*,
                            dim3*, dim3*, int*) {
    registered()[host] = name;
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
    const auto name = registered().find(host);
    const Kernel* found = name == registered().end() ? nullptr : machine().kernel(name->second);
    if (found == nullptr) return noted(cudaErrorInvalidDeviceFunction);
    *kernel = reinterpret_cast<cudaKernel_t>(const_cast<Kernel*>(found));
    return cudaSuccess;
}
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes,
                                     cudaStream_t stream) {
    pushed = {grid, block, shared_bytes, stream};
    return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes,
                                       void* stream) {
    *grid = pushed.grid;
    *block = pushed.block;
    *shared_bytes = pushed.shared_bytes;
    *static_cast<cudaStream_t*>(stream) = pushed.stream;
    return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               size_t shared_bytes, cudaStream_t stream) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Stream& where = stream_of(stream);
    const auto hold = held(where.device);
    if (&where.device != &current_device()) return noted(cudaErrorInvalidResourceHandle);
    if (grid.x == 0 || grid.x > INT32_MAX || grid.y != 1 || grid.z != 1 || block.x == 0 ||
        block.x > 1024 || block.x % kLanes != 0 || block.y != 1 || block.z != 1 ||
        shared_bytes != 0)
        return noted(cudaErrorInvalidConfiguration);
    where.device.launch(where, *reinterpret_cast<const Kernel*>(kernel), grid.x, block.x,
                        arguments);
    return cudaSuccess;
}

const char* cudaGetErrorString(cudaError_t error) {
    return error == cudaErrorMemoryAllocation ? "out of memory" : "an error of the emulated GPU";
}
cudaError_t cudaGetLastError() {
    return std::exchange(last_error, cudaSuccess);
}

cudaError_t cudaGetDeviceCount(int* count) {
    try {
        *count = machine().devices();
        return cudaSuccess;
    } catch (const EmulatorError& error) {  // the PTX has what is not known
        std::fprintf(stderr, "no emulated GPU: %s\n", error.what());
        return noted(cudaErrorInvalidPtx);
    }
}
cudaError_t cudaSetDevice(int index) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    if (machine().device(index) == nullptr) return noted(cudaErrorInvalidDevice);
    current = index;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int index) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    if (machine().device(index) == nullptr) return noted(cudaErrorInvalidDevice);
    *properties = {};
    std::strcpy(properties->name, "emulated GPU");
    properties->major = 7;
    properties->minor = 5;
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Device& device = current_device();
    const auto hold = held(device);
    *free = device.memory().free_bytes();
    *total = device.memory().all_bytes();
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** made, size_t bytes) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Device& device = current_device();
    const auto hold = held(device);
    if (device.failed()) return noted(cudaErrorIllegalAddress);
    *made = device.memory().allocate(bytes);
    return *made == nullptr ? noted(cudaErrorMemoryAllocation) : cudaSuccess;
}
cudaError_t cudaFree(void* at) {  // waits for the device
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Device& device = current_device();
    const auto hold = held(device);
    if (!device.wait_all()) return noted(cudaErrorIllegalAddress);
    return at == nullptr || device.memory().release(at) ? cudaSuccess
                                                        : noted(cudaErrorInvalidValue);
}
cudaError_t cudaMallocHost(void** made, size_t bytes) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    *made = std::malloc(bytes);
    return *made == nullptr ? noted(cudaErrorMemoryAllocation) : cudaSuccess;
}
cudaError_t cudaFreeHost(void* at) {
    std::free(at);
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Device& device = current_device();
    const auto hold = held(device);
    *stream = reinterpret_cast<cudaStream_t>(device.open_stream());
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Stream& closed = stream_of(stream);
    Device& device = closed.device;
    const auto hold = held(device);
    const bool good = device.wait(closed);
    device.close_stream(&closed);
    return good ? cudaSuccess : noted(cudaErrorIllegalAddress);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Stream& waited = stream_of(stream);
    const auto hold = held(waited.device);
    return waited.device.wait(waited) ? cudaSuccess : noted(cudaErrorIllegalAddress);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Stream& where = stream_of(stream);
    const auto hold = held(where.device);
    const bool up = kind == cudaMemcpyHostToDevice;
    if (!up && kind != cudaMemcpyDeviceToHost) return noted(cudaErrorInvalidMemcpyDirection);
    where.work.push_back([=, &where] {
        GlobalMemory& memory = where.device.memory();
        const auto address = reinterpret_cast<uint64_t>(up ? to : from);
        std::byte* const there = memory.at(address, bytes, 1);
        if (up) {
            std::memcpy(there, from, bytes);
            memory.mark(address, bytes, true);
        } else {
            std::memcpy(to, there, bytes);
        }
    });
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* at, int value, size_t bytes, cudaStream_t stream) {
    if (is_lost()) return noted(cudaErrorDevicesUnavailable);
    Stream& where = stream_of(stream);
    const auto hold = held(where.device);
    where.work.push_back([=, &where] {
        GlobalMemory& memory = where.device.memory();
        const auto address = reinterpret_cast<uint64_t>(at);
        std::memset(memory.at(address, bytes, 1), value, bytes);
        memory.mark(address, bytes, true);
    });
    return cudaSuccess;
}

}  // extern "C"
