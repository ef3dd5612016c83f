// Seconds for the programs of tools/bench_peers: the wall clock, or this process' processor time
// when PEERS_CLOCK=cpu (fair on a shared machine with one thread; with more, waiting threads count
// too). Threads: any. Errors: none.
#pragma once

#include <cstdlib>
#include <ctime>
#include <string_view>

inline double peers_seconds() {
    const char* kind = std::getenv("PEERS_CLOCK");
    timespec now{};
    const bool cpu = kind != nullptr && std::string_view(kind) == "cpu";
    clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
