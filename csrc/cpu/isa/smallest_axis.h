#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int axis_lanes = 16;

// The eigenvectors of the smallest eigenvalues (the first on ties) of sixteen symmetric 3 x 3 matrices, and the share
// of these in the sums of all three, at least 0. covariances: six rows of sixteen, xx yy zz xy xz yz; a zero matrix has
// the axis x and the share 0. axes: three rows of sixteen, unit length; the same on every instruction set.
MUSC2_LEAF(void, smallest_axis, const float* covariances, float* axes, float* shares)

}  // namespace musc2::cpu
