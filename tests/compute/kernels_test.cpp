// Backends: choice by name, faults of every operation, shapes large enough to be split over
// threads, long contractions, and causal independence of attention.
#include <algorithm>
#include <atomic>

#include "compute/arithmetic/philox.h"
#include "compute/bench.h"
#include "compute/bench_kernels.h"
#include "compute/kernels/backend.h"
#include "compute/kernels/cpu_backend.h"
#include "compute/kernels/product_check.h"
#include "compute/kernels/thread_pool.h"
#include "tests/support/test.h"

namespace assay::compute {
namespace {

using Floats = std::vector<float>;

Floats noise(int64_t n, uint32_t id, double std = 1.0) {
    Floats out(static_cast<size_t>(n));
    normalish(out, std, 4711, id);
    return out;
}

std::unique_ptr<Backend> backend(const std::string& name, int threads = 1) {
    return std::move(make_backend({name, threads})).value();
}

bool same_bits(const Floats& a, const Floats& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](float x, float y) { return to_bits(x) == to_bits(y); });
}

TEST(backends, are_chosen_by_name) {
    const auto names = available_backends();
    ASSERT_FALSE(names.empty());
    EXPECT_EQ(names.back(), "portable");
    EXPECT_EQ(std::string(backend("")->name()), names.front());
    const auto missing = make_backend({"abacus", 1});
    ASSERT_FALSE(missing.ok());
    EXPECT_TRUE(missing.error().code == Code::kUnsupported);
    EXPECT_TRUE(make_backend({"portable", -1}).error().code == Code::kInvalidArgument);
    EXPECT_TRUE(make_backend({"portable", 257}).error().code == Code::kInvalidArgument);
}

TEST(backends, say_what_a_missing_one_needs) {
    const auto names = available_backends();
    for (const char* name : {"amx", "avx512vnni", "avx2"}) {
        const auto found = make_backend({name, 1});
        const bool listed = std::find(names.begin(), names.end(), name) != names.end();
        EXPECT_EQ(found.ok(), listed) << name;
        if (listed) continue;
        EXPECT_TRUE(found.error().code == Code::kUnsupported);
        EXPECT_NE(found.error().message.find("it needs a processor with A"), std::string::npos)
            << found.error().message;
    }
}

#if defined(__x86_64__)
TEST(backends, list_every_instruction_set_of_the_processor) {
    const auto names = available_backends();
    const auto listed = [&](const char* name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    const bool avx2 = __builtin_cpu_supports("avx2") != 0;
    EXPECT_EQ(listed("avx2"), avx2);
    EXPECT_EQ(listed("avx512vnni"), avx2 && __builtin_cpu_supports("avx512f") != 0 &&
                                        __builtin_cpu_supports("avx512bw") != 0 &&
                                        __builtin_cpu_supports("avx512dq") != 0 &&
                                        __builtin_cpu_supports("avx512vl") != 0 &&
                                        __builtin_cpu_supports("avx512vnni") != 0);
}
#endif

// Kernels that would train a little differently are never used.
template <class Spoil>
bool agrees_when(Spoil spoil) {
    static KernelTable spoilt;
    spoilt = portable_kernels();
    spoil(spoilt);
    CpuBackend tried("tried", spoilt, 1);
    return products_agree(tried);
}

TEST(backends, whose_products_differ_are_recognised) {
    EXPECT_TRUE(agrees_when([](KernelTable&) {}));
    EXPECT_FALSE(agrees_when([](KernelTable& table) {
        table.tile = [](const TileJob& job) {
            const Bits bits = portable_kernels().tile(job);
            if (job.last) job.c[0] = from_bits(to_bits(job.c[0]) ^ 1U);
            return bits;
        };
    }));
    EXPECT_FALSE(agrees_when([](KernelTable& table) {  // only gemm_folded multiplies first
        table.pack = [](const PackJob& job) {
            PackJob changed = job;
            if (!job.unit_scale) changed.multiply = nullptr;
            return portable_kernels().pack(changed);
        };
    }));
}

TEST(backends, have_a_measurable_product_rate) {
    EXPECT_GT(measure_gemm_mmacs(*backend(""), 0), 0U);
}

TEST(backends, have_the_bits_of_portable_in_every_kernel_that_is_timed) {
    const auto kernels = bench_kernels({available_backends().front(), 0, 0});
    ASSERT_TRUE(kernels.ok());
    EXPECT_EQ(kernels->size(), 26U);
    for (const KernelBench& kernel : *kernels) {
        ASSERT_EQ(kernel.rates.size(), 1U);
        for (const KernelRate& rate : kernel.rates) {
            EXPECT_TRUE(rate.equal) << kernel.kernel << " on " << rate.backend;
            EXPECT_GT(rate.per_second, 0U) << kernel.kernel << " on " << rate.backend;
        }
    }
    EXPECT_TRUE(all_equal(*kernels));
}

TEST(backends, mark_a_kernel_whose_bits_differ) {
    const std::vector<KernelBench> kernels = {
        {"gemm", true, {{"avx2", 5'000'000'000, true}, {"amx", 7'000'000'000, false}}}};
    EXPECT_FALSE(all_equal(kernels));
    const std::string text = kernels_text(kernels);
    EXPECT_NE(text.find("5.00 "), std::string::npos);
    EXPECT_NE(text.find("7.00!"), std::string::npos);
    EXPECT_NE(text.find("differs from portable"), std::string::npos);
}

TEST(thread_pool, covers_each_item_once) {
    for (const int threads : {1, 2, 3, 7}) {
        ThreadPool pool(threads);
        for (const int64_t count : {0, 1, 5, 8, 100}) {
            std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
            pool.run(count, 2, [&](int, int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
            });
            for (const auto& times : seen) EXPECT_EQ(times.load(), 1);
        }
    }
}

const float kInfinity = from_bits(kInfinityBits);
const float kNan = from_bits(0x7FC00000);

// Each operation with one bad input element among ordinary ones, at a given place.
template <class Call>
void expect_fault(const char* what, Floats input, Call call) {
    for (const std::string& name : available_backends()) {
        const auto b = backend(name);
        call(*b, input);
        EXPECT_FALSE(b->faulted()) << name << " " << what << " with good values";
        for (const float bad : {kNan, kInfinity, -kInfinity}) {
            for (const size_t at : {size_t{0}, input.size() / 2, input.size() - 1}) {
                Floats broken = input;
                broken[at] = bad;
                b->clear_fault();
                call(*b, broken);
                EXPECT_TRUE(b->faulted()) << name << " " << what << " element " << at;
            }
        }
        b->clear_fault();
        EXPECT_FALSE(b->faulted());
    }
}

TEST(faults, non_finite_inputs_of_every_operation) {
    const Floats other = noise(600, 2), ones(600, 1.0F);
    const int32_t index[16] = {0, 3, 1, 2};
    Floats out(2000), out2(2000), out3(2000);
    const Floats x = noise(16 * 13, 1);
    const auto n = static_cast<int64_t>(x.size());
    expect_fault("sum", x, [&](Backend& b, Floats& v) { b.sum(v.data(), n, out.data()); });
    expect_fault("gemm a", x, [&](Backend& b, Floats& v) {
        b.gemm(matrix(v.data(), 16, 13), matrix(other.data(), 13, 9), nullptr, out.data(), 9, 2);
    });
    expect_fault("gemm b", x, [&](Backend& b, Floats& v) {
        b.gemm(matrix(other.data(), 9, 16), matrix(v.data(), 16, 13), nullptr, out.data(), 13, 3);
    });
    expect_fault("gemm bias", noise(9, 3), [&](Backend& b, Floats& v) {
        b.gemm(matrix(other.data(), 16, 13), matrix(other.data(), 13, 9), v.data(), out.data(), 9,
               1);
    });
    expect_fault("gemm_folded a", x, [&](Backend& b, Floats& v) {
        b.gemm_folded(matrix(v.data(), 16, 13), matrix(other.data(), 13, 9), out.data(), 9, 2);
    });
    expect_fault("gemm_folded b", x, [&](Backend& b, Floats& v) {
        b.gemm_folded(matrix(other.data(), 9, 16), matrix(v.data(), 16, 13), out.data(), 13, 2);
    });
    expect_fault("layernorm", x, [&](Backend& b, Floats& v) {
        b.layernorm(v.data(), ones.data(), ones.data(), 16, 13, out.data(), out2.data(),
                    out3.data());
    });
    expect_fault("layernorm_grad", x, [&](Backend& b, Floats& v) {
        b.layernorm_grad(v.data(), ones.data(), other.data(), ones.data(), 16, 13, out.data(),
                         out2.data(), out3.data());
    });
    expect_fault("gelu", x, [&](Backend& b, Floats& v) { b.gelu(v.data(), n, out.data()); });
    expect_fault("gelu_grad dy", x, [&](Backend& b, Floats& v) {
        b.gelu_grad(other.data(), v.data(), n, out.data());
    });
    expect_fault("add", x,
                 [&](Backend& b, Floats& v) { b.add(other.data(), v.data(), n, out.data()); });
    expect_fault("column_sums", x,
                 [&](Backend& b, Floats& v) { b.column_sums(v.data(), 16, 13, out.data()); });
    expect_fault("cross_entropy", x, [&](Backend& b, Floats& v) {
        b.cross_entropy(v.data(), index, 16, 13, out.data(), out2.data());
    });
    expect_fault("scatter", x,
                 [&](Backend& b, Floats& v) { b.scatter(v.data(), index, 16, 13, 4, out.data()); });
    const AttentionShape shape{2, 7, 2, 3};
    expect_fault("attention", noise(14 * 18, 5), [&](Backend& b, Floats& v) {
        b.attention(v.data(), shape, 2, out.data(), out2.data());
    });
    expect_fault("adamw", x, [&](Backend& b, Floats& v) {
        Floats w = other, m(600), s(600);
        b.adamw({{w.data(), v.data(), m.data(), s.data(), n, true}},
                {1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, 1}, out.data());
    });
}

TEST(faults, overflow_and_domain) {
    for (const std::string& name : available_backends()) {
        const auto b = backend(name);
        const Floats big(20, 3e38F);
        Floats out(400), out2(400);
        const auto faults = [&](auto call) {
            b->clear_fault();
            call();
            return b->faulted();
        };
        EXPECT_TRUE(faults([&] { b->sum(big.data(), 2, out.data()); }));
        EXPECT_FALSE(faults([&] { b->sum(big.data(), 1, out.data()); }));
        EXPECT_TRUE(faults([&] { b->add(big.data(), big.data(), 20, out.data()); }));
        EXPECT_TRUE(faults([&] { b->gelu(big.data(), 20, out.data()); }));
        EXPECT_TRUE(faults([&] {
            b->gemm(matrix(big.data(), 4, 5), matrix(big.data(), 5, 4), nullptr, out.data(), 4, 2);
        }));
        // A score above the diagonal overflows: unused, but the product is a fault all the same.
        Floats qkv(2 * 3 * 16, 0.0F);
        qkv[0] = 1e30F;            // query 0
        qkv[3 * 16 + 16] = 1e30F;  // key 1
        const AttentionShape shape{1, 2, 1, 16};
        EXPECT_TRUE(faults([&] { b->attention(qkv.data(), shape, 2, out.data(), out2.data()); }));
        // ... also where its whole tile would have been left out.
        const AttentionShape longer{1, 40, 1, 2};
        Floats wide(40 * 6, 0.0F), p(1600);
        wide[0] = 1e30F;
        wide[39 * 6 + 2] = 1e30F;
        EXPECT_TRUE(faults([&] { b->attention(wide.data(), longer, 2, out.data(), p.data()); }));
    }
}

TEST(products, longer_than_an_accumulator_chunk_are_exact) {
    for (const std::string& name : available_backends()) {
        for (const int64_t k :
             {int64_t{31}, int64_t{32}, int64_t{33}, int64_t{1000}, int64_t{200001}}) {
            for (const int slices : {1, 2, 3}) {
                // Largest magnitudes of one sign: every accumulator at its bound.
                const auto limit = static_cast<float>(slice_limit(slices));
                const Floats a(static_cast<size_t>(k), limit), b(static_cast<size_t>(k), -limit);
                Floats c(1);
                const auto engine = backend(name);
                engine->gemm(matrix(a.data(), 1, k), matrix(b.data(), k, 1), nullptr, c.data(), 1,
                             slices);
                const int64_t q = slice_limit(slices);
                EXPECT_EQ(to_bits(c[0]), to_bits(int_to_f32(-q * q * k)))
                    << name << " k " << k << " slices " << slices;
            }
        }
    }
}

TEST(products, beyond_the_contraction_limit_fault) {
    const auto engine = backend("");
    const int64_t k = kMaxContraction + 1;
    const Floats a(static_cast<size_t>(k), 1.0F);
    float c = 0;
    engine->gemm(matrix(a.data(), 1, k), matrix(a.data(), k, 1), nullptr, &c, 1, 2);
    EXPECT_TRUE(engine->faulted());
}

// Large enough that every loop is split over the pool.
TEST(threads, do_not_change_a_bit) {
    const int64_t rows = 300, width = 192, heads = 4, context = 50;
    const Floats x = noise(rows * width, 1), w = noise(width * 3 * width, 2, 0.05);
    const Floats bias = noise(3 * width, 3);
    const AttentionShape shape{rows / context, context, heads, width / heads};
    std::vector<Floats> expected;
    for (const std::string& name : available_backends()) {
        for (const int threads : {1, 2, 3, 7}) {
            const auto b = backend(name, threads);
            std::vector<Floats> out;
            const auto fresh = [&](int64_t n) {
                return out.emplace_back(static_cast<size_t>(n)).data();
            };
            out.reserve(16);
            float* qkv = fresh(rows * 3 * width);
            b->gemm(matrix(x.data(), rows, width), matrix(w.data(), width, 3 * width), bias.data(),
                    qkv, 3 * width, 2);
            float* y = fresh(rows * width);
            float* p = fresh(shape.batch * heads * context * context);
            b->attention(qkv, shape, 2, y, p);
            b->attention_grad(x.data(), qkv, p, shape, 2, fresh(rows * 3 * width));
            b->gemm(matrix(x.data(), rows, width).transposed(), matrix(qkv, rows, 3 * width),
                    nullptr, fresh(width * 3 * width), 3 * width, 2);
            b->column_sums(qkv, rows, 3 * width, fresh(3 * width));
            b->sum(qkv, rows * 3 * width, fresh(1));
            b->gelu(qkv, rows * 3 * width, fresh(rows * 3 * width));
            Floats value = w, m(w.size()), v(w.size());
            float norm = 0;
            b->adamw({{value.data(), out[4].data(), m.data(), v.data(), width * 3 * width, true}},
                     {1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, 3}, &norm);
            out.push_back(value);
            out.push_back({norm});
            EXPECT_FALSE(b->faulted());
            if (expected.empty()) expected = out;
            ASSERT_EQ(out.size(), expected.size());
            for (size_t i = 0; i < out.size(); ++i)
                EXPECT_TRUE(same_bits(out[i], expected[i]))
                    << name << " " << threads << " threads, output " << i;
        }
    }
}

TEST(attention, earlier_outputs_do_not_depend_on_later_tokens) {
    const AttentionShape shape{1, 37, 2, 8};
    Floats qkv = noise(37 * 48, 8);
    for (const std::string& name : available_backends()) {
        const auto b = backend(name);
        Floats first(37 * 16), second(37 * 16), p(2 * 37 * 37);
        b->attention(qkv.data(), shape, 2, first.data(), p.data());
        Floats changed = qkv;
        for (size_t i = 20 * 48; i < changed.size(); ++i) changed[i] *= 1000.0F;
        b->attention(changed.data(), shape, 2, second.data(), p.data());
        first.resize(20 * 16);
        const Floats later(second.begin() + 20 * 16, second.end());
        second.resize(20 * 16);
        EXPECT_TRUE(same_bits(first, second)) << name;
        // and a prefix alone gives the same
        const AttentionShape prefix{1, 20, 2, 8};
        Floats alone(20 * 16);
        b->attention(qkv.data(), prefix, 2, alone.data(), p.data());
        EXPECT_TRUE(same_bits(first, alone)) << name;
    }
}

}  // namespace
}  // namespace assay::compute
