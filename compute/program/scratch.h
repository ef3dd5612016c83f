// Memory that a GPU needs for the operations of a program while they run (digit planes, products,
// scores, sums), beside its arena, parameters, moments and inputs. Plain function; thread-safe; no
// errors.
#pragma once

#include "compute/cuda/scratch.h"
#include "compute/program/program.h"

namespace assay::compute {

// `joins`: the batch is split over devices. `product_bytes`: of sums at a time.
uint64_t scratch_bytes(const Program& program, bool joins,
                       int64_t product_bytes = gpu::kProductBytes);

}  // namespace assay::compute
