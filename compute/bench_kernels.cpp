#include "compute/bench_kernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>

#include "compute/arithmetic/philox.h"
#include "compute/arithmetic/rotary.h"
#include "compute/checkpoint/artifact.h"

namespace assay::compute {
namespace {

// The tensors of one operation, where a backend computes; the same values on every backend.
// Releases what it took from the backend, which must outlive it.
class Desk {
public:
    explicit Desk(Backend& backend) : backend_(backend) {}
    ~Desk() {
        for (const Buffer& each : buffers_) backend_.release(each.device);
    }
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    Backend& backend() { return backend_; }
    const float* in(int64_t n) { return place(random(n), false); }
    const float* in(const std::vector<float>& values) { return place(bits_of(values), false); }
    const int32_t* indices(int64_t n, int64_t limit) {
        Words words(static_cast<size_t>(n));
        for (size_t i = 0; i < words.size(); ++i)
            words[i] = static_cast<uint32_t>(below(static_cast<uint64_t>(limit), 1,
                                                   static_cast<uint32_t>(i),
                                                   static_cast<uint32_t>(buffers_.size())));
        return reinterpret_cast<const int32_t*>(place(std::move(words), false));
    }
    float* out(int64_t n) { return place(Words(static_cast<size_t>(n)), true); }
    float* both(int64_t n) {
        words_ += n;
        return place(random(n), true);
    }
    float* magnitudes(int64_t n) {  // in and out, none negative
        Words words = random(n);
        for (uint32_t& word : words) word &= 0x7FFFFFFFU;
        words_ += n;
        return place(std::move(words), true);
    }
    Hash256* hashes(size_t n) {
        hashes_.resize(n);
        return hashes_.data();
    }

    // Words read and written by the operation.
    uint64_t bytes() const { return static_cast<uint64_t>(words_) * sizeof(uint32_t); }
    // Bits of all outputs.
    std::vector<uint32_t> results() {
        std::vector<uint32_t> all;
        for (Buffer& each : buffers_) {
            if (!each.output) continue;
            if (each.device != nullptr)
                backend_.download(each.host.data(), each.device,
                                  each.host.size() * sizeof(uint32_t));
            all.insert(all.end(), each.host.begin(), each.host.end());
        }
        for (const Hash256& hash : hashes_) {
            uint32_t words[8];
            std::memcpy(words, hash.bytes.data(), sizeof words);
            all.insert(all.end(), words, words + 8);
        }
        return all;
    }

private:
    using Words = std::vector<uint32_t>;
    struct Buffer {
        Words host;
        void* device;
        bool output;
    };
    static Words bits_of(const std::vector<float>& values) {
        Words words;
        words.reserve(values.size());
        for (const float value : values) words.push_back(to_bits(value));
        return words;
    }
    Words random(int64_t n) {
        std::vector<float> values(static_cast<size_t>(n));
        normalish(values, 1.0, 1, static_cast<uint32_t>(buffers_.size()));
        return bits_of(values);
    }
    float* place(Words words, bool output) {
        const size_t bytes = words.size() * sizeof(uint32_t);
        words_ += std::ssize(words);
        void* device = backend_.in_host_memory() ? nullptr : backend_.allocate(bytes);
        if (device != nullptr) backend_.upload(device, words.data(), bytes);
        Buffer& made = buffers_.emplace_back(Buffer{std::move(words), device, output});
        return static_cast<float*>(device != nullptr ? device : made.host.data());
    }

    Backend& backend_;
    std::vector<Buffer> buffers_;  // a vector's data stays where it is when it moves
    std::vector<Hash256> hashes_;
    int64_t words_ = 0;
};

using Call = std::function<void(Backend&)>;

struct Kernel {
    const char* name;
    int64_t macs;  // 0: counted in bytes
    std::function<Call(Desk&)> prepare;
};

constexpr int64_t kRows = 1024, kWidth = 768, kWide = 3072, kClasses = 50'257;
constexpr AttentionShape kHeads = {4, 256, 12, 64};
constexpr PatchShape kImages = {32, 28, 28, 16, 3, 3, 1, 1};

Kernel product(const char* name, int slices, bool folded) {
    return {name, kBenchSize * kBenchSize * kBenchSize, [=](Desk& d) -> Call {
                constexpr int64_t kAll = kBenchSize * kBenchSize;
                const MatrixView a = matrix(d.in(kAll), kBenchSize, kBenchSize);
                const MatrixView b = matrix(d.in(kAll), kBenchSize, kBenchSize);
                float* c = d.out(kAll);
                if (folded)
                    return [=](Backend& on) { on.gemm_folded(a, b, c, kBenchSize, slices); };
                return [=](Backend& on) { on.gemm(a, b, nullptr, c, kBenchSize, slices); };
            }};
}

std::vector<Kernel> products() {
    constexpr int64_t kOne =
        kHeads.batch * kHeads.heads * kHeads.context * kHeads.context * kHeads.head_dim;
    constexpr int64_t kQkv = 3 * kRows * kWidth;
    constexpr int64_t kSquares = kHeads.batch * kHeads.heads * kHeads.context * kHeads.context;
    return {product("gemm, 1 slice", 1, false),
            product("gemm, 2 slices", 2, false),
            product("gemm, 3 slices", 3, false),
            product("gemm_folded", 2, true),
            {"attention", 2 * kOne,
             [](Desk& d) -> Call {
                 return [qkv = d.in(kQkv), out = d.out(kRows * kWidth), p = d.out(kSquares)](
                            Backend& on) { on.attention(qkv, kHeads, 2, out, p); };
             }},
            {"attention_grad", 4 * kOne, [](Desk& d) -> Call {
                 const float* qkv = d.in(kQkv);
                 float *dqkv = d.out(kQkv), *p = d.out(kSquares);
                 d.backend().attention(qkv, kHeads, 2, dqkv, p);  // the gradient writes over dqkv
                 return [=, dout = d.in(kRows * kWidth)](Backend& on) {
                     on.attention_grad(dout, qkv, p, kHeads, 2, dqkv);
                 };
             }}};
}

std::vector<Kernel> normalisations() {
    constexpr int64_t kAll = kRows * kWidth;
    return {{"layernorm", 0,
             [](Desk& d) -> Call {
                 return [x = d.in(kAll), g = d.in(kWidth), b = d.in(kWidth), y = d.out(kAll),
                         hat = d.out(kAll), r = d.out(kRows)](Backend& on) {
                     on.layernorm(x, g, b, kRows, kWidth, y, hat, r);
                 };
             }},
            {"layernorm_grad", 0,
             [](Desk& d) -> Call {
                 return [dy = d.in(kAll), g = d.in(kWidth), hat = d.in(kAll), r = d.in(kRows),
                         dx = d.out(kAll), dg = d.out(kWidth), db = d.out(kWidth)](Backend& on) {
                     on.layernorm_grad(dy, g, hat, r, kRows, kWidth, dx, dg, db);
                 };
             }},
            {"rmsnorm", 0,
             [](Desk& d) -> Call {
                 return [x = d.in(kAll), g = d.in(kWidth), y = d.out(kAll), hat = d.out(kAll),
                         r = d.out(kRows)](Backend& on) {
                     on.rmsnorm(x, g, 1e-5F, kRows, kWidth, y, hat, r);
                 };
             }},
            {"rmsnorm_grad", 0, [](Desk& d) -> Call {
                 return [dy = d.in(kAll), g = d.in(kWidth), hat = d.in(kAll), r = d.in(kRows),
                         dx = d.out(kAll), dg = d.out(kWidth)](Backend& on) {
                     on.rmsnorm_grad(dy, g, hat, r, kRows, kWidth, dx, dg);
                 };
             }}};
}

std::vector<Kernel> elementwise() {
    constexpr int64_t kAll = kRows * kWide, kQkv = 3 * kRows * kWidth, kOne = kRows * kWidth;
    const auto table = [] { return rotary_table(kHeads.context, kHeads.head_dim, 10'000.0); };
    return {{"add", 0,
             [](Desk& d) -> Call {
                 return [a = d.in(kAll), b = d.in(kAll), c = d.out(kAll)](Backend& on) {
                     on.add(a, b, kAll, c);
                 };
             }},
            {"gelu", 0,
             [](Desk& d) -> Call {
                 return [x = d.in(kAll), y = d.out(kAll)](Backend& on) { on.gelu(x, kAll, y); };
             }},
            {"gelu_grad", 0,
             [](Desk& d) -> Call {
                 return [x = d.in(kAll), dy = d.in(kAll), dx = d.out(kAll)](Backend& on) {
                     on.gelu_grad(x, dy, kAll, dx);
                 };
             }},
            {"swiglu", 0,
             [](Desk& d) -> Call {
                 return [g = d.in(kAll), u = d.in(kAll), h = d.out(kAll)](Backend& on) {
                     on.swiglu(g, u, kAll, h);
                 };
             }},
            {"swiglu_grad", 0,
             [](Desk& d) -> Call {
                 return [g = d.in(kAll), u = d.in(kAll), dh = d.in(kAll), dg = d.out(kAll),
                         du = d.out(kAll)](Backend& on) { on.swiglu_grad(g, u, dh, kAll, dg, du); };
             }},
            {"rotary", 0,
             [table](Desk& d) -> Call {
                 return [q = d.in(kOne), k = d.in(kOne), v = d.in(kOne), t = d.in(table()),
                         qkv = d.out(kQkv)](Backend& on) {
                     on.rotary(q, k, v, t, kHeads, kHeads.heads, qkv);
                 };
             }},
            {"rotary_grad", 0, [table](Desk& d) -> Call {
                 return [dqkv = d.in(kQkv), t = d.in(table()), q = d.out(kOne), k = d.out(kOne),
                         v = d.out(kOne)](Backend& on) {
                     on.rotary_grad(dqkv, t, kHeads, kHeads.heads, q, k, v);
                 };
             }}};
}

std::vector<Kernel> sums() {
    constexpr int64_t kAll = kRows * kWide, kOne = kRows * kWidth;
    return {{"sum", 0,
             [](Desk& d) -> Call {
                 return [x = d.in(kAll), y = d.out(1)](Backend& on) { on.sum(x, kAll, y); };
             }},
            {"column_sums", 0,
             [](Desk& d) -> Call {
                 return [x = d.in(kAll), y = d.out(kWide)](Backend& on) {
                     on.column_sums(x, kRows, kWide, y);
                 };
             }},
            {"embedding", 0,
             [](Desk& d) -> Call {
                 return [wte = d.in(kRows * kWidth), wpe = d.in(kRows * kWidth),
                         at = d.indices(kRows, kRows), out = d.out(kOne)](Backend& on) {
                     on.embedding(wte, wpe, at, kRows, kRows, kWidth, out);
                 };
             }},
            {"scatter", 0,
             [](Desk& d) -> Call {
                 return [x = d.in(kOne), at = d.indices(kRows, kRows), out = d.out(kOne)](
                            Backend& on) { on.scatter(x, at, kRows, kWidth, kRows, out); };
             }},
            {"cross_entropy", 0, [](Desk& d) -> Call {
                 constexpr int64_t kSome = 64;
                 return [x = d.in(kSome * kClasses), at = d.indices(kSome, kClasses),
                         loss = d.out(1), dx = d.out(kSome * kClasses)](Backend& on) {
                     on.cross_entropy(x, at, kSome, kClasses, loss, dx);
                 };
             }}};
}

int64_t image_values() {
    return kImages.pixels() * kImages.channels;
}
int64_t patch_values() {
    return kImages.out_rows() * kImages.out_cols();
}

std::vector<Kernel> others() {
    constexpr int64_t kWeights = int64_t{4} << 20;
    return {
        {"patches", 0,
         [](Desk& d) -> Call {
             return [x = d.in(image_values()), y = d.out(patch_values())](Backend& on) {
                 on.patches(x, kImages, y);
             };
         }},
        {"patches_grad", 0,
         [](Desk& d) -> Call {
             return [dy = d.in(patch_values()), dx = d.out(image_values())](Backend& on) {
                 on.patches_grad(dy, kImages, dx);
             };
         }},
        {"adamw", 0,
         [](Desk& d) -> Call {
             const ParameterSlot slot = {d.both(kWeights),       d.in(kWeights), d.both(kWeights),
                                         d.magnitudes(kWeights), kWeights,       true};
             return [slot, norm = d.out(1)](Backend& on) {
                 on.adamw({slot}, {1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, 10}, norm);
             };
         }},
        {"chunk_leaves", 0, [](Desk& d) -> Call {
             constexpr size_t kBytes = size_t{64} << 20;
             const float* state = d.in(static_cast<int64_t>(kBytes / sizeof(float)));
             Hash256* leaves = d.hashes(kBytes / kChunkBytes);
             return [=](Backend& on) { on.chunk_leaves({{state, kBytes}}, kChunkBytes, leaves); };
         }}};
}

// Runs once; the bits of the outputs, or none after a fault or failure.
std::vector<uint32_t> bits_of(Desk& desk, const Call& call) {
    Backend& backend = desk.backend();
    backend.clear_fault();
    call(backend);
    const bool faulted = backend.faulted();
    std::vector<uint32_t> found = desk.results();
    if (faulted || !backend.failure().empty()) found.clear();
    return found;
}

KernelRate rate(const Kernel& kernel, Backend& backend, const std::vector<uint32_t>& expected,
                uint64_t budget_ms) {
    using Clock = std::chrono::steady_clock;
    Desk desk(backend);
    const Call call = kernel.prepare(desk);
    const std::vector<uint32_t> found = bits_of(desk, call);
    KernelRate out{std::string(backend.name()), 0, !found.empty() && found == expected};
    if (found.empty()) return out;
    double best = 1e9;
    const auto start = Clock::now();
    do {
        const auto run = Clock::now();
        call(backend);
        (void)backend.faulted();  // waits for a device
        best = std::min(best, std::chrono::duration<double>(Clock::now() - run).count());
    } while (Clock::now() - start < std::chrono::milliseconds(budget_ms));
    const uint64_t work = kernel.macs != 0 ? static_cast<uint64_t>(kernel.macs) : desk.bytes();
    out.per_second = static_cast<uint64_t>(static_cast<double>(work) / best);
    return out;
}

}  // namespace

Result<std::vector<KernelBench>> bench_kernels(const BenchOptions& options) {
    const auto names =
        options.backend.empty() ? available_backends() : std::vector<std::string>{options.backend};
    std::vector<std::unique_ptr<Backend>> backends;
    for (const std::string& name : names) {
        ASSAY_ASSIGN(backends.emplace_back(), make_backend({name, options.threads}));
    }
    ASSAY_ASSIGN(const auto portable, make_backend({"portable", options.threads}));
    std::vector<KernelBench> all;
    for (const auto& group : {products(), normalisations(), elementwise(), sums(), others()}) {
        for (const Kernel& kernel : group) {
            Desk desk(*portable);
            const std::vector<uint32_t> expected = bits_of(desk, kernel.prepare(desk));
            KernelBench& bench = all.emplace_back();
            bench.kernel = kernel.name;
            bench.products = kernel.macs != 0;
            for (const auto& backend : backends)
                bench.rates.push_back(rate(kernel, *backend, expected, options.budget_ms));
        }
    }
    return all;
}

bool all_equal(const std::vector<KernelBench>& kernels) {
    return std::ranges::all_of(kernels, [](const KernelBench& each) {
        return std::ranges::all_of(each.rates, &KernelRate::equal);
    });
}

std::string kernels_text(const std::vector<KernelBench>& kernels) {
    char text[96];
    std::string out = "kernel          a second";
    for (const KernelRate& each : kernels.at(0).rates) {
        std::snprintf(text, sizeof text, "%14s", each.backend.c_str());
        out += text;
    }
    for (const KernelBench& kernel : kernels) {
        std::snprintf(text, sizeof text, "\n%-16s%-8s", kernel.kernel.c_str(),
                      kernel.products ? "G MAC" : "GB");
        out += text;
        for (const KernelRate& each : kernel.rates) {
            std::snprintf(text, sizeof text, "%13.2f%c", static_cast<double>(each.per_second) / 1e9,
                          each.equal ? ' ' : '!');
            out += text;
        }
    }
    return out + (all_equal(kernels) ? "\nevery result has the bits of portable\n"
                                     : "\n! differs from portable\n");
}

}  // namespace assay::compute
