#include "tests/gpu_emulator/memory.h"

#include <cstring>
#include <string>

namespace assay::gpu_emulator {
namespace {

constexpr size_t kAlign = 256;  // of what cudaMalloc gives

std::string place(uint64_t address) {
    return "address " + std::to_string(address);
}

// No barrier lies between these moments of one block.
bool together(const Moment& then, const Moment& now) {
    const bool same_warp = then.thread >= 0 && then.thread / kLanes == now.thread / kLanes;
    return then.epoch == now.epoch && (!same_warp || then.warp_epoch == now.warp_epoch);
}

}  // namespace

bool WordHistory::races(const Last& before, const Moment& now, Access access) {
    const Moment& then = before.moment;
    if (then.launch != now.launch) return false;
    if (before.access == Access::kAtomic && access == Access::kAtomic) return false;
    if (then.block != now.block) return true;
    return then.thread != now.thread && together(then, now);
}

void WordHistory::read(const Moment& now, Access access) {
    if (!set_) throw EmulatorError("memory is read that nothing wrote");
    if (races(wrote_, now, access))
        throw EmulatorError("a race: another thread wrote what is read");
    read_ = joined(read_, now, access);
}

void WordHistory::write(const Moment& now, Access access) {
    if (races(wrote_, now, access)) throw EmulatorError("a race: two threads write one word");
    if (races(read_, now, access))
        throw EmulatorError("a race: another thread read what is written");
    wrote_ = joined(wrote_, now, access);
    set_ = true;
}

// Of several accesses that nothing orders: a thread, or a block, that nobody is, so that any other
// access is another's; plain where one was.
WordHistory::Last WordHistory::joined(const Last& before, const Moment& now, Access access) {
    Last last{now, access};
    const Moment& then = before.moment;
    if (then.launch != now.launch) return last;
    const bool other_block = then.block != now.block;
    if (other_block)
        last.moment.block = kManyBlocks;
    else if (together(then, now) && then.thread != now.thread)
        last.moment.thread = kManyThreads;
    if ((other_block || together(then, now)) && before.access == Access::kPlain)
        last.access = Access::kPlain;
    return last;
}

void* GlobalMemory::allocate(size_t bytes) {
    if (bytes > free_bytes_) return nullptr;
    const size_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
    std::unique_ptr<std::byte, decltype(&std::free)> memory(
        static_cast<std::byte*>(std::aligned_alloc(kAlign, rounded)), &std::free);
    if (memory == nullptr) return nullptr;
    if (checked_) std::memset(memory.get(), 0xA5, bytes);  // nobody may rely on zeros
    void* const made = memory.get();
    const auto begin = reinterpret_cast<uint64_t>(made);
    allocations_.emplace(
        begin, Allocation{begin, bytes, std::move(memory), History(checked_ ? bytes / 4 + 1 : 0)});
    free_bytes_ -= bytes;
    return made;
}

bool GlobalMemory::release(void* at) {
    const auto found = allocations_.find(reinterpret_cast<uint64_t>(at));
    if (found == allocations_.end()) return false;
    free_bytes_ += found->second.bytes;
    last_ = nullptr;
    allocations_.erase(found);
    return true;
}

GlobalMemory::Allocation& GlobalMemory::of(uint64_t address, size_t bytes) {
    const auto within = [&](const Allocation& each) {
        return address >= each.begin && address - each.begin <= each.bytes &&
               bytes <= each.bytes - (address - each.begin);
    };
    if (last_ != nullptr && within(*last_)) return *last_;
    const auto after = allocations_.upper_bound(address);
    if (after == allocations_.begin() || !within(std::prev(after)->second))
        throw EmulatorError("outside of what is allocated: " + std::to_string(bytes) +
                            " bytes at " + place(address));
    last_ = &std::prev(after)->second;
    return *last_;
}

std::byte* GlobalMemory::at(uint64_t address, size_t bytes, size_t alignment) {
    if (address % alignment != 0) throw EmulatorError("not aligned: " + place(address));
    Allocation& found = of(address, bytes);
    return found.memory.get() + (address - found.begin);
}

template <class Visit>
void GlobalMemory::each_word(uint64_t address, size_t bytes, Visit visit) {
    if (bytes == 0 || !checked_) return;
    Allocation& found = of(address, bytes);
    const uint64_t begin = address - found.begin;
    for (uint64_t word = begin / 4; word <= (begin + bytes - 1) / 4; ++word)
        visit(found.history[word]);
}

void GlobalMemory::read(uint64_t address, size_t bytes, const Moment& now,
                        WordHistory::Access access) {
    each_word(address, bytes, [&](WordHistory& word) { word.read(now, access); });
}
void GlobalMemory::write(uint64_t address, size_t bytes, const Moment& now,
                         WordHistory::Access access) {
    each_word(address, bytes, [&](WordHistory& word) { word.write(now, access); });
}
void GlobalMemory::mark(uint64_t address, size_t bytes, bool set) {
    each_word(address, bytes, [&](WordHistory& word) { word.mark(set); });
}
bool GlobalMemory::is_set(uint64_t address, size_t bytes) {
    bool set = true;
    each_word(address, bytes, [&](const WordHistory& word) { set = set && word.is_set(); });
    return set;
}

std::byte* SharedMemory::at(uint64_t address, size_t bytes) {
    if (address > bytes_.size() || bytes > bytes_.size() - address || address % bytes != 0)
        throw EmulatorError("shared memory: no " + std::to_string(bytes) + " bytes at " +
                            place(address));
    return bytes_.data() + address;
}
std::byte* SharedMemory::read(uint64_t address, size_t bytes, const Moment& now) {
    std::byte* const found = at(address, bytes);
    for (uint64_t word = address / 4; word <= (address + bytes - 1) / 4; ++word)
        history_[word].read(now, WordHistory::Access::kPlain);
    return found;
}
std::byte* SharedMemory::write(uint64_t address, size_t bytes, const Moment& now) {
    std::byte* const found = at(address, bytes);
    for (uint64_t word = address / 4; word <= (address + bytes - 1) / 4; ++word)
        history_[word].write(now, WordHistory::Access::kPlain);
    return found;
}

}  // namespace assay::gpu_emulator
