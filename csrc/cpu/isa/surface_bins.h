#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int sine_bins = 8, tilt_bins = 10, height_bins = 12, variation_bins = 8;
constexpr int64_t surface_step = 16;

// Points around a center: their offsets from it and their normals, in arrays padded to a multiple
// of surface_step.
struct Neighborhood {
  const float *x, *y, *z;
  const float *normal_x, *normal_y, *normal_z;
};

struct Frame {
  float normal[3];
  float mean_height;  // along the normal
  float radius;
};

// The positions of the points among the bins of group_histograms.h; 0 is the middle of the first
// bin. tilt is -1 where a point does not count. `count` is rounded up to a multiple of
// surface_step.
MUSC2_ISA_FUNCTION(void, surface_bins, const Neighborhood* around, int64_t count,
                   const Frame* frame, float* sine, float* tilt, float* height)

}  // namespace musc2::cpu
