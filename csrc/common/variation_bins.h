#pragma once
// Where the logarithms of surface variations are among the bins of musc2/group_histograms.h.
#include <cstdint>
#include <cstring>

#include "common/host_device.h"
#include "common/surface_bins.h"

namespace musc2 {

// The natural logarithm of a positive, normal float, by + - * / in double: the C library's differs
// between systems in the last bit, and from CUDA's.
MUSC2_HOST_DEVICE inline float natural_log(float value) {
  constexpr int mantissa_bits = 23, bias = 127, terms = 9;
  constexpr uint32_t one = uint32_t{bias} << mantissa_bits;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  int exponent = static_cast<int>(bits >> mantissa_bits) - bias;
  bits = (bits & ((1u << mantissa_bits) - 1)) | one;
  float mantissa;
  memcpy(&mantissa, &bits, sizeof mantissa);
  double m = double{mantissa};  // in [1, 2), then in (0.7, 1.42)
  if (m > 1.4142135623730951) m /= 2, ++exponent;
  // log m = 2 (s + s^3 / 3 + s^5 / 5 + ...), where s is at most 0.172.
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double series = 0;
  for (int term = terms; term > 0; --term) series = series * s2 + 1.0 / (2 * term - 1);
  return static_cast<float>(exponent * 0.6931471805599453 + 2 * s * series);
}

MUSC2_HOST_DEVICE inline float variation_position(float variation) {
  return bin_position(natural_log(variation + 1e-5f), -9.0f, -2.0f, variation_bins);
}

}  // namespace musc2
