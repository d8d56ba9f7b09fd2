#pragma once
// The axis of the smallest eigenvalue of symmetric 3 x 3 matrices, by Jacobi rotations. They are
// robust where eigenvalues coincide, as on edges and in corners.
//
// Value is a float, or a vector of floats with a matrix in each lane; both give the same bits. Root
// takes square roots of it; it is of an anonymous namespace, so that no copy for one instruction
// set is taken for another's.
#include "common/host_device.h"

namespace musc2 {

// share: of the eigenvalue in the sum of all three, at least 0.
template <class Value>
struct Axis {
  Value x, y, z, share;
};

template <class Value, class Root>
struct SymmetricMatrices {
  Value a[3][3];     // the upper half is in use
  Value axes[3][3];  // axes[i][k]: component i of the axis that belongs to a[k][k]
  Root root;

  // Zeroes a[p][q]; p < q, and r is the third index.
  template <int p, int q, int r>
  MUSC2_HOST_DEVICE void rotate() {
    const Value zero = {}, one = zero + 1.0f;
    const auto is_zero = a[p][q] == zero;
    const Value theta = (a[q][q] - a[p][p]) / (2.0f * (is_zero ? one : a[p][q]));
    const Value size = theta < zero ? -theta : theta;
    const Value steep = one / (size + root(size * size + 1.0f));
    const Value t = is_zero ? zero : theta < zero ? -steep : steep;
    const Value c = one / root(t * t + 1.0f), s = t * c;
    a[p][p] -= t * a[p][q];
    a[q][q] += t * a[p][q];
    a[p][q] = zero;
    turn(r < p ? a[r][p] : a[p][r], r < q ? a[r][q] : a[q][r], c, s);
    for (int i = 0; i < 3; ++i) turn(axes[i][p], axes[i][q], c, s);
  }

  MUSC2_HOST_DEVICE static void turn(Value& first, Value& second, Value c, Value s) {
    const Value old = first;
    first = c * old - s * second;
    second = s * old + c * second;
  }
};

// covariance: xx yy zz xy xz yz. The first axis on ties; a zero matrix gives the x axis and a share
// of 0.
template <class Value, class Root>
MUSC2_HOST_DEVICE inline Axis<Value> smallest_axis(const Value (&covariance)[6], Root root) {
  constexpr int sweeps = 5;  // converges quadratically: 4 are enough for float
  const Value zero = {}, one = zero + 1.0f;
  const Value trace = (covariance[0] + covariance[1]) + covariance[2];
  const Value scale = one / (trace > zero ? trace : one);
  SymmetricMatrices<Value, Root> m = {
      {{covariance[0] * scale, covariance[3] * scale, covariance[4] * scale},
       {zero, covariance[1] * scale, covariance[5] * scale},
       {zero, zero, covariance[2] * scale}},
      {{one, zero, zero}, {zero, one, zero}, {zero, zero, one}},
      root};
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    m.template rotate<0, 1, 2>();
    m.template rotate<0, 2, 1>();
    m.template rotate<1, 2, 0>();
  }
  Value least = m.a[0][0];
  Value axis[3] = {m.axes[0][0], m.axes[1][0], m.axes[2][0]};
  for (int k = 1; k < 3; ++k) {
    const auto is_smaller = m.a[k][k] < least;
    least = is_smaller ? m.a[k][k] : least;
    for (int i = 0; i < 3; ++i) axis[i] = is_smaller ? m.axes[i][k] : axis[i];
  }
  const Value length = root((axis[0] * axis[0] + axis[1] * axis[1]) + axis[2] * axis[2]);
  return {axis[0] / length, axis[1] / length, axis[2] / length, least > zero ? least : zero};
}

}  // namespace musc2
