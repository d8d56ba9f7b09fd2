#pragma once
// Surface variation of a neighborhood: the smallest eigenvalue of its covariance over the sum of
// all three. Only + - * / and sqrt, in double, so that a CUDA kernel that includes this gets the
// same bits.
#include <cmath>
#include <cstdint>

#include "common/host_device.h"

namespace musc2 {

// One Jacobi rotation, which zeroes a[p][q] of the symmetric matrix; r is the third index.
MUSC2_HOST_DEVICE inline void rotate(double (&a)[3][3], int p, int q, int r) {
  if (a[p][q] == 0) return;
  const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const double size = theta < 0 ? -theta : theta;
  const double t = (theta < 0 ? -1 : 1) / (size + sqrt(size * size + 1));
  const double c = 1 / sqrt(t * t + 1), s = t * c;
  const double rp = a[r][p], rq = a[r][q];
  a[p][p] -= t * a[p][q];
  a[q][q] += t * a[p][q];
  a[p][q] = a[q][p] = 0;
  a[r][p] = a[p][r] = c * rp - s * rq;
  a[r][q] = a[q][r] = s * rp + c * rq;
}

MUSC2_HOST_DEVICE inline double smallest_share_of_eigenvalues(double (&a)[3][3]) {
  const double sum = a[0][0] + a[1][1] + a[2][2];
  if (!(sum > 0)) return 0;
  for (int sweep = 0; sweep < 6; ++sweep) {  // converges quadratically; 4 have always sufficed
    rotate(a, 0, 1, 2);
    rotate(a, 0, 2, 1);
    rotate(a, 1, 2, 0);
  }
  double smallest = a[0][0] < a[1][1] ? a[0][0] : a[1][1];
  if (a[2][2] < smallest) smallest = a[2][2];
  return smallest > 0 ? smallest / sum : 0;
}

// The steps of curvature(), which a CUDA kernel distributes over threads. Sums are in the order of
// the neighbors.

MUSC2_HOST_DEVICE inline double squared_length(const float* offset) {
  const double x = offset[0], y = offset[1], z = offset[2];
  return (x * x + y * y) + z * z;
}

// Relative to the first neighbor, so that the covariance of neighbors that coincide is exactly 0.
MUSC2_HOST_DEVICE inline double scaled(const float* offsets, int64_t i, int d, double scale) {
  return (double{offsets[3 * i + d]} - double{offsets[d]}) * scale;
}

// offsets (count, 3): the neighbors minus the center. In [0, 1/3]; 0 if all neighbors coincide or
// there are none.
MUSC2_HOST_DEVICE inline double curvature(const float* offsets, int64_t count) {
  double largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double length2 = squared_length(offsets + 3 * i);
    if (length2 > largest) largest = length2;
  }
  if (!(largest > 0)) return 0;
  const double scale = 1 / sqrt(largest);
  double mean[3] = {};
  for (int64_t i = 0; i < count; ++i) {
    for (int d = 0; d < 3; ++d) mean[d] += scaled(offsets, i, d, scale);
  }
  for (double& coordinate : mean) coordinate /= static_cast<double>(count);
  double covariance[3][3] = {};
  for (int64_t i = 0; i < count; ++i) {
    double from_mean[3];
    for (int d = 0; d < 3; ++d) from_mean[d] = scaled(offsets, i, d, scale) - mean[d];
    for (int row = 0; row < 3; ++row) {
      for (int column = 0; column < 3; ++column)
        covariance[row][column] += from_mean[row] * from_mean[column];
    }
  }
  return smallest_share_of_eigenvalues(covariance);
}

}  // namespace musc2
