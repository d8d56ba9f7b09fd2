#pragma once
// CUDA's 16-bit floats: storage and conversion, rounded to nearest even; and rounding towards zero.
#include <cmath>
#include <cstdint>

#include "emulator/intrinsics.h"

struct __nv_bfloat16 {
  uint16_t bits;
};
struct __half {
  uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 value) {
  return __uint_as_float(unsigned{value.bits} << 16);
}

inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  const unsigned bits = __float_as_uint(value);
  if (std::isnan(value)) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

inline float __half2float(__half value) {
  const int exponent = value.bits >> 10 & 31, fraction = value.bits & 1023;
  float magnitude = std::ldexp(static_cast<float>(exponent == 0 ? fraction : fraction + 1024),
                               (exponent > 1 ? exponent : 1) - 25);
  if (exponent == 31) magnitude = fraction == 0 ? INFINITY : NAN;
  return value.bits >> 15 != 0 ? -magnitude : magnitude;
}

inline __half __float2half_rn(float value) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return {0x7fff};
  if (magnitude >= 65520) return {static_cast<uint16_t>(sign | 0x7c00)};
  constexpr float smallest_normal = 1.0f / (1 << 14);
  int exponent = -13;
  if (magnitude >= smallest_normal) std::frexp(magnitude, &exponent);
  const int step = exponent - 11;  // the unit in the last place is 2^step
  // In these units a fraction that is rounded up carries into the exponent by itself.
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, -step)));
  return {static_cast<uint16_t>(sign | (units + ((step + 24) << 10)))};
}

namespace musc2::emulation {

// Rounds to float32 towards zero, as matrix cores do with their sums. Infinity beyond the largest
// value.
inline float toward_zero(double value) {
  const auto nearest = static_cast<float>(value);
  const bool is_beyond =
      std::fabs(static_cast<double>(nearest)) > std::fabs(value) && !std::isinf(nearest);
  return is_beyond ? std::nextafter(nearest, 0.0f) : nearest;
}

}  // namespace musc2::emulation
