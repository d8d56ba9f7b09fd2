#include "cpu/isa/surface_bins.h"

#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

Floats root(Floats values) {
  for (int lane = 0; lane < width; ++lane) values[lane] = __builtin_sqrtf(values[lane]);
  return values;
}

Floats bin_position(Floats value, float low, float high, int bins) {
  const Floats position = (value - low) * (static_cast<float>(bins) / (high - low)) - 0.5f;
  return larger(smaller(position, Floats{} + static_cast<float>(bins - 1)), Floats{});
}

}  // namespace

void surface_bins(const Neighborhood* around, int64_t count, const Frame* frame, float* sine,
                  float* tilt, float* height) {
  const Floats zero = {}, one = zero + 1.0f, unused = zero - 1.0f;
  const Floats nx = zero + frame->normal[0], ny = zero + frame->normal[1],
               nz = zero + frame->normal[2];
  const float per_radius = frame->radius > 0 ? 1 / frame->radius : 0.0f;
  const Floats near2 = zero + 0.01f * frame->radius * frame->radius;
  for (int64_t i = 0; i < count; i += width) {
    const Floats x = load(around->x + i), y = load(around->y + i), z = load(around->z + i);
    const Floats mx = load(around->normal_x + i), my = load(around->normal_y + i),
                 mz = load(around->normal_z + i);
    const Floats cx = my * nz - mz * ny, cy = mz * nx - mx * nz, cz = mx * ny - my * nx;
    store(sine + i, bin_position(root((cx * cx + cy * cy) + cz * cz), 0.0f, 0.8f, sine_bins));
    const Floats along = (x * nx + y * ny) + z * nz;
    const Floats tx = x - along * nx, ty = y - along * ny, tz = z - along * nz;
    const Floats flat2 = (tx * tx + ty * ty) + tz * tz;
    const Floats leaning = ((mx * tx + my * ty) + mz * tz) / root(flat2 > zero ? flat2 : one);
    store(tilt + i, flat2 > near2 ? bin_position(leaning, -0.6f, 0.6f, tilt_bins) : unused);
    store(height + i,
          bin_position((along - frame->mean_height) * per_radius, -0.35f, 0.35f, height_bins));
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
