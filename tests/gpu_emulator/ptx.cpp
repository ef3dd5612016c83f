#include "tests/gpu_emulator/ptx.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace assay::gpu_emulator {
namespace {

constexpr int64_t kMostBytes = 1 << 20;  // of parameters, shared or local memory

std::string_view trimmed(std::string_view text) {
    const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    while (!text.empty() && space(text.front())) text.remove_prefix(1);
    while (!text.empty() && space(text.back())) text.remove_suffix(1);
    return text;
}

// The word up to the next white space; what follows stays in `text`.
std::string_view next_word(std::string_view& text) {
    text = trimmed(text);
    const size_t end = std::min(text.find_first_of(" \t\n"), text.size());
    const std::string_view word = text.substr(0, end);
    text = trimmed(text.substr(end));
    return word;
}

// Operands between commas; those in braces one by one.
std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    size_t begin = 0;
    for (size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] != ',' && text[i] != '|') continue;
        std::string_view part = trimmed(text.substr(begin, i - begin));
        if (part.starts_with('{')) part = trimmed(part.substr(1));
        if (part.ends_with('}')) part = trimmed(part.substr(0, part.size() - 1));
        if (!part.empty()) parts.push_back(part);
        begin = i + 1;
    }
    return parts;
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

struct TypeSize {
    std::string_view name;
    int bytes;
};
constexpr TypeSize kTypes[] = {{"u8", 1},  {"s8", 1},  {"b8", 1},  {"u16", 2}, {"s16", 2},
                               {"b16", 2}, {"u32", 4}, {"s32", 4}, {"b32", 4}, {"f32", 4},
                               {"u64", 8}, {"s64", 8}, {"b64", 8}};

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    std::map<std::string, Kernel> all() {
        std::map<std::string, Kernel> kernels;
        for (std::string_view line = next_line(); !ended_; line = next_line()) {
            if (!has(line, ".entry ")) continue;
            Kernel kernel = one(line);
            kernels.emplace(kernel.name, std::move(kernel));
        }
        return kernels;
    }

private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw EmulatorError("PTX line " + std::to_string(line_) + ": " + what);
    }

    std::string_view next_line() {
        ended_ = text_.empty();
        const size_t end = std::min(text_.find('\n'), text_.size());
        std::string_view line = text_.substr(0, end);
        text_.remove_prefix(std::min(end + 1, text_.size()));
        ++line_;
        return trimmed(line.substr(0, line.find("//")));
    }

    int64_t number(std::string_view text) const {
        const bool negative = text.starts_with('-');
        if (negative) text.remove_prefix(1);
        uint64_t value = 0;
        int base = 10;
        if (text.starts_with("0f") || text.starts_with("0x")) base = 16;
        if (base == 16) text.remove_prefix(2);
        const auto [end, error] = std::from_chars(text.begin(), text.end(), value, base);
        if (error != std::errc() || end != text.end()) refuse("no number: " + std::string(text));
        return static_cast<int64_t>(negative ? 0 - value : value);
    }

    // ".align 8 .b8 name[64]" or ".u64 name": places it after `size` bytes, which it grows.
    Parameter place(std::string_view text, int64_t& size) {
        int64_t align = 0, bytes = 0;
        for (std::string_view word = next_word(text); !word.empty(); word = next_word(text)) {
            if (word == ".align") {
                align = number(next_word(text));
            } else if (word.starts_with('.')) {
                for (const TypeSize& type : kTypes)
                    if (word.substr(1) == type.name) bytes = type.bytes;
            } else {
                const size_t bracket = word.find('[');
                if (bracket != std::string_view::npos)
                    bytes *= number(word.substr(bracket + 1, word.size() - bracket - 2));
                if (align == 0) align = bytes;
                if (bytes <= 0 || align <= 0 || size + bytes + align > kMostBytes)
                    refuse("no variable: " + std::string(word));
                size = (size + align - 1) / align * align;
                symbols_.insert_or_assign(std::string(word.substr(0, bracket)),
                                          static_cast<uint64_t>(size));
                size += bytes;
                return {size - bytes, bytes};
            }
        }
        refuse("no name");
    }

    Kernel one(std::string_view heading) {
        kernel_ = Kernel{};
        rows_.clear();
        constants_.clear();
        symbols_.clear();
        labels_.clear();
        branches_.clear();
        heading.remove_prefix(heading.find(".entry ") + 7);
        kernel_.name = heading.substr(0, heading.find('('));
        std::string_view line = next_line();
        for (; !ended_ && line != "{"; line = next_line()) {
            if (!line.starts_with(".param")) continue;
            if (line.ends_with(',')) line.remove_suffix(1);
            kernel_.parameters.push_back(place(line.substr(6), kernel_.parameter_bytes));
        }
        declare("%tid.x", kernel_.tid_row);
        declare("%ctaid.x", kernel_.ctaid_row);
        for (line = next_line(); line != "}"; line = next_line()) {
            if (ended_) refuse("the kernel does not end");
            statement(line);
        }
        for (const auto& [index, label] : branches_) {
            const auto found = labels_.find(label);
            if (found == labels_.end()) refuse("no label " + label);
            kernel_.code[index].target = found->second;
        }
        Instruction last;
        last.kind = Kind::kExit;
        last.line = line_;
        kernel_.code.push_back(last);
        return std::move(kernel_);
    }

    void declare(std::string name, int& row) {
        row = kernel_.registers++;
        rows_.emplace(std::move(name), row);
    }

    void statement(std::string_view line) {
        if (line.empty()) return;
        if (line.ends_with(':')) {
            labels_.emplace(line.substr(0, line.size() - 1), kernel_.code.size());
            return;
        }
        if (!line.ends_with(';')) refuse("not understood: " + std::string(line));
        line.remove_suffix(1);
        if (line.starts_with(".reg")) return registers(line.substr(4));
        if (line.starts_with(".shared")) return (void)place(line.substr(7), kernel_.shared_bytes);
        if (line.starts_with(".local")) return (void)place(line.substr(6), kernel_.local_bytes);
        if (line.starts_with(".pragma")) return;  // advice for the assembler
        instruction(line);
    }

    // ".b32 %r<80>": %r1 to %r79; ".b64 %SP": one.
    void registers(std::string_view text) {
        next_word(text);
        const size_t bracket = text.find('<');
        int row = 0;
        if (bracket == std::string_view::npos) return declare(std::string(text), row);
        const int64_t count = number(text.substr(bracket + 1, text.size() - bracket - 2));
        if (count > 100'000) refuse("too many registers");
        for (int64_t i = 0; i < count; ++i)
            declare(std::string(text.substr(0, bracket)) + std::to_string(i), row);
    }

    // A register's row, or the row of a constant or of a variable's address. Constants come after
    // all registers, which are declared first.
    int row(std::string_view name) {
        if (const auto found = rows_.find(std::string(name)); found != rows_.end())
            return found->second;
        if (name.starts_with('%')) refuse("unknown register " + std::string(name));
        const auto symbol = symbols_.find(std::string(name));
        const uint64_t value =
            symbol != symbols_.end() ? symbol->second : static_cast<uint64_t>(number(name));
        const auto [at, is_new] = constants_.emplace(
            value, kernel_.registers + static_cast<int>(kernel_.constants.size()));
        if (is_new) kernel_.constants.push_back(value);
        return at->second;
    }

    void address(std::string_view text, Instruction& made) {
        if (!text.starts_with('[') || !text.ends_with(']')) refuse("no address");
        text = text.substr(1, text.size() - 2);
        const size_t plus = text.find('+');
        made.address = row(text.substr(0, plus));
        if (plus != std::string_view::npos) made.offset = number(text.substr(plus + 1));
    }

    // What "ld.volatile.global.v2.u32" says after its first word.
    void memory(std::string_view opcode, Instruction& made) {
        const std::pair<std::string_view, Space> spaces[] = {{".param.", Space::kParam},
                                                             {".global.", Space::kGlobal},
                                                             {".shared.", Space::kShared},
                                                             {".local.", Space::kLocal}};
        const auto* space = std::find_if(std::begin(spaces), std::end(spaces),
                                         [&](const auto& each) { return has(opcode, each.first); });
        if (space == std::end(spaces)) refuse("no space of memory: " + std::string(opcode));
        made.space = space->second;
        if (has(opcode, ".v2.")) made.count = 2;
        if (has(opcode, ".v4.")) made.count = 4;
        const std::string_view type = opcode.substr(opcode.rfind('.') + 1);
        for (const TypeSize& each : kTypes)
            if (type == each.name) made.bytes = each.bytes;
        if (made.bytes == 0) refuse("unknown type: " + std::string(opcode));
        made.is_atomic = has(opcode, ".volatile.") || opcode.starts_with("atom.");
        made.is_signed = type.starts_with('s');
    }

    void instruction(std::string_view text) {
        Instruction made;
        made.line = line_;
        std::string_view opcode = next_word(text);
        if (opcode.starts_with('@')) {
            made.guard_negated = opcode.starts_with("@!");
            made.guard = row(opcode.substr(made.guard_negated ? 2 : 1));
            opcode = next_word(text);
        }
        const auto operands = split(text);
        const auto expect = [&](size_t count) {
            if (operands.size() != count) refuse("wrong operands: " + std::string(text));
        };
        const auto rows_from = [&](size_t first, size_t count, auto& to) {
            for (size_t i = 0; i < count; ++i) to[i] = row(operands[first + i]);
        };
        if (opcode == "bra" || opcode == "bra.uni") {
            expect(1);
            made.kind = Kind::kBranch;
            branches_.emplace_back(kernel_.code.size(), operands[0]);
        } else if (opcode == "ret") {
            made.kind = Kind::kExit;
        } else if (opcode == "bar.sync") {
            expect(1);
            if (operands[0] != "0") refuse("only barrier 0 is known");
            made.kind = Kind::kBarrier;
        } else if (opcode == "bar.warp.sync") {  // mask
            expect(1);
            if (operands[0] != "-1") refuse("a barrier of some lanes only");
            made.kind = Kind::kWarpBarrier;
        } else if (opcode == "shfl.sync.bfly.b32") {  // value | unused, value, lanes, clamp, mask
            expect(6);
            made.slots = 4;
            made.kind = Kind::kShuffle;
            rows_from(0, 2, made.d);
            rows_from(2, 4, made.s);
        } else if (opcode.starts_with("ld.") && !has(opcode, ".nc.")) {
            memory(opcode, made);
            made.kind = Kind::kLoad;
            expect(static_cast<size_t>(made.count) + 1);
            rows_from(0, operands.size() - 1, made.d);
            address(operands.back(), made);
        } else if (opcode.starts_with("st.")) {
            memory(opcode, made);
            made.kind = Kind::kStore;
            expect(static_cast<size_t>(made.count) + 1);
            address(operands[0], made);
            rows_from(1, operands.size() - 1, made.s);
        } else if (opcode.starts_with("atom.global.")) {
            expect(3);
            memory(opcode, made);
            made.kind = Kind::kAtomic;
            made.run = known(opcode.substr(12)).run;
            rows_from(0, 1, made.d);
            address(operands[1], made);
            rows_from(2, 1, made.s);
        } else {
            const Operation operation = known(opcode);
            made.run = operation.run;
            made.slots = operation.slots;
            expect(operation.sources + 1);
            rows_from(0, 1, made.d);
            rows_from(1, operation.sources, made.s);
        }
        kernel_.code.push_back(made);
    }

    Operation known(std::string_view opcode) const {
        const Operation found = find_operation(opcode);
        if (found.run == nullptr) refuse("unknown instruction " + std::string(opcode));
        return found;
    }

    std::string_view text_;
    int line_ = 0;
    bool ended_ = false;
    Kernel kernel_;
    std::map<std::string, int> rows_;
    std::map<uint64_t, int> constants_;
    std::map<std::string, uint64_t> symbols_;
    std::map<std::string, size_t, std::less<>> labels_;
    std::vector<std::pair<size_t, std::string>> branches_;
};

}  // namespace

std::map<std::string, Kernel> parse_ptx(std::string_view text) {
    return Parser(text).all();
}

}  // namespace assay::gpu_emulator
