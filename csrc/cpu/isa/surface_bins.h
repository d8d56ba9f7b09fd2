#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int sine_bins = 8, tilt_bins = 10, height_bins = 12, variation_bins = 8;
constexpr int64_t surface_step = 16;

// Points around a center: their offsets from it and normals, in arrays of a multiple of surface_step.
struct Surroundings {
  const float *x, *y, *z;
  const float *normal_x, *normal_y, *normal_z;
};

struct Frame {
  float normal[3];
  float mean_height;  // along the normal
  float radius;
};

// Where the points fall among the bins of group_histograms.h: 0 is the middle of the first. tilt is -1 where a point
// does not count. `count` is rounded up to a multiple of surface_step.
MUSC2_LEAF(void, surface_bins, const Surroundings* around, int64_t count, const Frame* frame, float* sine, float* tilt,
           float* height)

}  // namespace musc2::cpu
