// Runs a kernel's blocks, one after another: the warps of a block take turns in an order of chance
// from barrier to barrier, the lanes of a warp go together and part at branches, the ones behind
// first. What a GPU may do in any order must not matter, and what it may not do is an error.
// Ownership: borrows all it is given. Threads: one. Errors: EmulatorError, with the PTX line.
#pragma once

#include <vector>

#include "tests/gpu_emulator/memory.h"
#include "tests/gpu_emulator/ptx.h"

namespace assay::gpu_emulator {

// What a kernel did, summed over its launches. Sectors: the 32 bytes that a GPU moves at once.
struct Counters {
    uint64_t launches = 0, blocks = 0;
    uint64_t instructions = 0;                       // of warps
    uint64_t slots = 0;                              // turns of a scheduler that they take, about
    uint64_t lanes = 0;                              // of lanes that took part in them
    uint64_t bytes = 0, sectors = 0;                 // of global memory, asked for and moved
    uint64_t shared_turns = 0, shared_accesses = 0;  // turns: accesses times conflicts of banks
};

struct Options {
    bool checked = true;   // with histories of words, which take ten times the memory
    bool counted = false;  // how much memory is moved
};

struct Launch {
    const Kernel& kernel;
    std::vector<std::byte> parameters;
    uint32_t blocks = 0, threads = 0, number = 0;
};

class BlockRunner {
public:
    BlockRunner(Launch& launch, GlobalMemory& memory, Counters& counters, const Options& options);
    void run(uint32_t block);

private:
    struct Group {  // lanes at one instruction
        size_t at;
        uint32_t lanes;
        bool parked = false;  // waits for others to shuffle with
    };
    struct Warp {
        int first_thread = 0;
        std::vector<uint64_t> rows;
        std::vector<std::byte> local;
        std::vector<Group> groups;
        uint32_t epoch = 0;    // the warp's own barriers passed
        uint32_t waiting = 0;  // at the barrier
        size_t barrier = 0;
    };
    uint64_t* row(Warp& warp, int index) const {
        return warp.rows.data() + static_cast<size_t>(index) * kLanes;
    }
    uint32_t random(uint32_t bound);
    void start(Warp& warp, uint32_t block);
    void advance(Warp& warp);  // until all lanes wait or have left
    void advance_group(Warp& warp, size_t chosen);
    size_t choose(Warp& warp) const;
    bool branch(Warp& warp, Group& group, const Instruction& i, uint32_t taken);
    bool meet(Warp& warp, Group& group, uint32_t members);
    void shuffle(Warp& warp, const Instruction& i, uint32_t lanes, uint32_t members);
    void compute(Warp& warp, const Instruction& i, uint32_t lanes);
    void access(Warp& warp, const Instruction& i, uint32_t lanes);
    void move(Warp& warp, const Instruction& i, size_t v, int lane, std::byte* at);
    std::byte* own(Warp& warp, const Instruction& i, int lane, uint64_t address);
    std::byte* common(const Instruction& i, uint64_t address);
    void count(Warp& warp, const Instruction& i, uint32_t lanes);
    uint32_t guarded(Warp& warp, const Instruction& i, uint32_t lanes) const;

    Launch& launch_;
    GlobalMemory& memory_;
    Counters& counters_;
    const Options options_;
    SharedMemory shared_;
    std::vector<Warp> warps_;
    Moment moment_;
    uint64_t chance_;
};

}  // namespace assay::gpu_emulator
