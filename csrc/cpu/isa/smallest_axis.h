#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int axis_lanes = 16;

// The eigenvectors of the smallest eigenvalues (the first on ties) of sixteen symmetric 3 x 3
// matrices, and the shares of these eigenvalues in the sums of all three, at least 0. covariances:
// six rows of sixteen, xx yy zz xy xz yz; a zero matrix gives the x axis and a share of 0. axes:
// three rows of sixteen, unit length. The same on every instruction set.
MUSC2_ISA_FUNCTION(void, smallest_axis, const float* covariances, float* axes, float* shares)

}  // namespace musc2::cpu
