// What reduces over rows, with the rows on several GPUs in plain loops: the bits of one portable
// backend that has them all. And joins that are wrong, which this must notice.
#include <algorithm>
#include <functional>
#include <random>
#include <thread>

#include "compute/arithmetic/philox.h"
#include "compute/program/join.h"
#include "tests/compute/plain_gpu.h"
#include "tests/support/test.h"

namespace assay::compute {
namespace {

using Floats = std::vector<float>;

// Rows of a batch, as gradients and activations of a layer.
struct Batch {
    int64_t rows, cols, inputs;
    Floats dy, xhat;  // rows x cols
    Floats rstd;      // rows
    Floats gain;      // cols
    Floats x;         // rows x inputs
    std::vector<int32_t> index;
};
constexpr int64_t kClasses = 5;  // of scatter, and targets below the columns

Batch make_batch(int64_t rows, int64_t cols, int64_t inputs, uint64_t seed) {
    Batch b{rows, cols, inputs, {}, {}, {}, {}, {}, {}};
    const auto fill = [&](Floats& to, int64_t n, uint32_t id) {
        to.resize(static_cast<size_t>(n));
        normalish(to, 1.0, seed, id);
    };
    fill(b.dy, rows * cols, 0);
    fill(b.xhat, rows * cols, 1);
    fill(b.rstd, rows, 2);
    fill(b.gain, cols, 3);
    fill(b.x, rows * inputs, 4);
    for (int64_t r = 0; r < rows; ++r)
        b.index.push_back(static_cast<int32_t>(below(kClasses, seed, 9, static_cast<uint32_t>(r))));
    // Columns of zeros, of values below the threshold of sums and of products, and with their
    // largest in one row alone.
    const auto column = [&](Floats& of, int64_t width, int64_t c, auto value) {
        for (int64_t r = 0; r < rows; ++r) {
            float& at = of[static_cast<size_t>(r * width + c)];
            at = value(r, at);
        }
    };
    for (Floats* each : {&b.dy, &b.x}) {
        const int64_t width = each == &b.dy ? cols : inputs;
        column(*each, width, 0, [](int64_t, float) { return 0.0F; });
        column(*each, width, 1 % width, [](int64_t, float v) { return v * pow2(-95); });
        column(*each, width, 2 % width, [](int64_t, float v) { return v * pow2(-62); });
        const auto one = static_cast<int64_t>(seed) % rows;
        column(*each, width, width - 1,
               [&](int64_t r, float v) { return r == one ? 5e6F : v * 1e-3F; });
    }
    return b;
}

struct Found {
    Floats whole;                // the same on every device
    std::vector<Floats> by_row;  // of an operation each: a device's rows
};

// Every operation that reduces over rows, on the rows [begin, begin + rows).
Found reduced(Backend& backend, const Batch& b, int64_t begin, int64_t rows) {
    const auto from = [&](const Floats& of, int64_t width) { return of.data() + begin * width; };
    const float *dy = from(b.dy, b.cols), *xhat = from(b.xhat, b.cols), *x = from(b.x, b.inputs);
    const int32_t* index = b.index.data() + begin;
    const auto width = static_cast<size_t>(b.cols);
    Found found;
    const auto keep = [&](const Floats& values) {
        found.whole.insert(found.whole.end(), values.begin(), values.end());
    };
    Floats sums(width), gains(width), biases(width), dx(static_cast<size_t>(rows) * width), one(1);
    backend.column_sums(dy, rows, b.cols, sums.data());
    keep(sums);
    backend.layernorm_grad(dy, b.gain.data(), xhat, b.rstd.data() + begin, rows, b.cols, dx.data(),
                           gains.data(), biases.data());
    keep(gains);
    keep(biases);
    found.by_row.push_back(dx);
    backend.rmsnorm_grad(dy, b.gain.data(), xhat, b.rstd.data() + begin, rows, b.cols, dx.data(),
                         gains.data());
    keep(gains);
    found.by_row.push_back(dx);
    for (const int slices : {1, 2, 3}) {
        Floats dw(static_cast<size_t>(b.inputs) * width);
        backend.gemm(matrix(x, rows, b.inputs).transposed(), matrix(dy, rows, b.cols), nullptr,
                     dw.data(), b.cols, slices);
        keep(dw);
    }
    Floats table(kClasses * width);
    backend.scatter(dy, index, rows, b.cols, kClasses, table.data());
    keep(table);
    // Logits of moderate size: exp is a fault above 88.
    backend.cross_entropy(xhat, index, rows, b.cols, one.data(), dx.data());
    keep(one);
    found.by_row.push_back(dx);
    backend.sum(dy, rows * b.cols, one.data());
    keep(one);
    return found;
}

bool same_bits(const Floats& a, const Floats& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](float x, float y) { return to_bits(x) == to_bits(y); });
}
bool same(const Found& a, const Found& b) {
    return same_bits(a.whole, b.whole) && std::equal(a.by_row.begin(), a.by_row.end(),
                                                     b.by_row.begin(), b.by_row.end(), same_bits);
}

using Cut = std::vector<int64_t>;  // rows of each device
Cut random_cut(int64_t rows, int64_t devices, std::mt19937& random) {
    Cut cut(static_cast<size_t>(devices), 1);
    for (int64_t left = rows - devices; left > 0; --left)
        ++cut[random() % static_cast<size_t>(devices)];
    return cut;
}

// A join that forgets something.
class Wrong final : public RowJoin {
public:
    enum class Way { kNone, kOwnMax, kOwnSum, kOwnRows };
    Wrong(RowJoin& right, Way way) : right_(right), way_(way) {}
    int64_t whole(int64_t rows) const override {
        return way_ == Way::kOwnRows ? rows : right_.whole(rows);
    }
    bool max(std::span<uint32_t> values, bool usable) override {
        std::vector<uint32_t> own(values.begin(), values.end());
        return right_.max(way_ == Way::kOwnMax ? std::span(own) : values, usable);
    }
    bool add(std::span<int64_t> values, bool usable) override {
        std::vector<int64_t> own(values.begin(), values.end());
        return right_.add(way_ == Way::kOwnSum ? std::span(own) : values, usable);
    }

private:
    RowJoin& right_;
    const Way way_;
};

using Work = std::function<void(Backend& backend, size_t device, int64_t begin, int64_t rows)>;

// Each device's part in a thread of its own; whether each had a fault.
std::vector<bool> on_devices(const Cut& cut, Wrong::Way way, const Work& work) {
    Joiner joiner(cut);
    std::vector<std::unique_ptr<Backend>> backends;
    std::vector<Wrong> joins;
    for (size_t d = 0; d < cut.size(); ++d) {
        backends.push_back(make_plain_gpu());
        joins.emplace_back(joiner.member(d), way);
    }
    {
        std::vector<std::jthread> threads;
        int64_t begin = 0;
        for (size_t d = 0; d < cut.size(); ++d) {
            threads.emplace_back([&, d, begin] {
                EXPECT_TRUE(backends[d]->join_rows(&joins[d]));
                work(*backends[d], d, begin, cut[d]);
            });
            begin += cut[d];
        }
    }
    std::vector<bool> faulted;
    faulted.reserve(backends.size());
    for (const auto& each : backends) faulted.push_back(each->faulted());
    return faulted;
}

// What all devices found, as one; empty where the whole results are not the same on all.
Found joined(const Batch& batch, const Cut& cut, Wrong::Way way) {
    std::vector<Found> parts(cut.size());
    const auto faulted =
        on_devices(cut, way, [&](Backend& backend, size_t d, int64_t begin, int64_t rows) {
            parts[d] = reduced(backend, batch, begin, rows);
        });
    EXPECT_EQ(std::count(faulted.begin(), faulted.end(), true), 0);
    Found all = parts[0];
    for (size_t d = 1; d < parts.size(); ++d) {
        if (!same_bits(parts[d].whole, all.whole)) return {};
        for (size_t i = 0; i < all.by_row.size(); ++i)
            all.by_row[i].insert(all.by_row[i].end(), parts[d].by_row[i].begin(),
                                 parts[d].by_row[i].end());
    }
    return all;
}

TEST(SplitOperations, HaveTheBitsOfOneDeviceHoweverRowsAreCut) {
    std::mt19937 random(17);
    for (uint64_t seed = 1; seed <= 12; ++seed) {
        const auto rows = static_cast<int64_t>(5 + random() % (seed % 4 == 0 ? 600 : 60));
        const auto cols = static_cast<int64_t>(5 + random() % 70);
        const auto inputs = static_cast<int64_t>(4 + random() % 40);
        const Batch batch = make_batch(rows, cols, inputs, seed);
        const Found expected = reduced(**make_backend({"portable", 1}), batch, 0, rows);
        for (int64_t devices = 1; devices <= 4; ++devices) {
            const Cut cut = random_cut(rows, devices, random);
            EXPECT_TRUE(same(joined(batch, cut, Wrong::Way::kNone), expected))
                << "seed " << seed << ", " << devices << " devices";
        }
    }
}

TEST(SplitOperations, AJoinThatForgetsSomethingIsNoticed) {
    const Batch batch = make_batch(50, 20, 10, 3);
    const Found expected = reduced(**make_backend({"portable", 1}), batch, 0, 50);
    for (const auto way : {Wrong::Way::kOwnMax, Wrong::Way::kOwnSum, Wrong::Way::kOwnRows})
        EXPECT_FALSE(same(joined(batch, {20, 30}, way), expected)) << static_cast<int>(way);
}

// A contraction of several ranges of int32 sums on one device, and of one range on the other.
TEST(SplitOperations, LongContractionsAreExact) {
    constexpr int64_t kRows = 70'001, kWidth = 3;
    Floats a(kRows * kWidth), b(kRows * kWidth), expected(kWidth * kWidth);
    normalish(a, 1.0, 5, 0);
    normalish(b, 1.0, 5, 1);
    for (const int slices : {1, 2, 3}) {
        const auto product = [&](Backend& backend, int64_t begin, int64_t rows, Floats& out) {
            out.resize(kWidth * kWidth);
            backend.gemm(matrix(a.data() + begin * kWidth, rows, kWidth).transposed(),
                         matrix(b.data() + begin * kWidth, rows, kWidth), nullptr, out.data(),
                         kWidth, slices);
        };
        product(**make_backend({"portable", 1}), 0, kRows, expected);
        Floats found[2];
        on_devices({kRows - 900, 900}, Wrong::Way::kNone,
                   [&](Backend& backend, size_t d, int64_t begin, int64_t rows) {
                       product(backend, begin, rows, found[d]);
                   });
        EXPECT_TRUE(same_bits(found[0], expected)) << slices;
        EXPECT_TRUE(same_bits(found[1], expected)) << slices;
    }
}

TEST(SplitOperations, AContractionThatIsTooLongInAllIsAFaultOfAll) {
    constexpr int64_t kHalf = kMaxContraction / 2;
    const Floats ones(kHalf + 1, 1.0F);
    for (const int64_t more : {0, 1}) {
        const auto faulted =
            on_devices({kHalf, kHalf + more}, Wrong::Way::kNone,
                       [&](Backend& backend, size_t, int64_t, int64_t rows) {
                           float out = 0;
                           backend.gemm(matrix(ones.data(), rows, 1).transposed(),
                                        matrix(ones.data(), rows, 1), nullptr, &out, 1, 1);
                           EXPECT_TRUE(more != 0 || out == static_cast<float>(kMaxContraction));
                       });
        EXPECT_EQ(faulted, std::vector<bool>(2, more != 0));
    }
}

TEST(SplitOperations, AFaultOfOneIsAFaultOfAll) {
    for (const int64_t row : {0, 11, 29}) {
        Batch batch = make_batch(30, 9, 4, 8);
        batch.dy[static_cast<size_t>(row * 9 + 4)] = from_bits(0x7FC00000);
        const auto faulted = on_devices({10, 10, 10}, Wrong::Way::kNone,
                                        [&](Backend& backend, size_t, int64_t begin, int64_t rows) {
                                            reduced(backend, batch, begin, rows);
                                        });
        EXPECT_EQ(faulted, std::vector<bool>(3, true)) << row;
    }
}

TEST(Joiner, ReducesForAllAndRefusesWhatOneCannotUse) {
    constexpr size_t kMembers = 3;
    Joiner joiner({2, 1, 1});
    EXPECT_EQ(joiner.member(0).whole(10), 20);
    EXPECT_EQ(joiner.member(2).whole(5), 20);
    std::vector<std::vector<int64_t>> sums(kMembers);
    std::vector<std::vector<uint32_t>> tops(kMembers);
    std::vector<int> refused(kMembers), uneven(kMembers);
    std::vector<std::jthread> threads;
    for (size_t d = 0; d < kMembers; ++d) {
        threads.emplace_back([&, d] {
            RowJoin& join = joiner.member(d);
            for (int64_t i = 0; i < 5; ++i)
                sums[d].push_back((i - 2) * (int64_t{1} << (40 + 10 * d)));
            for (uint32_t i = 0; i < 7; ++i) tops[d].push_back((i + static_cast<uint32_t>(d)) % 3);
            EXPECT_TRUE(join.add(sums[d], true));
            EXPECT_TRUE(join.max(tops[d], true));
            std::vector<uint32_t> own(3, static_cast<uint32_t>(d));
            refused[d] = join.max(own, d != 1) ? 0 : 1;
            EXPECT_EQ(own, std::vector<uint32_t>(3, static_cast<uint32_t>(d)));
            own.resize(d == 1 ? 4 : 3);
            uneven[d] = join.max(own, true) ? 0 : 1;
        });
    }
    threads.clear();
    EXPECT_EQ(refused, std::vector<int>(kMembers, 1));
    EXPECT_EQ(uneven, std::vector<int>(kMembers, 1));
    const int64_t unit = (int64_t{1} << 40) + (int64_t{1} << 50) + (int64_t{1} << 60);
    for (size_t d = 0; d < kMembers; ++d) {
        EXPECT_EQ(sums[d], (std::vector<int64_t>{-2 * unit, -unit, 0, unit, 2 * unit}));
        EXPECT_EQ(tops[d], std::vector<uint32_t>(7, 2));
    }
}

}  // namespace
}  // namespace assay::compute
