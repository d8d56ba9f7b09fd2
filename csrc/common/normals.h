#pragma once
// Sums over neighbors, for point_normals and group_histograms on a CPU and on a GPU, to the same
// bits.
#include <cmath>
#include <cstdint>

#include "common/host_device.h"

namespace musc2 {

// The covariance of the neighbors of a point. Summed relative to the point itself, in double, so
// that large coordinates cost no digits.
struct Covariance {
  double sum[3] = {}, squares[6] = {};

  MUSC2_HOST_DEVICE void add(const float* neighbor, const float* point) {
    const double x = double{neighbor[0]} - double{point[0]},
                 y = double{neighbor[1]} - double{point[1]},
                 z = double{neighbor[2]} - double{point[2]};
    sum[0] += x, sum[1] += y, sum[2] += z;
    squares[0] += x * x, squares[1] += y * y, squares[2] += z * z;
    squares[3] += x * y, squares[4] += x * z, squares[5] += y * z;
  }

  // Writes xx yy zz xy xz yz, `stride` apart, scaled to at most 1, so that the squares of small
  // ones do not vanish. count: of the neighbors.
  MUSC2_HOST_DEVICE void write(int64_t count, float* to, int64_t stride) {
    constexpr int pairs[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
    for (int i = 0; i < 6; ++i)
      squares[i] -= sum[pairs[i][0]] * sum[pairs[i][1]] / static_cast<double>(count);
    double largest = squares[0];
    for (int i = 1; i < 3; ++i) largest = squares[i] > largest ? squares[i] : largest;
    for (int i = 0; i < 6; ++i)
      to[i * stride] = largest > 0 ? static_cast<float>(squares[i] / largest) : 0.0f;
  }
};

// Scales a sum of normals to unit length; `instead` where the sum is zero.
MUSC2_HOST_DEVICE inline void write_direction(const float* sum, const float* instead,
                                              float* direction) {
  const float length = sqrtf((sum[0] * sum[0] + sum[1] * sum[1]) + sum[2] * sum[2]);
  const bool is_clear = length > 1e-6f;
  for (int d = 0; d < 3; ++d) direction[d] = is_clear ? sum[d] / length : instead[d];
}

}  // namespace musc2
