// Preloaded into PyTorch by tools/bench_peers: MKL asks this before it uses AVX-512, and keeps to
// half of its rate on another maker's processor. Not part of the product.
extern "C" int mkl_serv_intel_cpu_true() {
    return 1;
}
