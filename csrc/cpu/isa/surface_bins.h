#pragma once
#include "common/surface_bins.h"
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int64_t surface_step = 16;

// Points around a center: their offsets from it and their normals, in arrays padded to a multiple
// of surface_step.
struct Neighborhood {
  const float *x, *y, *z;
  const float *normal_x, *normal_y, *normal_z;
};

// The positions of the points among the bins. `count` is rounded up to a multiple of surface_step.
MUSC2_ISA_FUNCTION(void, surface_bins, const Neighborhood* around, int64_t count,
                   const Frame* frame, float* sine, float* tilt, float* height)

}  // namespace musc2::cpu
