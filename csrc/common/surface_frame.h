#pragma once
// The frame that a histogram of musc2/group_histograms.h is taken in.
#include "common/normals.h"
#include "common/surface_bins.h"

namespace musc2 {

// sums: of the offsets of `count` points from the center, and of their normals.
MUSC2_HOST_DEVICE static inline Frame surface_frame(const float* sums, float count,
                                                    const float* own_normal, float radius) {
  Frame frame;
  write_direction(sums + 3, own_normal, frame.normal);
  const float along =
      (sums[0] * frame.normal[0] + sums[1] * frame.normal[1]) + sums[2] * frame.normal[2];
  frame.mean_height = along / count;
  frame.radius = radius;
  return frame;
}

}  // namespace musc2
