#include "cpu/isa/smallest_axis.h"

#include "common/smallest_axis.h"
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

void smallest_axis(const float* covariances, float* axes, float* shares) {
  for (int lane = 0; lane < axis_lanes; lane += width) {
    Floats rows[6];
    for (int i = 0; i < 6; ++i) rows[i] = load(covariances + i * axis_lanes + lane);
    const Axis<Floats> axis = musc2::smallest_axis(rows, Root{});
    store(axes + lane, axis.x);
    store(axes + axis_lanes + lane, axis.y);
    store(axes + 2 * axis_lanes + lane, axis.z);
    store(shares + lane, axis.share);
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
