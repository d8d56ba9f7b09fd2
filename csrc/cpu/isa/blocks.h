#pragma once
// The layout that the point leaves read, sixteen lanes at a time. See csrc/cpu/buckets.h, which makes it.
#include <cstdint>

namespace musc2::cpu {

constexpr int lanes = 16;

// Sixteen points. Lanes that hold none have the index `no_point` and are NaN, with which every comparison fails.
struct alignas(64) Block {
  float x[lanes], y[lanes], z[lanes];
  int32_t index[lanes];
};
constexpr int32_t no_point = INT32_MAX;

// The bounding boxes of sixteen buckets. Lanes that hold none are NaN.
struct alignas(64) Boxes {
  float low_x[lanes], low_y[lanes], low_z[lanes];
  float high_x[lanes], high_y[lanes], high_z[lanes];
};

struct alignas(64) Lanes {
  float value[lanes];
};

struct Place {
  float x, y, z;
};

}  // namespace musc2::cpu
