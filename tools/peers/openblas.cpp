// The peer of `product`: OpenBLAS sgemm, 1024 x 1024 x 1024. Prints G MAC/s, the best of the runs
// that fit the time given. Not part of the product; built by tools/bench_peers.
//   openblas THREADS MILLISECONDS
//   openblas core                    the name of the kernels it chose
#include <cblas.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "tools/peers/clock.h"

extern "C" void openblas_set_num_threads(int threads);
extern "C" char* openblas_get_corename(void);

int main(int argc, char** argv) {
    constexpr int kSize = 1024;
    constexpr size_t kElements = size_t{kSize} * kSize;
    if (argc > 1 && std::string_view(argv[1]) == "core") {
        std::printf("%s\n", openblas_get_corename());
        return 0;
    }
    openblas_set_num_threads(argc > 1 ? std::atoi(argv[1]) : 1);
    const double budget = (argc > 2 ? std::atof(argv[2]) : 1000) / 1000;
    std::vector<float> a(kElements), b(kElements), c(kElements);
    for (size_t i = 0; i < kElements; ++i) {
        a[i] = static_cast<float>(i * 7919 % 2003) / 1001.5F - 1;
        b[i] = static_cast<float>(i * 104729 % 1999) / 999.5F - 1;
    }
    double best = 1e9;
    const double start = peers_seconds();
    do {
        const double run = peers_seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSize, kSize, kSize, 1, a.data(),
                    kSize, b.data(), kSize, 0, c.data(), kSize);
        best = std::min(best, peers_seconds() - run);
    } while (peers_seconds() - start < budget);
    std::printf("%.2f\n", kSize * 1e-9 * kSize * kSize / best);
}
