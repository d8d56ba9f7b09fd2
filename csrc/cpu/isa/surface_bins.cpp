#include "cpu/isa/surface_bins.h"

#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

struct Root {
  Floats operator()(Floats values) const {
    for (int lane = 0; lane < width; ++lane) values[lane] = __builtin_sqrtf(values[lane]);
    return values;
  }
};

}  // namespace

void surface_bins(const Neighborhood* around, int64_t count, const Frame* frame, float* sine,
                  float* tilt, float* height) {
  for (int64_t i = 0; i < count; i += width) {
    const Surroundings<Floats> points = {load(around->x + i),        load(around->y + i),
                                         load(around->z + i),        load(around->normal_x + i),
                                         load(around->normal_y + i), load(around->normal_z + i)};
    const BinPositions<Floats> positions = bin_positions(points, *frame, Root{});
    store(sine + i, positions.sine);
    store(tilt + i, positions.tilt);
    store(height + i, positions.height);
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
