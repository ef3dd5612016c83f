// The AMX int8 kernels: products in matrix tiles, all else as with AVX-512, which every processor
// with AMX has. This file alone is built with those flags (never -mfma) and is entered only where
// the machine has them and the operating system has granted the tiles' state.
#include "compute/kernels/kernel_table.h"

#if defined(__AMX_INT8__) && defined(__AVX512VNNI__) && defined(__linux__)

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compute/kernels/digits_avx512.h"
#include "compute/kernels/make_table.h"
#include "compute/kernels/pack_avx512.h"
#include "compute/kernels/tile_digits.h"
#include "compute/kernels/vectors_avx512.h"

namespace assay::compute {
namespace {

// Eight tiles of 16 rows of 64 bytes, configured for the calling thread.
struct AmxUnit {
    AmxUnit() {
        struct alignas(64) {
            uint8_t palette = 1, start_row = 0, reserved[14] = {};
            uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
            uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
        } config;
        static_assert(sizeof config == 64);
        _tile_loadconfig(&config);
    }
    ~AmxUnit() { _tile_release(); }
    AmxUnit(const AmxUnit&) = delete;
    AmxUnit& operator=(const AmxUnit&) = delete;

    // In assembly: the intrinsics of g++ 12 paste the tile's number from the source text.
    template <int kTile>
    ASSAY_HD void zero() {
        asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
    }
    template <int kTile>
    ASSAY_HD void load(const int32_t* from, int64_t stride) {
        asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile)
                     : "memory");
    }
    template <int kTile>
    ASSAY_HD void store(int32_t* to, int64_t stride) {
        asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile)
                     : "memory");
    }
    template <int kOut, int kA, int kB>
    ASSAY_HD void add_product() {
        asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kOut), "i"(kA), "i"(kB));
    }
};

bool machine_has_amx() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return false;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    constexpr unsigned kTileBit = 1U << 24, kInt8Bit = 1U << 25;
    return (d & kTileBit) != 0 && (d & kInt8Bit) != 0;
}

// Linux grants the tiles' 8 KiB of state to a process only when asked.
bool ask_for_tiles() {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

const KernelTable* amx_kernels() {
    static constexpr KernelTable kTable =
        make_table<Avx512Lanes, DigitTile<AmxUnit, Avx512Vectors>>(
            PackDigits<pack_avx512, Avx512Digits>::pack);
    const bool here = avx512vnni_kernels() != nullptr && machine_has_amx() && ask_for_tiles();
    return here ? &kTable : nullptr;
}

}  // namespace assay::compute

#else

namespace assay::compute {
const KernelTable* amx_kernels() {
    return nullptr;
}
}  // namespace assay::compute

#endif
