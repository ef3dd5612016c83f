#include "node/agent/capability.h"

#include <unistd.h>

#include <chrono>
#include <fstream>

namespace assay::node {
namespace {

std::string processor_name() {
    std::ifstream in("/proc/cpuinfo");
    std::string line;
    while (std::getline(in, line)) {
        if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2).substr(0, 64);
    }
    return "unknown processor";
}

}  // namespace

uint64_t available_memory_mb() {
    std::ifstream in("/proc/meminfo");
    std::string name;
    uint64_t kilobytes = 0;
    std::string unit;
    while (in >> name >> kilobytes >> unit) {
        if (name == "MemAvailable:") return kilobytes / 1024;
    }
    return 0;
}

pb::ScoreSample score_sample(const compute::Measurement& measured,
                             const compute::Backend& backend) {
    // 10^6 MACs per second is one milli work unit per second.
    const uint64_t mmacs = std::max<uint64_t>(1, measured.macs_per_second / 1'000'000);
    pb::ScoreSample sample;
    sample.set_score(mmacs);
    sample.set_step_mmacs(mmacs);
    sample.set_gemm_mmacs(measured.gemm_macs_per_second / 1'000'000);
    for (const auto& shape : measured.shapes)
        sample.add_shape_mmacs(shape.macs_per_second / 1'000'000);
    sample.set_bandwidth_mb(measured.memory_bytes_per_second / 1'000'000);
    sample.set_memory_mb(available_memory_mb());
    sample.set_backend(std::string(backend.name()));
    sample.set_device(processor_name());
    sample.set_measured_ms(
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count()));
    return sample;
}

Result<pb::ScoreSample> measure_capability(const compute::BackendOptions& options) {
    ASSAY_ASSIGN(const auto backend, compute::make_backend(options));
    ASSAY_ASSIGN(const auto measured, compute::measure(*backend, {}));
    return score_sample(measured, *backend);
}

}  // namespace assay::node
