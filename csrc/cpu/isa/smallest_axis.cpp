// Jacobi rotations, a matrix per lane. They are robust where eigenvalues coincide, as on edges and
// in corners.
#include "cpu/isa/smallest_axis.h"

#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

constexpr int sweeps = 5;  // converges quadratically: 4 are enough for float

Floats root(Floats values) {
  for (int lane = 0; lane < width; ++lane) values[lane] = __builtin_sqrtf(values[lane]);
  return values;
}

struct Matrices {
  Floats a[3][3];     // symmetric; the upper half is in use
  Floats axes[3][3];  // axes[i][k]: component i of the axis that belongs to a[k][k]

  // Zeroes a[p][q]; p < q, and r is the third index.
  void rotate(int p, int q, int r) {
    const Floats zero = {}, one = zero + 1.0f;
    const Ints is_zero = a[p][q] == zero;
    const Floats theta = (a[q][q] - a[p][p]) / (2.0f * (is_zero ? one : a[p][q]));
    const Floats size = theta < zero ? -theta : theta;
    const Floats steep = one / (size + root(size * size + 1.0f));
    const Floats t = is_zero ? zero : theta < zero ? -steep : steep;
    const Floats c = one / root(t * t + 1.0f), s = t * c;
    a[p][p] -= t * a[p][q];
    a[q][q] += t * a[p][q];
    a[p][q] = zero;
    Floats& rp = r < p ? a[r][p] : a[p][r];
    Floats& rq = r < q ? a[r][q] : a[q][r];
    turn(rp, rq, c, s);
    for (auto& row : axes) turn(row[p], row[q], c, s);
  }

  static void turn(Floats& first, Floats& second, Floats c, Floats s) {
    const Floats old = first;
    first = c * old - s * second;
    second = s * old + c * second;
  }
};

}  // namespace

void smallest_axis(const float* covariances, float* axes, float* shares) {
  for (int lane = 0; lane < axis_lanes; lane += width) {
    const auto row = [&](int i) { return load(covariances + i * axis_lanes + lane); };
    const Floats zero = {}, one = zero + 1.0f;
    const Floats trace = (row(0) + row(1)) + row(2);
    const Floats scale = one / (trace > zero ? trace : one);
    Matrices m = {{{row(0) * scale, row(3) * scale, row(4) * scale},
                   {zero, row(1) * scale, row(5) * scale},
                   {zero, zero, row(2) * scale}},
                  {{one, zero, zero}, {zero, one, zero}, {zero, zero, one}}};
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      m.rotate(0, 1, 2);
      m.rotate(0, 2, 1);
      m.rotate(1, 2, 0);
    }
    Floats least = m.a[0][0];
    Floats axis[3] = {m.axes[0][0], m.axes[1][0], m.axes[2][0]};
    for (int k = 1; k < 3; ++k) {
      const Ints is_smaller = m.a[k][k] < least;
      least = is_smaller ? m.a[k][k] : least;
      for (int i = 0; i < 3; ++i) axis[i] = is_smaller ? m.axes[i][k] : axis[i];
    }
    const Floats length = root((axis[0] * axis[0] + axis[1] * axis[1]) + axis[2] * axis[2]);
    for (int i = 0; i < 3; ++i) store(axes + i * axis_lanes + lane, axis[i] / length);
    store(shares + lane, least > zero ? least : zero);
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
