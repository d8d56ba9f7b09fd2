#include "cpu/isa/pool_tokens.h"

#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

// Sums `simd_vectors` vectors of channels over all tokens; the sums stay in registers.
template <int simd_vectors>
void sum_channels(const float* const* vectors, const float* coefficients, int64_t count, int64_t at,
                  float* sum) {
  Floats sums[simd_vectors] = {};
  for (int64_t t = 0; t < count; ++t) {
    for (int v = 0; v < simd_vectors; ++v)
      sums[v] += coefficients[t] * load(vectors[t] + at + v * width);
  }
  for (int v = 0; v < simd_vectors; ++v) store(sum + at + v * width, sums[v]);
}

}  // namespace

float token_distance2(const float* a, const float* b, int64_t n) {
  return b == nullptr ? squared_norm(a, n) : squared_distance(a, b, n);
}

void token_sum(const float* const* vectors, const float* coefficients, int64_t count, int64_t n,
               float* sum) {
  int64_t at = 0;
  for (; at + 8 * width <= n; at += 8 * width)
    sum_channels<8>(vectors, coefficients, count, at, sum);
  for (; at + width <= n; at += width) sum_channels<1>(vectors, coefficients, count, at, sum);
  for (; at < n; ++at) {
    float total = 0;
    for (int64_t t = 0; t < count; ++t) total += coefficients[t] * vectors[t][at];
    sum[at] = total;
  }
}

void mean_of_consecutive(const float* values, int64_t rows, int64_t n, float* mean) {
  const float share = 1.0f / static_cast<float>(rows);
  if (rows == 3) {  // the usual number of degrees; lets the compiler use shuffles
    for (int64_t j = 0; j < n; ++j)
      mean[j] = ((values[3 * j] + values[3 * j + 1]) + values[3 * j + 2]) * share;
    return;
  }
  for (int64_t j = 0; j < n; ++j) {
    float total = 0;
    for (int64_t t = 0; t < rows; ++t) total += values[rows * j + t];
    mean[j] = total * share;
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
