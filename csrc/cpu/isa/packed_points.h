#pragma once
// The layout of points in the per-ISA kernels: sixteen at a time, axis by axis. cpu/buckets.h makes
// it.
#include <cstdint>

namespace musc2::cpu {

constexpr int lanes = 16;

// Sixteen points. Unused lanes have the index `no_point` and NaN coordinates, so every comparison
// fails.
struct alignas(64) PackedPoints {
  float x[lanes], y[lanes], z[lanes];
  int32_t index[lanes];
};
constexpr int32_t no_point = INT32_MAX;

// The bounding boxes of sixteen buckets. Unused lanes are NaN.
struct alignas(64) Boxes {
  float low_x[lanes], low_y[lanes], low_z[lanes];
  float high_x[lanes], high_y[lanes], high_z[lanes];
};

struct alignas(64) Lanes {
  float value[lanes];
};

struct Point {
  float x, y, z;
};

}  // namespace musc2::cpu
