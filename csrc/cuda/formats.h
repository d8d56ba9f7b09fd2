#pragma once
// The formats that features come in and that a search multiplies: how memory holds a number
// (Stored), the product of a left operand of 16 rows with a right operand of 8, and for Hopper's
// instructions what products add up to (Sum). Features that are not float32 are Narrow.
#include <limits>
#include <type_traits>

#include "cuda/device.h"

namespace musc2::cuda {

struct SixteenBits {
  using Sum = float;
  using Left = tile::Matrices;
  struct Right {
    uint32_t cells[2];
  };

  __device__ static Left left(const tile::Matrices& matrices) { return matrices; }
  __device__ static Right right(uint32_t first, uint32_t second) { return {{first, second}}; }
};

struct Bfloat16 : SixteenBits {
  using Stored = __nv_bfloat16;
  using Narrow = Bfloat16;

  __device__ static float widen(Stored stored) { return __bfloat162float(stored); }
  __device__ static Stored round(float value) { return __float2bfloat16_rn(value); }

  __device__ static void multiply(tile::Sums& sums, const Left& left, const Right& right) {
    tile::multiply_bfloat16(sums, left.cells, right.cells);
  }
  __device__ static void multiply(hopper::Sums& first, hopper::Sums& second,
                                  hopper::Descriptor left, hopper::Descriptor right) {
    hopper::multiply_bfloat16(first, second, left, right);
  }
};

struct Float16 : SixteenBits {
  using Stored = __half;
  using Narrow = Float16;

  __device__ static float widen(Stored stored) { return __half2float(stored); }

  // Values beyond the largest finite one are clamped to it.
  __device__ static Stored round(float value) {
    constexpr float largest = 65504;
    return __float2half_rn(value > largest ? largest : value < -largest ? -largest : value);
  }

  __device__ static void multiply(tile::Sums& sums, const Left& left, const Right& right) {
    tile::multiply_float16(sums, left.cells, right.cells);
  }
  __device__ static void multiply(hopper::Sums& first, hopper::Sums& second,
                                  hopper::Descriptor left, hopper::Descriptor right) {
    hopper::multiply_float16(first, second, left, right);
  }
};

// Integers, which are features divided by a scale of their row: the largest magnitude becomes 127.
// Their sums are exact. Only Hopper's instructions multiply them here.
struct Int8 {
  using Stored = int8_t;
  using Narrow = Float16;
  using Sum = int32_t;
  static constexpr int largest = 127;
  // So that no sum overflows.
  static constexpr int64_t most_channels =
      std::numeric_limits<int32_t>::max() / (largest * largest);

  __device__ static void multiply(hopper::IntegerSums& first, hopper::IntegerSums& second,
                                  hopper::Descriptor left, hopper::Descriptor right) {
    hopper::multiply_int8(first, second, left, right);
  }
};

// Whether numbers are multiples of a scale of their row.
template <class Format>
constexpr bool is_scaled = std::is_same_v<Format, Int8>;

// 3xTF32: each number is split into the sum of two tf32 numbers, and the product of the two small
// ones is left out. That loses at most about 2^-22 of each product, like rounding to float32, and
// runs at a third of the speed of tf32.
struct Float32 {
  using Stored = float;
  using Narrow = Float32;
  template <int count>
  struct Split {
    uint32_t high[count], low[count];

    __device__ void set(int i, uint32_t cell) {
      const float value = __uint_as_float(cell);
      high[i] = tile::round_tf32(value);
      low[i] = tile::round_tf32(value - __uint_as_float(high[i]));
    }
  };
  using Left = Split<4>;
  using Right = Split<2>;

  __device__ static float widen(Stored stored) { return stored; }
  __device__ static Stored round(float value) { return value; }

  __device__ static Left left(const tile::Matrices& matrices) {
    Left split;
    for (int i = 0; i < 4; ++i) split.set(i, matrices.cells[i]);
    return split;
  }

  __device__ static Right right(uint32_t first, uint32_t second) {
    Right split;
    split.set(0, first);
    split.set(1, second);
    return split;
  }

  __device__ static void multiply(tile::Sums& sums, const Left& left, const Right& right) {
    tile::multiply_tf32(sums, left.low, right.high);
    tile::multiply_tf32(sums, left.high, right.low);
    tile::multiply_tf32(sums, left.high, right.high);
  }
};

}  // namespace musc2::cuda
