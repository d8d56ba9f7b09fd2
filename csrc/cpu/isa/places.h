#pragma once
// The distances that the point leaves share.
#include "cpu/isa/blocks.h"
#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {

static inline Floats squared(Floats dx, Floats dy, Floats dz) { return (dx * dx + dy * dy) + dz * dz; }

// Squared distances of `width` points of a block, from lane on.
static inline Floats distances(const Block& block, int lane, const Place& from) {
  return squared(load(block.x + lane) - from.x, load(block.y + lane) - from.y, load(block.z + lane) - from.z);
}

// Lower bounds of the squared distances to `width` boxes. Rounding is monotone and the terms are summed in the order of
// distances(), so no computed distance to a point of the box is below its bound. NaN where there is no box.
static inline Floats bounds(const Boxes& boxes, int lane, const Place& from) {
  const Floats zero = {};
  const Floats dx = larger(load(boxes.low_x + lane) - from.x, from.x - load(boxes.high_x + lane));
  const Floats dy = larger(load(boxes.low_y + lane) - from.y, from.y - load(boxes.high_y + lane));
  const Floats dz = larger(load(boxes.low_z + lane) - from.z, from.z - load(boxes.high_z + lane));
  return squared(larger(zero, dx), larger(zero, dy), larger(zero, dz));
}

}  // namespace musc2::cpu::MUSC2_ISA
