#pragma once
// Where points around a center are among the bins of musc2/group_histograms.h; 0 is the middle of
// the first bin.
//
// Value is a float, or a vector of floats with a point in each lane; both give the same bits. Root
// takes square roots of it; it is of an anonymous namespace, so that no copy for one instruction
// set is taken for another's.
#include "common/host_device.h"

namespace musc2 {

constexpr int sine_bins = 8, tilt_bins = 10, height_bins = 12, variation_bins = 8;

struct Frame {
  float normal[3];
  float mean_height;  // along the normal
  float radius;
};

// Offsets of points from the center, and their normals.
template <class Value>
struct Surroundings {
  Value x, y, z;
  Value normal_x, normal_y, normal_z;
};

// tilt: -1 where a point does not count.
template <class Value>
struct BinPositions {
  Value sine, tilt, height;
};

// A position that is NaN is that of the last bin.
template <class Value>
MUSC2_HOST_DEVICE static inline Value bin_position(Value value, float low, float high, int bins) {
  const Value zero = {}, last = zero + static_cast<float>(bins - 1);
  const Value position = (value - low) * (static_cast<float>(bins) / (high - low)) - 0.5f;
  const Value capped = position < last ? position : last;
  return capped > zero ? capped : zero;
}

template <class Value, class Root>
MUSC2_HOST_DEVICE inline BinPositions<Value> bin_positions(const Surroundings<Value>& around,
                                                           const Frame& frame, Root root) {
  const Value zero = {}, one = zero + 1.0f, unused = zero - 1.0f;
  const Value nx = zero + frame.normal[0], ny = zero + frame.normal[1], nz = zero + frame.normal[2];
  const float per_radius = frame.radius > 0 ? 1 / frame.radius : 0.0f;
  const Value near2 = zero + 0.01f * frame.radius * frame.radius;
  const Value mx = around.normal_x, my = around.normal_y, mz = around.normal_z;
  const Value cx = my * nz - mz * ny, cy = mz * nx - mx * nz, cz = mx * ny - my * nx;
  const Value sine = root((cx * cx + cy * cy) + cz * cz);
  const Value along = (around.x * nx + around.y * ny) + around.z * nz;
  const Value tx = around.x - along * nx, ty = around.y - along * ny, tz = around.z - along * nz;
  const Value flat2 = (tx * tx + ty * ty) + tz * tz;
  const Value leaning = ((mx * tx + my * ty) + mz * tz) / root(flat2 > zero ? flat2 : one);
  const Value height = (along - frame.mean_height) * per_radius;
  return {bin_position(sine, 0.0f, 0.8f, sine_bins),
          flat2 > near2 ? bin_position(leaning, -0.6f, 0.6f, tilt_bins) : unused,
          bin_position(height, -0.35f, 0.35f, height_bins)};
}

}  // namespace musc2
