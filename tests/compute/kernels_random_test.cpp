// Random cases of every operation, a million values of each output: every backend against the
// portable one on one thread, bit for bit, fault flag included. Inputs mix ordinary values with
// zeros, ties, subnormals and extreme scales; shapes leave remainders for every vector and tile
// width.
#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

#include "compute/arithmetic/philox.h"
#include "compute/arithmetic/rotary.h"
#include "compute/kernels/backend.h"
#include "compute/kernels/cpu_backend.h"
#include "tests/compute/plain_gpu.h"
#include "tests/compute/plain_tiles.h"
#include "tests/support/test.h"

namespace assay::compute {
namespace {

using Floats = std::vector<float>;

// A stream of random numbers and the awkward values made from them.
class Source {
public:
    explicit Source(uint32_t seed) : seed_(seed) {}
    uint32_t word() {
        if (at_ == 4) {
            block_ = philox({{counter_++, 0, 0, 77}}, seed_, 3);
            at_ = 0;
        }
        return block_.word[at_++];
    }
    int64_t between(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(word() % static_cast<uint32_t>(high - low + 1));
    }
    float unit() { return static_cast<float>(static_cast<int32_t>(word())) * pow2(-31); }

    // One kind of values for a whole tensor; `extreme` allows what may overflow.
    Floats floats(int64_t n, bool extreme = true) {
        Floats out(static_cast<size_t>(n));
        const int64_t kind = between(0, extreme ? 9 : 5);
        const float scale = pow2(static_cast<int>(between(-12, 6)));
        for (float& x : out) x = one(kind, scale);
        return out;
    }

private:
    float one(int64_t kind, float scale) {
        switch (kind) {
            case 0:  // many zeros
                return between(0, 2) != 0 ? 0.0F : unit();
            case 1:  // ties of every rounding step
                return static_cast<float>(between(-40, 40)) * 0.5F * scale;
            case 2:  // wide spread
                return unit() * pow2(static_cast<int>(between(-30, 6)));
            case 3:  // near the limits of two slices
                return static_cast<float>(between(8120, 8140)) * scale * pow2(-13);
            case 6:
                return unit() * pow2(static_cast<int>(between(-126, -60)));
            case 7:  // subnormals and the smallest normals
                return from_bits(word() & 0x80FFFFFFU);
            case 8:
                return unit() * pow2(static_cast<int>(between(30, 90)));
            case 9:  // any finite bits, rarely infinite or NaN
                return from_bits(word());
            default:
                return unit() * scale;
        }
    }
    uint32_t seed_, counter_ = 0;
    uint32_t at_ = 4;
    Philox4 block_{};
};

struct Outcome {
    bool fault = false;
    std::vector<Floats> out;
};

// An operation with its inputs drawn from the source: run on any backend.
using Operation = std::function<void(Backend&, std::vector<Floats>&)>;
using Draw = Operation (*)(Source&);

Floats& output(std::vector<Floats>& all, int64_t n) {
    return all.emplace_back(static_cast<size_t>(n), -7.0F);
}

Operation draw_sum(Source& s) {
    const int64_t n = s.between(0, s.between(0, 15) == 0 ? 300 : 24);
    return
        [n, x = s.floats(n)](Backend& b, auto& out) { b.sum(x.data(), n, output(out, 1).data()); };
}

Operation draw_gemm(Source& s) {
    const int64_t m = s.between(1, 45), n = s.between(1, 37), k = s.between(0, 90);
    const int slices = static_cast<int>(s.between(1, 3));
    const int64_t form = s.between(0, 3);
    const bool biased = s.between(0, 1) != 0;
    return [=, x = s.floats(m * k), y = s.floats(k * n), bias = s.floats(n, false)](Backend& b,
                                                                                    auto& out) {
        const MatrixView left =
            (form & 1) != 0 ? matrix(x.data(), k, m).transposed() : matrix(x.data(), m, k);
        const MatrixView right =
            (form & 2) != 0 ? matrix(y.data(), n, k).transposed() : matrix(y.data(), k, n);
        b.gemm(left, right, biased ? bias.data() : nullptr, output(out, m * (n + 3)).data(), n + 3,
               slices);
    };
}

// Long contractions: several ranges of k, sums near the limit of an accumulator, and runs of k
// whose values differ in kind, so that the safe lengths differ from block to block.
Operation draw_deep_gemm(Source& s) {
    const int64_t m = s.between(1, 30), n = s.between(1, 50), k = s.between(200, 1700);
    const int slices = static_cast<int>(s.between(1, 3));
    const int64_t form = s.between(0, 3), run = s.between(1, 300);
    const auto vectors = [&](int64_t count) {
        Floats all;
        for (int64_t v = 0; v < count; ++v) {
            while (static_cast<int64_t>(all.size()) < (v + 1) * k) {
                const Floats part = s.floats(std::min(run, (v + 1) * k - std::ssize(all)), false);
                all.insert(all.end(), part.begin(), part.end());
            }
        }
        return all;
    };
    return [=, x = vectors(m), y = vectors(n)](Backend& b, auto& out) {
        const MatrixView left =
            (form & 1) != 0 ? matrix(x.data(), k, m).transposed() : matrix(x.data(), m, k);
        const MatrixView right =
            (form & 2) != 0 ? matrix(y.data(), n, k).transposed() : matrix(y.data(), k, n);
        b.gemm(left, right, nullptr, output(out, m * n).data(), n, slices);
    };
}

// Several blocks of tiles each way and several ranges of k on every table, with their remainders.
Operation draw_wide_gemm(Source& s) {
    const int64_t m = s.between(193, 420), n = s.between(257, 560), k = s.between(1025, 2300);
    const int slices = static_cast<int>(s.between(1, 3));
    const bool transposed = s.between(0, 1) != 0;
    return [=, x = s.floats(m * k, false), y = s.floats(k * n, false)](Backend& b, auto& out) {
        const MatrixView left =
            transposed ? matrix(x.data(), k, m).transposed() : matrix(x.data(), m, k);
        b.gemm(left, matrix(y.data(), k, n), nullptr, output(out, m * n).data(), n, slices);
    };
}

Operation draw_gemm_folded(Source& s) {
    const int64_t m = s.between(1, 21), n = s.between(1, 37), k = s.between(1, 60);
    const int slices = static_cast<int>(s.between(1, 3));
    return [=, x = s.floats(m * k), y = s.floats(k * n)](Backend& b, auto& out) {
        b.gemm_folded(matrix(x.data(), m, k), matrix(y.data(), k, n), output(out, m * n).data(), n,
                      slices);
    };
}

Operation draw_layernorm(Source& s) {
    const int64_t r = s.between(1, 7), c = s.between(1, 60);
    return [=, x = s.floats(r * c), g = s.floats(c), bias = s.floats(c, false)](Backend& b,
                                                                                auto& out) {
        out.resize(3);
        for (size_t i = 0; i < 2; ++i) out[i].assign(static_cast<size_t>(r * c), 0.0F);
        out[2].assign(static_cast<size_t>(r), 0.0F);
        b.layernorm(x.data(), g.data(), bias.data(), r, c, out[0].data(), out[1].data(),
                    out[2].data());
    };
}

Operation draw_layernorm_grad(Source& s) {
    const int64_t r = s.between(1, 7), c = s.between(1, 60);
    return [=, dy = s.floats(r * c), g = s.floats(c), hat = s.floats(r * c, false),
            rstd = s.floats(r, false)](Backend& b, auto& out) {
        out.resize(3);
        out[0].assign(static_cast<size_t>(r * c), 0.0F);
        out[1].assign(static_cast<size_t>(c), 0.0F);
        out[2] = out[1];
        b.layernorm_grad(dy.data(), g.data(), hat.data(), rstd.data(), r, c, out[0].data(),
                         out[1].data(), out[2].data());
    };
}

Operation draw_gelu(Source& s) {
    const int64_t n = s.between(1, 100);
    return [=, x = s.floats(n), dy = s.floats(n)](Backend& b, auto& out) {
        out.reserve(2);
        Floats &y = output(out, n), &dx = output(out, n);
        b.gelu(x.data(), n, y.data());
        if (!b.faulted()) b.gelu_grad(x.data(), dy.data(), n, dx.data());
    };
}

Operation draw_add(Source& s) {
    const int64_t n = s.between(1, 100);
    return [=, x = s.floats(n), y = s.floats(n)](Backend& b, auto& out) {
        b.add(x.data(), y.data(), n, output(out, n).data());
    };
}

Operation draw_column_sums(Source& s) {
    const int64_t r = s.between(1, 40), c = s.between(1, 40);
    return [=, x = s.floats(r * c)](Backend& b, auto& out) {
        b.column_sums(x.data(), r, c, output(out, c).data());
    };
}

Operation attention_of(const AttentionShape& shape, int slices, Floats qkv, Floats dout) {
    const int64_t n = shape.rows() * shape.width();
    return [=](Backend& b, auto& out) {
        out.resize(3);
        out[0].assign(static_cast<size_t>(n), 0.0F);
        out[1].assign(static_cast<size_t>(shape.rows() * shape.heads * shape.context), 0.0F);
        out[2].assign(static_cast<size_t>(3 * n), 0.0F);
        b.attention(qkv.data(), shape, slices, out[0].data(), out[1].data());
        if (!b.faulted())
            b.attention_grad(dout.data(), qkv.data(), out[1].data(), shape, slices, out[2].data());
    };
}

Operation draw_attention(Source& s) {
    const AttentionShape shape{s.between(1, 2), s.between(1, 19), s.between(1, 2),
                               s.between(1, 11)};
    const auto slices = static_cast<int>(s.between(1, 3));
    const int64_t n = shape.rows() * shape.width();
    return attention_of(shape, slices, s.floats(3 * n), s.floats(n, false));
}

// Long enough that whole parts above the diagonal are left out; a few large values among zeros, so
// that often only an element there overflows, which is a fault all the same.
Operation draw_sparse_attention(Source& s) {
    const AttentionShape shape{1, s.between(120, 300), s.between(1, 2), s.between(1, 3)};
    const auto slices = static_cast<int>(s.between(1, 3));
    const auto sparse = [&](int64_t n, int low, int high) {
        Floats all(static_cast<size_t>(n), 0.0F);
        for (int64_t i = 0; i < 6; ++i)
            all[static_cast<size_t>(s.between(0, n - 1))] =
                s.unit() * pow2(static_cast<int>(s.between(low, high)));
        return all;
    };
    const int64_t n = shape.rows() * shape.width();
    const bool in_gradient = s.between(0, 1) != 0;
    return in_gradient ? attention_of(shape, slices, sparse(3 * n, 50, 62), sparse(n, 50, 70))
                       : attention_of(shape, slices, sparse(3 * n, 60, 68), sparse(n, 0, 6));
}

Operation draw_cross_entropy(Source& s) {
    const int64_t r = s.between(1, 7), c = s.between(1, 50);
    std::vector<int32_t> target(static_cast<size_t>(r));
    for (int32_t& t : target) t = static_cast<int32_t>(s.between(0, c - 1));
    return [=, x = s.floats(r * c)](Backend& b, auto& out) {
        out.resize(2);
        out[0].assign(1, 0.0F);
        out[1].assign(static_cast<size_t>(r * c), 0.0F);
        b.cross_entropy(x.data(), target.data(), r, c, out[0].data(), out[1].data());
    };
}

Operation draw_embedding_and_scatter(Source& s) {
    const int64_t rows = s.between(1, 40), c = s.between(1, 30), vocab = s.between(1, 12);
    const int64_t context = s.between(1, rows);
    std::vector<int32_t> index(static_cast<size_t>(rows));
    for (int32_t& i : index) i = static_cast<int32_t>(s.between(0, vocab - 1));
    return [=, x = s.floats(rows * c), wte = s.floats(vocab * c, false),
            wpe = s.floats(context * c, false)](Backend& b, auto& out) {
        b.scatter(x.data(), index.data(), rows, c, vocab, output(out, vocab * c).data());
        b.embedding(wte.data(), wpe.data(), index.data(), rows, context, c,
                    output(out, rows * c).data());
    };
}

Operation draw_rmsnorm(Source& s) {
    const int64_t rows = s.between(1, 6), cols = s.between(1, 70);
    const float eps = s.between(0, 1) != 0 ? 1e-5F : 1e-6F;
    return [=, x = s.floats(rows * cols), g = s.floats(cols, false),
            dy = s.floats(rows * cols, false)](Backend& b, auto& out) {
        out.reserve(5);
        Floats &y = output(out, rows * cols), &hat = output(out, rows * cols);
        Floats &rstd = output(out, rows), &dx = output(out, rows * cols), &dg = output(out, cols);
        b.rmsnorm(x.data(), g.data(), eps, rows, cols, y.data(), hat.data(), rstd.data());
        if (b.faulted()) return;
        b.rmsnorm_grad(dy.data(), g.data(), hat.data(), rstd.data(), rows, cols, dx.data(),
                       dg.data());
    };
}

Operation draw_swiglu(Source& s) {
    const int64_t n = s.between(1, 300);
    return [=, gate = s.floats(n), up = s.floats(n), dh = s.floats(n)](Backend& b, auto& out) {
        out.reserve(3);
        Floats &h = output(out, n), &dgate = output(out, n), &dup = output(out, n);
        b.swiglu(gate.data(), up.data(), n, h.data());
        if (b.faulted()) return;
        b.swiglu_grad(gate.data(), up.data(), dh.data(), n, dgate.data(), dup.data());
    };
}

Operation draw_rotary(Source& s) {
    const int64_t group = s.between(1, 4), kv_heads = s.between(1, 3);
    const AttentionShape shape{s.between(1, 2), s.between(1, 5), group * kv_heads,
                               2 * s.between(1, 12)};
    const int64_t n = shape.rows() * shape.width(), kv = n / group;
    return [=, q = s.floats(n), k = s.floats(kv), v = s.floats(kv), dqkv = s.floats(3 * n),
            table = rotary_table(shape.context, shape.head_dim, 10000.0)](Backend& b, auto& out) {
        out.reserve(4);
        Floats &qkv = output(out, 3 * n), &dq = output(out, n);
        Floats &dk = output(out, kv), &dv = output(out, kv);
        b.rotary(q.data(), k.data(), v.data(), table.data(), shape, kv_heads, qkv.data());
        if (b.faulted()) return;
        b.rotary_grad(dqkv.data(), table.data(), shape, kv_heads, dq.data(), dk.data(), dv.data());
    };
}

Operation draw_patches(Source& s) {
    PatchShape shape{s.between(1, 3),
                     s.between(1, 9),
                     s.between(1, 9),
                     s.between(1, 5),
                     3,
                     3,
                     s.between(1, 2),
                     1};
    if (s.between(0, 3) == 0) {  // the whole image
        shape = {shape.batch,  shape.height, shape.width, shape.channels,
                 shape.height, shape.width,  1,           0};
    }
    const int64_t n = shape.pixels() * shape.channels, cut = shape.out_rows() * shape.out_cols();
    return [=, x = s.floats(n), dout = s.floats(cut)](Backend& b, auto& out) {
        out.reserve(2);
        Floats &patches = output(out, cut), &dx = output(out, n);
        b.patches(x.data(), shape, patches.data());
        b.patches_grad(dout.data(), shape, dx.data());
    };
}

Operation draw_adamw(Source& s) {
    const int64_t n1 = s.between(1, 300), n2 = s.between(1, 60);
    AdamWStep step{1e-3, 0.9, 0.95, 1e-8, 0.1, s.between(0, 1) != 0 ? 1.0 : 0.0, 1};
    step.step = static_cast<uint64_t>(s.between(1, 1000));
    Floats variance = s.floats(n1 + n2, false);
    for (float& v : variance) v = from_bits(abs_bits(v));
    return [=, w = s.floats(n1 + n2, false), g = s.floats(n1 + n2), m = s.floats(n1 + n2, false)](
               Backend& b, auto& out) {
        out = {w, m, variance, Floats(1)};
        const std::vector<ParameterSlot> slots = {
            {out[0].data(), g.data(), out[1].data(), out[2].data(), n1, true},
            {out[0].data() + n1, g.data() + n1, out[1].data() + n1, out[2].data() + n1, n2, false}};
        b.adamw(slots, step, out[3].data());
    };
}

// Chunks whose pieces are of any size, none among them; leaves as floats, so that they compare.
Operation draw_chunk_leaves(Source& s) {
    const int64_t n = s.between(1, 700), chunk_words = s.between(1, 90);
    std::vector<int64_t> cuts = {0};
    while (cuts.back() < n) cuts.push_back(std::min(n, cuts.back() + s.between(0, 200)));
    std::vector<Floats> parts;
    for (size_t i = 1; i < cuts.size(); ++i) parts.push_back(s.floats(cuts[i] - cuts[i - 1]));
    return [=](Backend& b, auto& out) {
        std::vector<MemoryPiece> pieces;
        for (const Floats& part : parts)
            pieces.push_back({part.data(), part.size() * sizeof(float)});
        const auto count = static_cast<size_t>((n + chunk_words - 1) / chunk_words);
        std::vector<Hash256> leaves(count);
        b.chunk_leaves(pieces, static_cast<size_t>(chunk_words) * sizeof(float), leaves.data());
        std::memcpy(output(out, 8 * static_cast<int64_t>(count)).data(), leaves.data(), 32 * count);
    };
}

Outcome run(Backend& backend, const Operation& operation) {
    Outcome outcome;
    backend.clear_fault();
    operation(backend, outcome.out);
    outcome.fault = backend.faulted();
    return outcome;
}

// Empty when equal; else what differs.
std::string difference(const Outcome& found, const Outcome& expected) {
    if (found.fault != expected.fault)
        return found.fault ? "only this faults" : "this misses a fault";
    if (expected.fault) return {};
    for (size_t i = 0; i < expected.out.size(); ++i) {
        for (size_t j = 0; j < expected.out[i].size(); ++j) {
            if (to_bits(found.out[i][j]) != to_bits(expected.out[i][j]))
                return "output " + std::to_string(i) + " element " + std::to_string(j);
        }
    }
    return {};
}

// Values of each output of an operation; emulated machines and sanitisers are slow.
#ifdef ASSAY_EMULATED_CUDA
constexpr bool kEmulatedCuda = true;
constexpr int64_t kValues = 30'000;
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kEmulatedCuda = false;
constexpr int64_t kValues = 50'000;
#else
constexpr bool kEmulatedCuda = false;
constexpr int64_t kValues = 1'000'000;
#endif

// Values in the smallest output; single numbers beside larger ones do not count.
int64_t values(const Outcome& outcome) {
    int64_t least = INT64_MAX;
    for (const Floats& each : outcome.out)
        if (each.size() > 1) least = std::min(least, std::ssize(each));
    return least == INT64_MAX ? 1 : least;
}

// Loops in place of matrix units, and devices that each operand is copied to, take one case in
// `share`.
void compare_backends(const char* name, Draw draw, uint32_t seed, int64_t share = 1,
                      int64_t wanted = kValues) {
    auto reference = make_backend({"portable", 1});
    ASSERT_TRUE(reference.ok());
    std::vector<std::unique_ptr<Backend>> others;
    const auto names = kEmulatedCuda ? std::vector<std::string>{"cuda"} : available_backends();
    for (const std::string& backend : names) {
        for (const int threads : {1, 3}) {
            if (kEmulatedCuda && threads != 1) continue;
            if (backend == "portable" && threads == 1) continue;
            auto made = make_backend({backend, threads});
            ASSERT_TRUE(made.ok()) << made.error().message;
            others.push_back(std::move(*made));
        }
    }
    CpuBackend wide("avx512vnni in plain loops", plain_wide_kernels(), 2);
    CpuBackend digits("amx in plain loops", plain_digit_kernels(), 2);
    std::optional<CpuBackend> tiles;
    if (const KernelTable* table = avx512_digit_kernels())
        tiles.emplace("amx with plain tiles", *table, 2);
    const auto gpu = make_plain_gpu();
    std::vector<Backend*> slow = {&wide, &digits, gpu.get()};
    if (tiles) slow.push_back(&*tiles);
    if (kEmulatedCuda) slow.clear();  // those are another program's
    std::vector<Backend*> every = slow;
    for (const auto& other : others)
        if (!other->in_host_memory()) slow.push_back(other.get());
    for (const auto& other : others) every.push_back(other.get());
    Source source(seed);
    int64_t compared = 0, faults = 0, cases = 0;
    for (; compared < wanted; ++cases) {
        const Operation operation = draw(source);
        const Outcome expected = run(**reference, operation);
        faults += expected.fault ? 1 : 0;
        compared += expected.fault ? 0 : values(expected);
        for (Backend* other : every) {
            if (cases % share != 0 && std::find(slow.begin(), slow.end(), other) != slow.end())
                continue;
            const std::string wrong = difference(run(*other, operation), expected);
            ASSERT_EQ(wrong, "") << name << " case " << cases << " on "
                                 << std::string(other->name()) << " with " << other->threads()
                                 << " threads " << other->failure();
        }
        ASSERT_LE(faults, cases / 2 + 100) << "too few cases compare values";
    }
}

TEST(kernels_random, sum) {
    compare_backends("sum", draw_sum, 1, 8);
}
TEST(kernels_random, gemm) {
    compare_backends("gemm", draw_gemm, 2);
}
TEST(kernels_random, deep_gemm) {
    compare_backends("deep_gemm", draw_deep_gemm, 12, 8);
}
TEST(kernels_random, wide_gemm) {
    compare_backends("wide_gemm", draw_wide_gemm, 16, 8);
}
TEST(kernels_random, gemm_folded) {
    compare_backends("gemm_folded", draw_gemm_folded, 3);
}
TEST(kernels_random, layernorm) {
    compare_backends("layernorm", draw_layernorm, 4);
}
TEST(kernels_random, layernorm_grad) {
    compare_backends("layernorm_grad", draw_layernorm_grad, 5);
}
TEST(kernels_random, gelu) {
    compare_backends("gelu", draw_gelu, 6);
}
TEST(kernels_random, add) {
    compare_backends("add", draw_add, 17);
}
TEST(kernels_random, column_sums) {
    compare_backends("column_sums", draw_column_sums, 7);
}
TEST(kernels_random, attention) {
    compare_backends("attention", draw_attention, 8, 8);
}
TEST(kernels_random, sparse_attention) {
    compare_backends("sparse_attention", draw_sparse_attention, 18, 1, 20'000);
}
TEST(kernels_random, cross_entropy) {
    compare_backends("cross_entropy", draw_cross_entropy, 9);
}
TEST(kernels_random, embedding_and_scatter) {
    compare_backends("embedding_and_scatter", draw_embedding_and_scatter, 10);
}
TEST(kernels_random, rmsnorm) {
    compare_backends("rmsnorm", draw_rmsnorm, 13);
}
TEST(kernels_random, swiglu) {
    compare_backends("swiglu", draw_swiglu, 14);
}
TEST(kernels_random, patches) {
    compare_backends("patches", draw_patches, 16);
}
TEST(kernels_random, rotary) {
    compare_backends("rotary", draw_rotary, 15);
}
TEST(kernels_random, chunk_leaves) {
    compare_backends("chunk_leaves", draw_chunk_leaves, 16);
}
TEST(kernels_random, adamw) {
    compare_backends("adamw", draw_adamw, 11);
}

}  // namespace
}  // namespace assay::compute
