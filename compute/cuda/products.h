// The one thing the backend asks of a device's matrix units. Plain struct.
#pragma once

#include <cstdint>

namespace assay::compute::gpu {

// For each of `batch` members: c (rows x columns, int32, row-major) = a (rows x depth) times the
// transpose of b (columns x depth); int8, rows of both `stride` apart, exact sums.
struct Int8Products {
    const int8_t* a;
    const int8_t* b;
    int32_t* c;
    int64_t rows, columns, depth, stride;
    int64_t a_member, b_member;  // elements between members; c's follow each other
    int64_t batch;
};

}  // namespace assay::compute::gpu
