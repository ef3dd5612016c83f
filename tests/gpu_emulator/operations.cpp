// What each instruction computes, by its PTX name. Floats: binary32, rounded to nearest, no
// flushing, as the C++ compiler's own without contraction.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include "tests/gpu_emulator/ptx.h"

namespace assay::gpu_emulator {
namespace {

using u16 = uint16_t;
using s16 = int16_t;
using u32 = uint32_t;
using s32 = int32_t;
using u64 = uint64_t;
using s64 = int64_t;
using f32 = float;
using pred = bool;

template <class T>
T from_row(u64 bits) {
    if constexpr (std::is_same_v<T, pred>)
        return bits != 0;
    else if constexpr (std::is_same_v<T, f32>)
        return std::bit_cast<f32>(static_cast<u32>(bits));
    else
        return static_cast<T>(bits);
}
template <class T>
u64 to_row(T value) {
    if constexpr (std::is_same_v<T, f32>)
        return std::bit_cast<u32>(value);
    else if constexpr (std::is_same_v<T, pred>)
        return value ? 1 : 0;
    else
        return static_cast<std::make_unsigned_t<T>>(value);
}

template <class F, class R, class... A, size_t... I>
u64 one(const u64* const* s, int lane, std::index_sequence<I...>) {
    return to_row<R>(F{}(from_row<A>(s[I][lane])...));
}
template <class F, class R, class... A>
void run_lanes(u64* d, const u64* const* s, uint32_t mask) {
    constexpr std::index_sequence_for<A...> kEach;
    if (mask == kAllLanes) {
        for (int lane = 0; lane < kLanes; ++lane) d[lane] = one<F, R, A...>(s, lane, kEach);
        return;
    }
    for (; mask != 0; mask &= mask - 1) {
        const int lane = std::countr_zero(mask);
        d[lane] = one<F, R, A...>(s, lane, kEach);
    }
}
template <class F, class R, class... A>
Operation typed(R (F::*)(A...) const) {
    return {run_lanes<F, R, A...>, sizeof...(A)};
}
// Of a function without captures; its arguments' types are those of the rows.
template <class F>
Operation of(F) {
    return typed(&F::operator());
}

template <class T>
T divided(T a, T b) {
    if (b == 0) throw EmulatorError("an integer is divided by zero");
    if constexpr (std::is_signed_v<T>)
        if (b == -1) return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(a));
    return a / b;
}
template <class T>
T remainder(T a, T b) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(a) - static_cast<U>(divided(a, b)) * static_cast<U>(b));
}
// Shifts by the width and more leave nothing but the sign.
template <class T>
T left(T a, u32 by) {
    return by >= sizeof(T) * 8 ? T{0} : static_cast<T>(a << by);
}
template <class T>
T right(T a, u32 by) {
    const u32 most = sizeof(T) * 8 - 1;
    if (by > most) return a < 0 ? T(-1) : T(0);
    return static_cast<T>(a >> by);
}
template <class T>
T inserted(T a, T b, u32 position, u32 length) {
    const T field =
        left<T>(length >= sizeof(T) * 8 ? ~T{0} : (T{1} << length) - 1, position & 255U);
    return (b & ~field) | (left<T>(a, position & 255U) & field);
}
u32 permuted(u32 a, u32 b, u32 selector) {
    const u64 bytes = a | static_cast<u64>(b) << 32;
    u32 result = 0;
    for (u32 i = 0; i < 4; ++i) {
        const u32 choice = selector >> (4 * i) & 15U;
        u32 byte = static_cast<u32>(bytes >> (8 * (choice & 7U))) & 255U;
        if ((choice & 8U) != 0) byte = (byte & 128U) != 0 ? 255U : 0U;  // its sign, eight times
        result |= byte << (8 * i);
    }
    return result;
}
// The other one where one is NaN; -0 lies below +0.
f32 larger(f32 a, f32 b) {
    if (std::isnan(a)) return b;
    if (a == b) return std::signbit(a) ? b : a;
    return a > b || std::isnan(b) ? a : b;
}
f32 smaller(f32 a, f32 b) {
    if (std::isnan(a)) return b;
    if (a == b) return std::signbit(a) ? a : b;
    return a < b || std::isnan(b) ? a : b;
}
// Of a whole number; out of range to the nearest end, NaN to 0.
s32 to_integer(f32 x) {
    if (std::isnan(x)) return 0;
    if (x >= 2147483648.0F) return std::numeric_limits<s32>::max();
    if (x < -2147483648.0F) return std::numeric_limits<s32>::min();
    return static_cast<s32>(x);
}

using Table = std::map<std::string, Operation, std::less<>>;

template <class T>
void add_compared(Table& table, const std::string& type) {
    table["setp.eq." + type] = of([](T a, T b) { return a == b; });
    table["setp.ne." + type] = of([](T a, T b) { return a < b || a > b; });  // false for NaN
    table["setp.lt." + type] = of([](T a, T b) { return a < b; });
    table["setp.le." + type] = of([](T a, T b) { return a <= b; });
    table["setp.gt." + type] = of([](T a, T b) { return a > b; });
    table["setp.ge." + type] = of([](T a, T b) { return a >= b; });
}
template <class T>
void add_integers(Table& table, const std::string& type) {
    using U = std::make_unsigned_t<T>;  // wraps; the bits are those of signed values
    add_compared<T>(table, type);
    table["add." + type] = of([](U a, U b) -> U { return a + b; });
    table["sub." + type] = of([](U a, U b) -> U { return a - b; });
    table["neg." + type] = of([](U a) -> U { return 0 - a; });
    table["mul.lo." + type] = of([](U a, U b) -> U { return a * b; });
    table["mad.lo." + type] = of([](U a, U b, U c) -> U { return a * b + c; });
    table["div." + type] = of([](T a, T b) { return divided(a, b); });
    table["rem." + type] = of([](T a, T b) { return remainder(a, b); });
    table["min." + type] = of([](T a, T b) { return std::min(a, b); });
    table["max." + type] = of([](T a, T b) { return std::max(a, b); });
    table["shr." + type] = of([](T a, u32 by) { return right(a, by); });
}
template <class T>
void add_bits(Table& table, const std::string& type) {
    table["and." + type] = of([](T a, T b) { return static_cast<T>(a & b); });
    table["or." + type] = of([](T a, T b) { return static_cast<T>(a | b); });
    table["xor." + type] = of([](T a, T b) { return static_cast<T>(a ^ b); });
    // All bits of an integer, the one bit of a predicate.
    constexpr T kOnes = std::is_same_v<T, pred> ? T{1} : static_cast<T>(-1);
    table["not." + type] = of([](T a) { return static_cast<T>(a ^ kOnes); });
}
template <class T>
void add_moved(Table& table, std::initializer_list<const char*> types) {
    for (const std::string type : types) {
        table["mov." + type] = of([](T a) { return a; });
        table["selp." + type] = of([](T a, T b, pred p) { return p ? a : b; });
    }
}
template <class To, class From>
void add_converted(Table& table, const std::string& name) {
    table[name] = of([](From a) { return static_cast<To>(a); });
}
void add_shifts(Table& table) {
    table["shl.b32"] = of([](u32 a, u32 by) { return left(a, by); });
    table["shl.b64"] = of([](u64 a, u32 by) { return left(a, by); });
    table["shf.l.wrap.b32"] = of([](u32 a, u32 b, u32 by) {
        return static_cast<u32>((static_cast<u64>(b) << 32 | a) << (by & 31U) >> 32);
    });
    table["shf.r.wrap.b32"] = of([](u32 a, u32 b, u32 by) {
        return static_cast<u32>((static_cast<u64>(b) << 32 | a) >> (by & 31U));
    });
    table["bfi.b32"] = of([](u32 a, u32 b, u32 at, u32 n) { return inserted(a, b, at, n); });
    table["bfi.b64"] = of([](u64 a, u64 b, u32 at, u32 n) { return inserted(a, b, at, n); });
    table["prmt.b32"] = of([](u32 a, u32 b, u32 selector) { return permuted(a, b, selector); });
    table["mul.wide.u32"] = of([](u32 a, u32 b) { return u64{a} * b; });
    table["mul.wide.s32"] = of([](s32 a, s32 b) { return s64{a} * b; });
    table["mul.hi.u32"] = of([](u32 a, u32 b) { return static_cast<u32>(u64{a} * b >> 32); });
    table["mul.hi.u64"] = of(
        [](u64 a, u64 b) { return static_cast<u64>(static_cast<unsigned __int128>(a) * b >> 64); });
}
void add_floats(Table& table) {
    add_compared<f32>(table, "f32");
    // Those whose name ends with u are true of NaN.
    table["setp.equ.f32"] = of([](f32 a, f32 b) { return !(a < b) && !(a > b); });
    table["setp.neu.f32"] = of([](f32 a, f32 b) { return !(a == b); });
    table["setp.ltu.f32"] = of([](f32 a, f32 b) { return !(a >= b); });
    table["setp.leu.f32"] = of([](f32 a, f32 b) { return !(a > b); });
    table["setp.gtu.f32"] = of([](f32 a, f32 b) { return !(a <= b); });
    table["setp.geu.f32"] = of([](f32 a, f32 b) { return !(a < b); });
    table["add.rn.f32"] = of([](f32 a, f32 b) { return a + b; });
    table["sub.rn.f32"] = of([](f32 a, f32 b) { return a - b; });
    table["mul.rn.f32"] = of([](f32 a, f32 b) { return a * b; });
    table["div.rn.f32"] = of([](f32 a, f32 b) { return a / b; });
    table["sqrt.rn.f32"] = of([](f32 a) { return std::sqrt(a); });
    table["rcp.rn.f32"] = of([](f32 a) { return 1.0F / a; });
    table["max.f32"] = of([](f32 a, f32 b) { return larger(a, b); });
    table["min.f32"] = of([](f32 a, f32 b) { return smaller(a, b); });
    table["neg.f32"] = of([](u32 a) { return a ^ 0x80000000U; });
    table["abs.f32"] = of([](u32 a) { return a & 0x7FFFFFFFU; });
    table["cvt.rzi.s32.f32"] = of([](f32 a) { return to_integer(std::trunc(a)); });
    table["cvt.rni.s32.f32"] = of([](f32 a) { return to_integer(std::nearbyint(a)); });
    add_converted<f32, s64>(table, "cvt.rn.f32.s64");
    add_converted<f32, s32>(table, "cvt.rn.f32.s32");
    add_converted<f32, u32>(table, "cvt.rn.f32.u32");
}

Table all_operations() {
    Table table;
    add_integers<s32>(table, "s32");
    add_integers<u32>(table, "u32");
    add_integers<s64>(table, "s64");
    add_integers<u64>(table, "u64");
    add_compared<s16>(table, "s16");
    add_compared<u16>(table, "u16");
    add_bits<u16>(table, "b16");
    add_bits<u32>(table, "b32");
    add_bits<u64>(table, "b64");
    add_bits<pred>(table, "pred");
    add_moved<u16>(table, {"u16", "s16", "b16"});
    add_moved<u32>(table, {"u32", "s32", "b32", "f32"});
    add_moved<u64>(table, {"u64", "s64", "b64"});
    add_moved<pred>(table, {"pred"});
    add_shifts(table);
    add_floats(table);
    add_converted<u64, u32>(table, "cvt.u64.u32");
    add_converted<u32, u64>(table, "cvt.u32.u64");
    add_converted<s64, s32>(table, "cvt.s64.s32");
    for (const char* same : {"cvta.to.global.u64", "cvta.to.local.u64", "cvta.local.u64"})
        add_converted<u64, u64>(table, same);
    return table;
}

// The first line whose part the opcode has.
struct Slots {
    std::string_view part;
    int slots;
};
constexpr Slots kSlots[] = {
    {"mov.", 0},         {"cvta", 0},       {"cvt.u64.u32", 0}, {"cvt.u32.u64", 0},
    {"cvt.s64.s32", 1},  {"f32.s64", 8},    {"cvt.", 2},        {"div.rn.f32", 10},
    {"sqrt.rn.f32", 10}, {"rcp.rn.f32", 8}, {"div.s64", 100},   {"div.u64", 100},
    {"rem.s64", 100},    {"rem.u64", 100},  {"div.", 18},       {"rem.", 18},
    {"mul.hi.u64", 8},   {"mul.lo.s64", 4}, {"mul.lo.u64", 4},  {"mad.lo.s64", 5},
    {"mad.lo.u64", 5},   {"min.s64", 4},    {"max.s64", 4},     {"min.u64", 4},
    {"max.u64", 4},      {"s64", 2},        {"u64", 2},         {"b64", 2},
};

}  // namespace

Operation find_operation(std::string_view opcode) {
    static const Table kTable = all_operations();
    const auto found = kTable.find(opcode);
    if (found == kTable.end()) return {};
    Operation operation = found->second;
    for (const Slots& each : kSlots) {
        if (opcode.find(each.part) == std::string_view::npos) continue;
        operation.slots = each.slots;
        break;
    }
    return operation;
}

}  // namespace assay::gpu_emulator
