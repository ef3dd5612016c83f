// Memory of an emulated GPU: what is allocated, and for each word of four bytes who wrote and who
// read it last. An access outside, of something never written, or that another thread's access may
// come before as well as after, is an error, whatever the values.
// Ownership: owns its bytes. Threads: one at a time. Errors: EmulatorError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "tests/gpu_emulator/ptx.h"

namespace assay::gpu_emulator {

// A thread between two barriers. Threads of a block are ordered by its barriers, those of a warp by
// the warp's, too, those of different blocks by nothing, launches by their order.
struct Moment {
    uint32_t launch = 0;  // from 1
    uint32_t block = 0;
    uint32_t epoch = 0;       // barriers of the block passed
    uint32_t warp_epoch = 0;  // and of the warp
    int16_t thread = 0;
};

// What is known of one word; all zero: nothing was done to it.
class WordHistory {
public:
    enum class Access : uint8_t { kPlain, kAtomic };  // volatile reads count as atomic
    void read(const Moment& now, Access access);
    void write(const Moment& now, Access access);
    void mark(bool set) { set_ = set; }  // by a copy or a library
    bool is_set() const { return set_; }

private:
    static constexpr int16_t kManyThreads = -1;
    static constexpr uint32_t kManyBlocks = UINT32_MAX;
    struct Last {
        Moment moment;
        Access access = Access::kPlain;
    };
    static Last joined(const Last& before, const Moment& now, Access access);
    static bool races(const Last& before, const Moment& now, Access access);

    Last wrote_, read_;
    bool set_ = false;  // something was written
};

// `count` words that cost nothing until they are touched.
class History {
public:
    explicit History(size_t count)
        : words_(static_cast<WordHistory*>(std::calloc(count, sizeof(WordHistory)))) {
        if (words_ == nullptr) throw EmulatorError("no memory for the histories of words");
    }
    WordHistory& operator[](size_t index) { return words_.get()[index]; }

private:
    struct Free {
        void operator()(WordHistory* at) const { std::free(at); }
    };
    std::unique_ptr<WordHistory, Free> words_;
};

class GlobalMemory {
public:
    // `checked`: with histories of words, which take ten times the memory.
    GlobalMemory(size_t bytes, bool checked)
        : free_bytes_(bytes), all_bytes_(bytes), checked_(checked) {}

    void* allocate(size_t bytes);  // null: there is no room
    bool release(void* at);        // false: it was not allocated here
    size_t free_bytes() const { return free_bytes_; }
    size_t all_bytes() const { return all_bytes_; }

    // The bytes at an address of the device, checked to lie in one allocation and to be aligned.
    std::byte* at(uint64_t address, size_t bytes, size_t alignment);
    // The history of the same words; `bytes` counts from the word of the address on.
    void read(uint64_t address, size_t bytes, const Moment& now, WordHistory::Access access);
    void write(uint64_t address, size_t bytes, const Moment& now, WordHistory::Access access);
    void mark(uint64_t address, size_t bytes, bool set);  // by a copy or a library
    bool is_set(uint64_t address, size_t bytes);

private:
    struct Allocation {
        uint64_t begin;
        size_t bytes;
        std::unique_ptr<std::byte, decltype(&std::free)> memory;
        History history;
    };
    Allocation& of(uint64_t address, size_t bytes);
    template <class Visit>
    void each_word(uint64_t address, size_t bytes, Visit visit);

    std::map<uint64_t, Allocation> allocations_;
    Allocation* last_ = nullptr;
    size_t free_bytes_, all_bytes_;
    const bool checked_;
};

// A block's shared memory.
class SharedMemory {
public:
    explicit SharedMemory(int64_t bytes)
        : bytes_(static_cast<size_t>(bytes)), history_(bytes_.size() / 4 + 1) {}
    void start() {
        history_ = History(bytes_.size() / 4 + 1);
    }                                               // a new block's: nothing is written
    std::byte* at(uint64_t address, size_t bytes);  // its bounds checked
    std::byte* read(uint64_t address, size_t bytes, const Moment& now);
    std::byte* write(uint64_t address, size_t bytes, const Moment& now);

private:
    std::vector<std::byte> bytes_;
    History history_;
};

}  // namespace assay::gpu_emulator
