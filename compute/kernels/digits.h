// Quantised values as base-128 digits in [-64, 63], for units that multiply int8: how many planes a
// product takes and how their sums are joined. Threads: pure. Errors: none.
#pragma once

#include "compute/arithmetic/scalar.h"

namespace assay::compute {

inline constexpr int64_t kDigitBlock = 64;               // k of one plane
inline constexpr int64_t kPlaneUnits = kDigitBlock / 4;  // int32 of it
inline constexpr int64_t kMaxPlanes = 6;
inline constexpr int64_t kDigitLanes = 16;                        // vectors of a tile of the unit
inline constexpr int64_t kDigitTile = kDigitLanes * kPlaneUnits;  // its int32

// Products of digit planes that make up one exact product (Karatsuba's scheme).
ASSAY_HD constexpr int64_t digit_planes(int slices) {
    return slices == 1 ? 1 : slices == 2 ? 3 : 6;
}
ASSAY_HD int64_t digit_units(int64_t depth, int slices) {
    return (depth + kDigitBlock - 1) / kDigitBlock * digit_planes(slices) * kPlaneUnits;
}

// The exact product from the sums of its planes.
ASSAY_HD int64_t join_planes(const int64_t* p, int slices) {
    if (slices == 1) return p[0];
    if (slices == 2) return p[1] * 16384 + (p[2] - p[0] - p[1]) * 128 + p[0];
    return (p[2] * 16384 + (p[5] - p[1] - p[2]) * 128 + (p[4] - p[0] - p[2]) + p[1]) * 16384 +
           (p[3] - p[0] - p[1]) * 128 + p[0];
}

}  // namespace assay::compute
