#pragma once
// Distances to packed points and boxes.
#include "cpu/isa/packed_points.h"
#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {

static inline Floats squared(Floats dx, Floats dy, Floats dz) {
  return (dx * dx + dy * dy) + dz * dz;
}

// Squared distances of `width` points, from `lane` on.
static inline Floats distances(const PackedPoints& points, int lane, const Point& query) {
  return squared(load(points.x + lane) - query.x, load(points.y + lane) - query.y,
                 load(points.z + lane) - query.z);
}

// Lower bounds of the computed squared distances to points in `width` boxes: rounding is monotone,
// and the terms are summed in the order of distances(). NaN for unused lanes.
static inline Floats bounds(const Boxes& boxes, int lane, const Point& query) {
  const Floats zero = {};
  const Floats dx = larger(load(boxes.low_x + lane) - query.x, query.x - load(boxes.high_x + lane));
  const Floats dy = larger(load(boxes.low_y + lane) - query.y, query.y - load(boxes.high_y + lane));
  const Floats dz = larger(load(boxes.low_z + lane) - query.z, query.z - load(boxes.high_z + lane));
  return squared(larger(zero, dx), larger(zero, dy), larger(zero, dz));
}

}  // namespace musc2::cpu::MUSC2_ISA
