// Shape and element-type rules of each operation kind, used by check() (program.h).
// Plain function on const values; thread-safe; empty result means that the shapes agree.
#pragma once

#include <string>

#include "compute/program/program.h"

namespace assay::compute {

std::string shape_problem(const Program& program, const Operation& operation);

}  // namespace assay::compute
