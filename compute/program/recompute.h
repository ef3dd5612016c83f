// Activation recomputation: the same step in less memory. The backward pass computes a layer's
// activations again, from the residual stream that enters it, instead of keeping them.
//
// A rewrite of the list: the forward operations of layer i are repeated before the first backward
// operation that reads one of its activations, and the original ones die early. Every operation
// sees the values it saw before, so the bits do not change. About a third more products are
// computed; what is paid is the plain program. Plain function; thread-safe; no errors.
#pragma once

#include "compute/program/program.h"

namespace assay::compute {

// Of a training program; layers are what the tensors' names say, "h.<i>.", as in every model here.
Program recompute_layers(const Program& program);

}  // namespace assay::compute
