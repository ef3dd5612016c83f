// assay provider bench: what the market ranks, part by part, and how long a given job takes here.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "compute/train/predict.h"
#include "contracts/job_spec.h"
#include "ledger/codec/block.h"
#include "node/agent/capability.h"
#include "node/cli/cli.h"
#include "node/cli/job_file.h"
#include "node/cli/report.h"
#include "node/core/files.h"
#include "node/rpc/job_json.h"

namespace assay::node {
namespace {

using nlohmann::json;

constexpr double kNsPerMs = 1e6;

struct BenchFlags {
    std::string backend;
    uint32_t threads = 1;
    uint32_t devices = 1;
    std::string job;
};

template <typename... Args>
std::string line(const char* format, Args... args) {
    char text[256];
    std::snprintf(text, sizeof text, format, args...);
    return text;
}

std::string shape_table(const compute::Measurement& measured, json& list) {
    std::string text =
        "shape      million MACs a second   ms a step   part of the score's work   of its time\n";
    const auto shapes = compute::reference_shapes();
    for (size_t i = 0; i < shapes.size(); ++i) {
        const auto& rate = measured.shapes[i];
        const double ms = static_cast<double>(rate.median_ns()) / kNsPerMs;
        list.push_back({{"shape", std::string(shapes[i].name)},
                        {"mmacs", rate.macs_per_second / 1'000'000},
                        {"stepMs", ms},
                        {"workPercent", shapes[i].share},
                        {"timePercent", measured.time_share(i)}});
        text += line("%-10s %21llu %11.2f %24u %% %11u %%\n", std::string(shapes[i].name).c_str(),
                     static_cast<unsigned long long>(rate.macs_per_second / 1'000'000), ms,
                     shapes[i].share, measured.time_share(i));
    }
    return text;
}

// The job's own tasks, timed: a score is one number for all jobs and can only rank machines.
std::string job_time(const BenchFlags& flags, compute::Backend& backend, json& document,
                     const GlobalOptions& globals) {
    json file = read_job_file(flags.job, globals);
    // The time does not depend on which data: a reference need not be there yet.
    if (!file.contains("data"))
        file["data"] = {{"root", "0x" + std::string(64, '0')}, {"size", 1U}};
    const auto spec = value_or_fail(globals, job_spec_from_json(file));
    ok_or_fail(globals, contracts::validate_job(spec, ledger::kAppVersion));
    const auto job = value_or_fail(globals, contracts::to_job_config(spec));
    // Beside the file: on a disk of the user's, not in a temporary folder in memory.
    const auto folder = std::filesystem::absolute(flags.job).parent_path();
    const auto scratch = value_or_fail(globals, ScratchFolder::make(folder, "bench."));
    const auto time =
        value_or_fail(globals, compute::predict_job_time(job, backend, scratch.path()));
    document["job"] = {{"stepMs", static_cast<double>(time.step_ns) / kNsPerMs},
                       {"taskSeconds", static_cast<double>(time.task_ns) / 1e9},
                       {"jobSeconds", static_cast<double>(time.job_ns) / 1e9}};
    return line(
        "\n%s\nstep        %.2f ms\ntask        %.2f s (one shard of one round)\n"
        "whole job   %.2f s (every task once, one after the other, on this machine)",
        flags.job.c_str(), static_cast<double>(time.step_ns) / kNsPerMs,
        static_cast<double>(time.task_ns) / 1e9, static_cast<double>(time.job_ns) / 1e9);
}

void bench(const BenchFlags& flags, const GlobalOptions& globals) {
    const auto backend = value_or_fail(
        globals, compute::make_backend({flags.backend, static_cast<int>(flags.threads),
                                        static_cast<int>(flags.devices)}));
    const auto measured = value_or_fail(globals, compute::measure(*backend, {}));
    const auto sample = score_sample(measured, *backend);
    json shapes = json::array();
    std::string text = line("device      %s\nbackend     %s, threads %u\n", sample.device().c_str(),
                            sample.backend().c_str(), flags.threads);
    text += shape_table(measured, shapes);
    text += line(
        "product     %llu million MACs a second (512 x 512 x 512)\n"
        "bandwidth   %llu MB a second\nmemory      %llu MB\n"
        "score       %llu (milli work units a second on this mix: what the market ranks)",
        static_cast<unsigned long long>(sample.gemm_mmacs()),
        static_cast<unsigned long long>(sample.bandwidth_mb()),
        static_cast<unsigned long long>(sample.memory_mb()),
        static_cast<unsigned long long>(sample.score()));
    json document = {{"score", sample.score()},          {"shapes", shapes},
                     {"gemmMmacs", sample.gemm_mmacs()}, {"bandwidthMb", sample.bandwidth_mb()},
                     {"memoryMb", sample.memory_mb()},   {"backend", sample.backend()},
                     {"device", sample.device()}};
    if (!flags.job.empty()) text += job_time(flags, *backend, document, globals);
    print_result(globals, document, text);
}

}  // namespace

void add_provider_bench_command(CLI::App& group, const GlobalOptions& globals) {
    auto flags = std::make_shared<BenchFlags>();
    auto* command =
        group.add_subcommand("bench", "Measure what the market ranks, with the real kernels");
    command->add_option("--backend", flags->backend, "Backend to measure (default: the best)");
    command->add_option("--threads", flags->threads, "Threads of one slot")->capture_default_str();
    command->add_option("--devices", flags->devices, "GPUs that share each batch (0: all)")
        ->check(CLI::Range(0, compute::kMaxDevices))
        ->capture_default_str();
    command->add_option("--job", flags->job, "Also: how long this job would take here");
    command->footer("Example: assay provider bench --threads 2 --job train.json");
    command->callback([flags, &globals] { bench(*flags, globals); });
}

}  // namespace assay::node
