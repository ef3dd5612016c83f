#include "compute/self_test.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "compute/arithmetic/philox.h"
#include "compute/arithmetic/trees.h"

namespace assay::compute {
namespace {

using Value = json::Value;

std::string hex(uint64_t bits) {
    std::ostringstream out;
    out << "0x" << std::hex << bits;
    return out.str();
}

// Shorthand of this file: the array under a key.
Result<FloatArray> floats(const Value& object, std::string_view key) {
    ASSAY_ASSIGN(const Value* found, member(object, key));
    return read_floats(*found);
}
Result<int64_t> integer(const Value& object, std::string_view key) {
    ASSAY_ASSIGN(const Value* found, member(object, key));
    return found->as_i64();
}
Result<std::vector<uint64_t>> words(const Value& object, std::string_view key) {
    ASSAY_ASSIGN(const Value* found, member(object, key));
    std::vector<uint64_t> out;
    for (const Value& item : found->items) {
        ASSAY_ASSIGN(out.emplace_back(), item.as_u64());
    }
    return out;
}

// A backend fault is a failed case: every vector is inside the domain.
void compare_op(Backend& backend, VectorReport& report, const std::string& label,
                std::span<const float> found, std::span<const float> expected) {
    if (backend.faulted()) {
        report.fail_case(label, "the backend reported a fault");
        backend.clear_fault();
        return;
    }
    report.compare(label, found, expected);
}

Status check_sums(const Value& cases, Backend& backend, VectorReport& report) {
    for (size_t i = 0; i < cases.items.size(); ++i) {
        ASSAY_ASSIGN(const FloatArray x, floats(cases.items[i], "x"));
        ASSAY_ASSIGN(const FloatArray expected, floats(cases.items[i], "sum"));
        float sum = 0;
        backend.sum(x.data.data(), static_cast<int64_t>(x.data.size()), &sum);
        compare_op(backend, report, "sum[" + std::to_string(i) + "]", {&sum, 1}, expected.data);
    }
    return {};
}

Status check_products(const Value& cases, Backend& backend, VectorReport& report, bool folded) {
    for (size_t i = 0; i < cases.items.size(); ++i) {
        const Value& item = cases.items[i];
        ASSAY_ASSIGN(const FloatArray a, floats(item, "a"));
        ASSAY_ASSIGN(const FloatArray b, floats(item, "b"));
        ASSAY_ASSIGN(const FloatArray c, floats(item, "c"));
        ASSAY_ASSIGN(const int64_t slices, integer(item, "slices"));
        if (a.cols() != b.rows() || a.rows() * b.cols() != static_cast<int64_t>(c.data.size()) ||
            slices < 1 || slices > 3)
            return fail(Code::kCorrupt, "case " + std::to_string(i) + ": shapes do not multiply");
        std::vector<float> out(c.data.size());
        const MatrixView left = matrix(a.data.data(), a.rows(), a.cols());
        const MatrixView right = matrix(b.data.data(), b.rows(), b.cols());
        if (folded) {
            backend.gemm_folded(left, right, out.data(), b.cols(), static_cast<int>(slices));
        } else {
            backend.gemm(left, right, nullptr, out.data(), b.cols(), static_cast<int>(slices));
        }
        compare_op(backend, report,
                   "case " + std::to_string(i) + " (slices " + std::to_string(slices) + ", " +
                       std::to_string(a.rows()) + "x" + std::to_string(a.cols()) + "x" +
                       std::to_string(b.cols()) + ")",
                   out, c.data);
    }
    return {};
}

Status check_functions(const Value& root, Backend& backend, VectorReport& report) {
    using Scalar = float (*)(float, bool&);
    const struct {
        const char* name;
        Scalar function;
    } scalars[] = {
        {"exp", exp32}, {"log", log32}, {"tanh", tanh32}, {"sigmoid", sigmoid32}, {"gelu", gelu32}};
    for (const auto& [name, function] : scalars) {
        ASSAY_ASSIGN(const Value* item, member(root, name));
        ASSAY_ASSIGN(const FloatArray x, floats(*item, "x"));
        ASSAY_ASSIGN(const FloatArray y, floats(*item, "y"));
        std::vector<float> out(x.data.size());
        bool fault = false;
        for (size_t i = 0; i < out.size(); ++i) out[i] = function(x.data[i], fault);
        if (fault) report.fail_case(name, "a fault inside the domain");
        report.compare(name, out, y.data);
        if (std::string_view(name) != "gelu") continue;
        backend.gelu(x.data.data(), static_cast<int64_t>(out.size()), out.data());
        compare_op(backend, report, "gelu of the backend", out, y.data);
    }
    ASSAY_ASSIGN(const Value* item, member(root, "gelu_grad"));
    ASSAY_ASSIGN(const FloatArray x, floats(*item, "x"));
    ASSAY_ASSIGN(const FloatArray dy, floats(*item, "dy"));
    ASSAY_ASSIGN(const FloatArray dx, floats(*item, "dx"));
    if (dy.data.size() != x.data.size()) return fail(Code::kCorrupt, "gelu_grad: sizes differ");
    std::vector<float> out(x.data.size());
    backend.gelu_grad(x.data.data(), dy.data.data(), static_cast<int64_t>(out.size()), out.data());
    compare_op(backend, report, "gelu_grad", out, dx.data);
    return {};
}

Status check_layernorm(const Value& item, Backend& backend, VectorReport& report) {
    ASSAY_ASSIGN(const FloatArray x, floats(item, "x"));
    ASSAY_ASSIGN(const FloatArray g, floats(item, "g"));
    ASSAY_ASSIGN(const FloatArray b, floats(item, "b"));
    ASSAY_ASSIGN(const FloatArray dy, floats(item, "dy"));
    ASSAY_ASSIGN(const FloatArray y, floats(item, "y"));
    ASSAY_ASSIGN(const FloatArray dx, floats(item, "dx"));
    ASSAY_ASSIGN(const FloatArray dg, floats(item, "dg"));
    ASSAY_ASSIGN(const FloatArray db, floats(item, "db"));
    const size_t n = x.data.size(), width = static_cast<size_t>(x.cols());
    if (g.data.size() != width || b.data.size() != width || dy.data.size() != n)
        return fail(Code::kCorrupt, "layernorm: sizes differ");
    std::vector<float> out(n), hat(n), rstd(static_cast<size_t>(x.rows())), gain(width),
        bias(width);
    backend.layernorm(x.data.data(), g.data.data(), b.data.data(), x.rows(), x.cols(), out.data(),
                      hat.data(), rstd.data());
    compare_op(backend, report, "layernorm y", out, y.data);
    backend.layernorm_grad(dy.data.data(), g.data.data(), hat.data(), rstd.data(), x.rows(),
                           x.cols(), out.data(), gain.data(), bias.data());
    compare_op(backend, report, "layernorm dx", out, dx.data);
    report.compare("layernorm dg", gain, dg.data);
    report.compare("layernorm db", bias, db.data);
    return {};
}

Status check_cross_entropy(const Value& item, Backend& backend, VectorReport& report) {
    ASSAY_ASSIGN(const FloatArray logits, floats(item, "logits"));
    ASSAY_ASSIGN(const Value* targets, member(item, "target"));
    ASSAY_ASSIGN(const std::vector<int64_t> wide, read_integers(*targets));
    ASSAY_ASSIGN(const FloatArray loss, floats(item, "loss"));
    ASSAY_ASSIGN(const FloatArray dlogits, floats(item, "dlogits"));
    std::vector<int32_t> target;
    for (const int64_t t : wide) {
        if (t < 0 || t >= logits.cols())
            return fail(Code::kCorrupt, "cross_entropy: target out of range");
        target.push_back(static_cast<int32_t>(t));
    }
    if (static_cast<int64_t>(target.size()) != logits.rows())
        return fail(Code::kCorrupt, "cross_entropy: sizes differ");
    float found = 0;
    std::vector<float> out(logits.data.size());
    backend.cross_entropy(logits.data.data(), target.data(), logits.rows(), logits.cols(), &found,
                          out.data());
    compare_op(backend, report, "cross_entropy loss", {&found, 1}, loss.data);
    report.compare("cross_entropy dlogits", out, dlogits.data);
    return {};
}

Status check_attention(const Value& item, Backend& backend, VectorReport& report) {
    ASSAY_ASSIGN(const FloatArray qkv, floats(item, "qkv"));
    ASSAY_ASSIGN(const FloatArray dout, floats(item, "dout"));
    ASSAY_ASSIGN(const FloatArray out, floats(item, "out"));
    ASSAY_ASSIGN(const FloatArray dqkv, floats(item, "dqkv"));
    ASSAY_ASSIGN(const int64_t batch, integer(item, "batch"));
    ASSAY_ASSIGN(const int64_t heads, integer(item, "heads"));
    ASSAY_ASSIGN(const int64_t slices, integer(item, "slices"));
    if (batch < 1 || heads < 1 || qkv.rows() % batch != 0 || qkv.cols() % (3 * heads) != 0 ||
        3 * dout.data.size() != qkv.data.size())
        return fail(Code::kCorrupt, "attention: shapes differ");
    const AttentionShape shape{batch, qkv.rows() / batch, heads, qkv.cols() / 3 / heads};
    std::vector<float> found(dout.data.size()), grad(qkv.data.size());
    std::vector<float> p(static_cast<size_t>(batch * heads * shape.context * shape.context));
    const int s = static_cast<int>(slices);
    backend.attention(qkv.data.data(), shape, s, found.data(), p.data());
    compare_op(backend, report, "attention out", found, out.data);
    backend.attention_grad(dout.data.data(), qkv.data.data(), p.data(), shape, s, grad.data());
    compare_op(backend, report, "attention dqkv", grad, dqkv.data);
    return {};
}

Status check_scatter(const Value& item, Backend& backend, VectorReport& report) {
    ASSAY_ASSIGN(const FloatArray values, floats(item, "values"));
    ASSAY_ASSIGN(const Value* indices, member(item, "index"));
    ASSAY_ASSIGN(const std::vector<int64_t> wide, read_integers(*indices));
    ASSAY_ASSIGN(const int64_t rows, integer(item, "rows"));
    ASSAY_ASSIGN(const FloatArray out, floats(item, "out"));
    std::vector<int32_t> index;
    for (const int64_t i : wide) {
        if (i < 0 || i >= rows) return fail(Code::kCorrupt, "scatter: index out of range");
        index.push_back(static_cast<int32_t>(i));
    }
    if (static_cast<int64_t>(index.size()) != values.rows() ||
        static_cast<int64_t>(out.data.size()) != rows * values.cols())
        return fail(Code::kCorrupt, "scatter: sizes differ");
    std::vector<float> found(out.data.size());
    backend.scatter(values.data.data(), index.data(), values.rows(), values.cols(), rows,
                    found.data());
    compare_op(backend, report, "scatter", found, out.data);
    return {};
}

Status check_layers(const Value& root, Backend& backend, VectorReport& report) {
    using Check = Status (*)(const Value&, Backend&, VectorReport&);
    const std::pair<const char*, Check> checks[] = {{"layernorm", check_layernorm},
                                                    {"cross_entropy", check_cross_entropy},
                                                    {"attention", check_attention},
                                                    {"scatter", check_scatter}};
    for (const auto& [name, check] : checks) {
        ASSAY_ASSIGN(const Value* item, member(root, name));
        ASSAY_RETURN_IF_ERROR(check(*item, backend, report));
    }
    return {};
}

Status check_random(const Value& root, VectorReport& report) {
    ASSAY_ASSIGN(const Value* philox_cases, member(root, "philox"));
    for (const Value& item : philox_cases->items) {
        ASSAY_ASSIGN(const std::vector<uint64_t> c, words(item, "counter"));
        ASSAY_ASSIGN(const std::vector<uint64_t> k, words(item, "key"));
        ASSAY_ASSIGN(const std::vector<uint64_t> expected, words(item, "out"));
        if (c.size() != 4 || k.size() != 2) return fail(Code::kCorrupt, "philox: sizes");
        const auto low = [](uint64_t word) { return static_cast<uint32_t>(word); };
        const Philox4 w =
            philox({{low(c[0]), low(c[1]), low(c[2]), low(c[3])}}, low(k[0]), low(k[1]));
        const uint64_t found[] = {w.word[0], w.word[1], w.word[2], w.word[3]};
        report.compare_words("philox", found, expected);
    }
    ASSAY_ASSIGN(const Value* normal, member(root, "normalish"));
    ASSAY_ASSIGN(const Value* std_value, member(*normal, "std"));
    ASSAY_ASSIGN(const double std, std_value->as_double());
    ASSAY_ASSIGN(const Value* seed, member(*normal, "seed"));
    ASSAY_ASSIGN(const uint64_t seed_value, seed->as_u64());
    ASSAY_ASSIGN(const int64_t id, integer(*normal, "tensor_id"));
    ASSAY_ASSIGN(const FloatArray expected, floats(*normal, "out"));
    std::vector<float> out(expected.data.size());
    normalish(out, std, seed_value, static_cast<uint32_t>(id));
    report.compare("normalish", out, expected.data);
    ASSAY_ASSIGN(const Value* draws, member(root, "below"));
    for (const Value& item : draws->items) {
        uint64_t v[5] = {};
        constexpr const char* kKeys[] = {"n", "seed", "a", "b", "out"};
        for (size_t i = 0; i < 5; ++i) {
            ASSAY_ASSIGN(const Value* field, member(item, kKeys[i]));
            ASSAY_ASSIGN(v[i], field->as_u64());
        }
        const uint64_t found =
            below(v[0], v[1], static_cast<uint32_t>(v[2]), static_cast<uint32_t>(v[3]));
        report.compare_words("below", {&found, 1}, {&v[4], 1});
    }
    return {};
}

Status check_rotary(const Value& cases, VectorReport& report) {
    for (size_t i = 0; i < cases.items.size(); ++i) {
        const Value& item = cases.items[i];
        ASSAY_ASSIGN(const int64_t head_dim, integer(item, "head_dim"));
        ASSAY_ASSIGN(const int64_t base, integer(item, "base"));
        ASSAY_ASSIGN(const std::vector<uint64_t> rows, words(item, "rows"));
        ASSAY_ASSIGN(const auto scaling, read_rope_scaling(item));
        ASSAY_ASSIGN(const FloatArray expected, floats(item, "table"));
        const uint64_t context = rows.empty() ? 0 : *std::ranges::max_element(rows) + 1;
        if (head_dim < 2 || head_dim > 1024 || head_dim % 2 != 0 || base < 2 || context > 65536)
            return fail(Code::kCorrupt, "rotary: case " + std::to_string(i) + " is out of range");
        const std::vector<float> table =
            rotary_table(static_cast<int64_t>(context), head_dim, static_cast<double>(base),
                         scaling.value_or(RopeScaling{}));
        std::vector<float> found;
        for (const uint64_t row : rows) {
            const auto first = table.begin() + static_cast<int64_t>(row) * head_dim;
            found.insert(found.end(), first, first + head_dim);
        }
        report.compare("table[" + std::to_string(i) + "]", found, expected.data);
    }
    return {};
}

Status check_file(const std::string& name, const Value& root, Backend& backend,
                  VectorReport& report) {
    backend.clear_fault();
    if (name == "sum") return check_sums(root, backend, report);
    if (name == "gemm") return check_products(root, backend, report, false);
    if (name == "gemm_folded") return check_products(root, backend, report, true);
    if (name == "functions") return check_functions(root, backend, report);
    if (name == "layers") return check_layers(root, backend, report);
    if (name == "random") return check_random(root, report);
    if (name == "rotary") return check_rotary(root, report);
    return check_training_vectors(root, backend, report);
}

}  // namespace

void VectorReport::fail_case(const std::string& label, const std::string& what) {
    ++cases;
    if (failed++ == 0) first_failure = label + ": " + what;
}

void VectorReport::compare(const std::string& label, std::span<const float> found,
                           std::span<const float> expected) {
    if (found.size() != expected.size())
        return fail_case(label, std::to_string(found.size()) + " elements, expected " +
                                    std::to_string(expected.size()));
    for (size_t i = 0; i < found.size(); ++i) {
        const uint32_t a = to_bits(found[i]), b = to_bits(expected[i]);
        if (a != b)
            return fail_case(
                label, "element " + std::to_string(i) + " is " + hex(a) + ", expected " + hex(b));
    }
    ++cases;
}

void VectorReport::compare_words(const std::string& label, std::span<const uint64_t> found,
                                 std::span<const uint64_t> expected) {
    if (!std::equal(found.begin(), found.end(), expected.begin(), expected.end()))
        return fail_case(label, "found " + hex(found.empty() ? 0 : found[0]) + " ..., expected " +
                                    hex(expected.empty() ? 0 : expected[0]) + " ...");
    ++cases;
}

Result<const Value*> member(const Value& object, std::string_view key) {
    if (const Value* found = object.find(key)) return found;
    return fail(Code::kCorrupt, "field \"" + std::string(key) + "\" is missing");
}

Result<std::optional<RopeScaling>> read_rope_scaling(const Value& object) {
    const Value* value = object.find("rope_scaling");
    if (value == nullptr) return std::optional<RopeScaling>{};
    RopeScaling scaling;
    ASSAY_ASSIGN(const Value* factor, member(*value, "factor_nano"));
    ASSAY_ASSIGN(scaling.factor_nano, factor->as_u64());
    if (scaling.factor_nano == 0) return fail(Code::kCorrupt, "rope_scaling.factor_nano is 0");
    if (value->find("original_context") == nullptr) return std::optional{scaling};
    ASSAY_ASSIGN(const Value* low, member(*value, "low_freq_factor_nano"));
    ASSAY_ASSIGN(scaling.low_freq_factor_nano, low->as_u64());
    ASSAY_ASSIGN(const Value* high, member(*value, "high_freq_factor_nano"));
    ASSAY_ASSIGN(scaling.high_freq_factor_nano, high->as_u64());
    ASSAY_ASSIGN(const int64_t original, integer(*value, "original_context"));
    if (scaling.high_freq_factor_nano <= scaling.low_freq_factor_nano || original < 1 ||
        original > UINT32_MAX)
        return fail(Code::kCorrupt, "rope_scaling is out of range");
    scaling.original_context = static_cast<uint32_t>(original);
    return std::optional{scaling};
}

Result<FloatArray> read_floats(const Value& value) {
    ASSAY_ASSIGN(const Value* shape, member(value, "shape"));
    ASSAY_ASSIGN(const Value* bits, member(value, "f32"));
    FloatArray out;
    uint64_t size = 1;
    for (const Value& dim : shape->items) {
        ASSAY_ASSIGN(const uint64_t n, dim.as_u64());
        if (n > UINT32_MAX) return fail(Code::kCorrupt, "a dimension exceeds 2^32");
        size *= n;
        out.shape.push_back(static_cast<int64_t>(n));
    }
    if (size != bits->items.size()) return fail(Code::kCorrupt, "shape and element count differ");
    out.data.reserve(size);
    for (const Value& item : bits->items) {
        ASSAY_ASSIGN(const uint64_t word, item.as_u64());
        if (word > UINT32_MAX) return fail(Code::kCorrupt, "a bit pattern exceeds 32 bits");
        out.data.push_back(from_bits(static_cast<uint32_t>(word)));
    }
    return out;
}

Result<std::vector<int64_t>> read_integers(const Value& value) {
    ASSAY_ASSIGN(const Value* items, member(value, "i64"));
    std::vector<int64_t> out;
    for (const Value& item : items->items) {
        ASSAY_ASSIGN(out.emplace_back(), item.as_i64());
    }
    return out;
}

Result<std::vector<VectorReport>> run_vectors(const std::filesystem::path& directory,
                                              Backend& backend) {
    std::vector<VectorReport> reports;
    for (const char* name : kVectorFiles) {
        const std::string file = std::string(name) + ".json";
        std::ifstream in(directory / file, std::ios::binary);
        if (!in) continue;
        VectorReport& report = reports.emplace_back();
        report.file = file;
        std::ostringstream text;
        text << in.rdbuf();
        Result<Value> root = json::parse(text.str());
        if (!root.ok()) return fail(root.error().code, report.file + ": " + root.error().message);
        const Status status = check_file(name, *root, backend, report);
        if (!status.ok())
            return fail(status.error().code, report.file + ": " + status.error().message);
    }
    if (reports.empty())
        return fail(Code::kNotFound,
                    "no vector file (sum.json, gemm.json, ...) in " + directory.string());
    return reports;
}

}  // namespace assay::compute
