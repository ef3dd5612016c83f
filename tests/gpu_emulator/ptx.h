// PTX as nvcc writes it, read into instructions that block.h runs: a register, and a constant, is a
// row of 32 values, one a lane. Only what kernels like the project's use is known; anything else is
// an error that names the line, never a guess. Source: PTX ISA 9.
// Ownership: plain values. Threads: read-only after parsing. Errors: EmulatorError.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace assay::gpu_emulator {

// What a program on a real GPU would get as a broken result, a fault, or not at all.
struct EmulatorError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline constexpr int kLanes = 32;
inline constexpr uint32_t kAllLanes = 0xFFFFFFFF;

// d[lane] = f(s[0][lane], ...) for the lanes of mask. Values are kept as their bits.
using Compute = void (*)(uint64_t* d, const uint64_t* const* s, uint32_t mask);

// The function of an opcode ("add.rn.f32"), how many operands it reads, and about how many turns of
// a scheduler a warp takes for it (sm_90: throughput tables of the CUDA programming guide, lengths
// of what ptxas makes of divisions and 64-bit integers); null where unknown.
struct Operation {
    Compute run = nullptr;
    size_t sources = 0;
    int slots = 1;
};
Operation find_operation(std::string_view opcode);

enum class Kind {
    kCompute,
    kLoad,
    kStore,
    kAtomic,
    kShuffle,
    kWarpBarrier,
    kBarrier,
    kBranch,
    kExit
};
enum class Space { kParam, kGlobal, kShared, kLocal };

struct Instruction {
    Kind kind = Kind::kCompute;
    int line = 0;
    int slots = 1;
    int guard = -1;  // row of the predicate that lets a lane take part; -1: all do
    bool guard_negated = false;
    Compute run = nullptr;        // kCompute; kAtomic: of (memory, operand)
    std::array<int, 4> d{};       // rows written; those of a vector load in order
    std::array<int, 5> s{};       // rows read; those of a vector store in order
    size_t target = 0;            // kBranch: index of the instruction
    Space space = Space::kParam;  // memory: the rest
    int address = 0;              // row of the base
    int64_t offset = 0;
    int bytes = 0;  // of one value
    int count = 1;  // values of a vector
    bool is_signed = false;
    bool is_atomic = false;  // or volatile: it may meet the accesses of others
};

struct Parameter {
    int64_t offset, bytes;
};

struct Kernel {
    std::string name;
    std::vector<Parameter> parameters;
    int64_t parameter_bytes = 0, shared_bytes = 0, local_bytes = 0;
    int registers = 0;                 // rows 0 .. registers - 1
    std::vector<uint64_t> constants;   // rows from `registers` on
    int tid_row = -1, ctaid_row = -1;  // rows that hold %tid.x and %ctaid.x
    std::vector<Instruction> code;     // ends with kExit
};

std::map<std::string, Kernel> parse_ptx(std::string_view text);

}  // namespace assay::gpu_emulator
