#include "tests/gpu_emulator/block.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace assay::gpu_emulator {
namespace {

constexpr size_t kNone = SIZE_MAX;

template <class T>
uint64_t read_as(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return static_cast<uint64_t>(value);
}
uint64_t loaded(const std::byte* at, int bytes, bool is_signed) {
    switch (bytes) {
        case 1:
            return is_signed ? read_as<int8_t>(at) : read_as<uint8_t>(at);
        case 2:
            return is_signed ? read_as<int16_t>(at) : read_as<uint16_t>(at);
        case 4:
            return is_signed ? read_as<int32_t>(at) : read_as<uint32_t>(at);
        default:
            return read_as<uint64_t>(at);
    }
}
// Little-endian: the low bytes come first.
void stored(std::byte* at, uint64_t value, int bytes) {
    switch (bytes) {
        case 1:
            std::memcpy(at, &value, 1);
            break;
        case 2:
            std::memcpy(at, &value, 2);
            break;
        case 4:
            std::memcpy(at, &value, 4);
            break;
        default:
            std::memcpy(at, &value, 8);
    }
}

}  // namespace

BlockRunner::BlockRunner(Launch& launch, GlobalMemory& memory, Counters& counters,
                         const Options& options)
    : launch_(launch),
      memory_(memory),
      counters_(counters),
      options_(options),
      shared_(launch.kernel.shared_bytes),
      chance_(launch.number * 0x9E3779B97F4A7C15U + 1) {
    const Kernel& kernel = launch.kernel;
    warps_.resize(launch.threads / kLanes);
    for (size_t w = 0; w < warps_.size(); ++w) {
        Warp& warp = warps_[w];
        warp.first_thread = static_cast<int>(w) * kLanes;
        warp.rows.resize((static_cast<size_t>(kernel.registers) + kernel.constants.size()) *
                         kLanes);
        warp.local.resize(static_cast<size_t>(kernel.local_bytes) * kLanes);
        for (size_t c = 0; c < kernel.constants.size(); ++c)
            std::fill_n(row(warp, kernel.registers + static_cast<int>(c)), kLanes,
                        kernel.constants[c]);
    }
    ++counters_.launches;
}

uint32_t BlockRunner::random(uint32_t bound) {
    chance_ = chance_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<uint32_t>(chance_ >> 33) % bound;
}

void BlockRunner::start(Warp& warp, uint32_t block) {
    for (int lane = 0; lane < kLanes; ++lane) {
        row(warp, launch_.kernel.tid_row)[lane] = static_cast<uint64_t>(warp.first_thread + lane);
        row(warp, launch_.kernel.ctaid_row)[lane] = block;
    }
    warp.groups.assign(1, {0, kAllLanes});
    warp.waiting = 0;
    warp.epoch = 0;
    std::fill(warp.local.begin(), warp.local.end(), std::byte{0xA5});  // nobody may rely on it
}

void BlockRunner::run(uint32_t block) {
    ++counters_.blocks;
    moment_ = {launch_.number, block, 0, 0};
    if (options_.checked) shared_.start();
    for (Warp& warp : warps_) start(warp, block);
    std::vector<size_t> order(warps_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (;; ++moment_.epoch) {
        for (size_t i = order.size(); i > 1; --i)
            std::swap(order[i - 1], order[random(static_cast<uint32_t>(i))]);
        for (const size_t w : order) advance(warps_[w]);
        const auto waiting = std::count_if(warps_.begin(), warps_.end(), [](const Warp& warp) {
            return warp.waiting == kAllLanes;
        });
        const bool none = std::all_of(warps_.begin(), warps_.end(),
                                      [](const Warp& warp) { return warp.waiting == 0; });
        if (none) return;
        if (waiting != std::ssize(warps_))
            throw EmulatorError("some threads of a block wait at a barrier that others passed by");
        for (Warp& warp : warps_) {
            warp.groups.assign(1, {warp.barrier + 1, kAllLanes});
            warp.waiting = 0;
        }
    }
}

// The group that is furthest behind and not parked, after those at its instruction joined it.
size_t BlockRunner::choose(Warp& warp) const {
    auto& groups = warp.groups;
    for (size_t i = 0; i < groups.size(); ++i) {
        for (size_t j = groups.size(); j-- > i + 1;) {
            if (groups[j].at != groups[i].at) continue;
            groups[i].lanes |= groups[j].lanes;
            groups[i].parked = false;
            groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(j));
        }
    }
    size_t best = kNone;
    for (size_t i = 0; i < groups.size(); ++i)
        if (!groups[i].parked && (best == kNone || groups[i].at < groups[best].at)) best = i;
    if (best == kNone) throw EmulatorError("lanes shuffle with lanes that do not come");
    return best;
}

void BlockRunner::advance(Warp& warp) {
    while (!warp.groups.empty()) advance_group(warp, choose(warp));
}

uint32_t BlockRunner::guarded(Warp& warp, const Instruction& i, uint32_t lanes) const {
    if (i.guard < 0) return lanes;
    const uint64_t* values = row(warp, i.guard);
    uint32_t set = 0;
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
        const int lane = std::countr_zero(left);
        set |= static_cast<uint32_t>((values[lane] != 0) != i.guard_negated) << lane;
    }
    return set;
}

// Until the group branches, waits, leaves or meets others.
void BlockRunner::advance_group(Warp& warp, size_t chosen) {
    Group group = warp.groups[chosen];
    warp.groups.erase(warp.groups.begin() + static_cast<std::ptrdiff_t>(chosen));
    size_t others = kNone;
    for (const Group& each : warp.groups) others = std::min(others, each.at);
    for (;;) {
        const Instruction& i = launch_.kernel.code[group.at];
        const uint32_t lanes = guarded(warp, i, group.lanes);
        ++counters_.instructions;
        counters_.slots += static_cast<uint64_t>(i.slots);
        if (options_.counted) counters_.lanes += static_cast<uint64_t>(std::popcount(lanes));
        try {
            switch (i.kind) {
                case Kind::kBranch:
                    if (!branch(warp, group, i, lanes)) return;
                    if (!warp.groups.empty()) return warp.groups.push_back(group);
                    continue;
                case Kind::kExit:
                    group.lanes &= ~lanes;
                    if (group.lanes == 0) return;
                    break;
                case Kind::kBarrier:
                    if (lanes != group.lanes || (warp.waiting != 0 && warp.barrier != group.at))
                        throw EmulatorError("lanes of a warp wait at different barriers");
                    warp.waiting |= lanes;
                    warp.barrier = group.at;
                    return;
                case Kind::kWarpBarrier:
                    if (lanes != group.lanes) throw EmulatorError("a barrier of some lanes only");
                    if (!meet(warp, group, kAllLanes)) return;
                    ++warp.epoch;
                    break;
                case Kind::kShuffle: {
                    if (lanes != group.lanes) throw EmulatorError("a shuffle of some lanes only");
                    const auto members =
                        static_cast<uint32_t>(row(warp, i.s[3])[std::countr_zero(lanes)]);
                    if (!meet(warp, group, members)) return;
                    shuffle(warp, i, lanes, members);
                    break;
                }
                case Kind::kCompute:
                    compute(warp, i, lanes);
                    break;
                default:
                    access(warp, i, lanes);
            }
        } catch (const EmulatorError& error) {
            throw EmulatorError(launch_.kernel.name + ", PTX line " + std::to_string(i.line) +
                                ": " + error.what());
        }
        ++group.at;
        if (group.at >= others) return warp.groups.push_back(group);
    }
}

// False: the group parted and its halves are in the warp's list.
bool BlockRunner::branch(Warp& warp, Group& group, const Instruction& i, uint32_t taken) {
    if (taken == group.lanes) {
        group.at = i.target;
        return true;
    }
    if (taken == 0) {
        ++group.at;
        return true;
    }
    warp.groups.push_back({i.target, taken});
    warp.groups.push_back({group.at + 1, group.lanes & ~taken});
    return false;
}

// False: lanes of the mask are elsewhere, and the group waits for them.
bool BlockRunner::meet(Warp& warp, Group& group, uint32_t members) {
    if ((members & ~group.lanes) == 0) return true;
    group.parked = true;
    warp.groups.push_back(group);
    return false;
}

void BlockRunner::shuffle(Warp& warp, const Instruction& i, uint32_t lanes, uint32_t members) {
    uint64_t values[kLanes];
    std::memcpy(values, row(warp, i.s[0]), sizeof values);
    for (; lanes != 0; lanes &= lanes - 1) {
        const int lane = std::countr_zero(lanes);
        const int from = lane ^ static_cast<int>(row(warp, i.s[1])[lane]);
        if (from < 0 || from >= kLanes || (members >> from & 1U) == 0)
            throw EmulatorError("a shuffle with a lane that is not of the mask");
        if (row(warp, i.s[2])[lane] != 31)
            throw EmulatorError("a shuffle of parts of a warp is not known");
        row(warp, i.d[0])[lane] = static_cast<uint32_t>(values[from]);
        row(warp, i.d[1])[lane] = 1;
    }
}

void BlockRunner::compute(Warp& warp, const Instruction& i, uint32_t lanes) {
    const uint64_t* sources[] = {row(warp, i.s[0]), row(warp, i.s[1]), row(warp, i.s[2]),
                                 row(warp, i.s[3]), row(warp, i.s[4])};
    if (lanes != 0) i.run(row(warp, i.d[0]), sources, lanes);
}

void BlockRunner::access(Warp& warp, const Instruction& i, uint32_t lanes) {
    const bool is_near = i.space == Space::kParam || i.space == Space::kLocal;
    if (options_.counted && !is_near) count(warp, i, lanes);
    for (; lanes != 0; lanes &= lanes - 1) {
        const int lane = std::countr_zero(lanes);
        const uint64_t address = row(warp, i.address)[lane] + static_cast<uint64_t>(i.offset);
        moment_.thread = static_cast<int16_t>(warp.first_thread + lane);
        moment_.warp_epoch = warp.epoch;
        std::byte* at = is_near ? own(warp, i, lane, address) : common(i, address);
        for (size_t v = 0; v < static_cast<size_t>(i.count); ++v, at += i.bytes)
            move(warp, i, v, lane, at);
    }
}

void BlockRunner::move(Warp& warp, const Instruction& i, size_t v, int lane, std::byte* at) {
    if (i.kind == Kind::kStore) return stored(at, row(warp, i.s[v])[lane], i.bytes);
    const uint64_t value = loaded(at, i.bytes, i.is_signed);
    row(warp, i.d[v])[lane] = value;
    if (i.kind == Kind::kLoad) return;
    uint64_t joined = 0;
    const uint64_t* sources[] = {&value, &row(warp, i.s[0])[lane]};
    i.run(&joined, sources, 1);
    stored(at, joined, i.bytes);
}

// A lane's parameters and local memory.
std::byte* BlockRunner::own(Warp& warp, const Instruction& i, int lane, uint64_t address) {
    const Kernel& kernel = launch_.kernel;
    const bool is_param = i.space == Space::kParam;
    const int64_t size = is_param ? kernel.parameter_bytes : kernel.local_bytes;
    const int64_t end = static_cast<int64_t>(address) + i.bytes * i.count;
    if (static_cast<int64_t>(address) < 0 || end > size)
        throw EmulatorError("outside of parameters or local memory");
    if (!is_param) return warp.local.data() + lane * size + address;
    if (i.kind != Kind::kLoad) throw EmulatorError("parameters are written");
    return launch_.parameters.data() + address;
}

// Memory of a block or of all.
std::byte* BlockRunner::common(const Instruction& i, uint64_t address) {
    const auto bytes = static_cast<size_t>(i.bytes * i.count);
    const bool loads = i.kind == Kind::kLoad;
    if (i.space == Space::kShared) {
        if (i.kind == Kind::kAtomic) throw EmulatorError("an atomic in shared memory");
        if (!options_.checked) return shared_.at(address, bytes);
        return loads ? shared_.read(address, bytes, moment_)
                     : shared_.write(address, bytes, moment_);
    }
    std::byte* const found = memory_.at(address, bytes, bytes);
    if (!options_.checked) return found;
    if (i.bytes < 4 && !loads) throw EmulatorError("a global word is written in parts");
    const auto kind = i.is_atomic ? WordHistory::Access::kAtomic : WordHistory::Access::kPlain;
    if (i.kind != Kind::kStore) memory_.read(address, bytes, moment_, kind);
    if (!loads) memory_.write(address, bytes, moment_, kind);
    return found;
}

// What a GPU moves for these lanes.
void BlockRunner::count(Warp& warp, const Instruction& i, uint32_t lanes) {
    if (lanes == 0) return;
    const auto bytes = static_cast<uint64_t>(i.bytes * i.count);
    const bool global = i.space == Space::kGlobal;
    const uint64_t unit = global ? 32 : 4;
    uint64_t units[kLanes * 4];
    size_t found = 0;
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
        const int lane = std::countr_zero(left);
        const uint64_t begin = row(warp, i.address)[lane] + static_cast<uint64_t>(i.offset);
        for (uint64_t at = begin / unit;
             at <= (begin + bytes - 1) / unit && found < std::size(units); ++at)
            units[found++] = at;
    }
    std::sort(units, units + found);
    const auto distinct = std::unique(units, units + found);
    if (global) {
        counters_.bytes += bytes * static_cast<uint64_t>(std::popcount(lanes));
        counters_.sectors += static_cast<uint64_t>(distinct - units);
        return;
    }
    uint64_t banks[kLanes] = {};
    for (const uint64_t* each = units; each != distinct; ++each) ++banks[*each % kLanes];
    ++counters_.shared_accesses;
    counters_.shared_turns += *std::max_element(banks, banks + kLanes);
}

}  // namespace assay::gpu_emulator
