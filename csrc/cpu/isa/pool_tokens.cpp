#include "cpu/isa/pool_tokens.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int64_t lanes = 16;
#elif defined(__AVX2__)
constexpr int64_t lanes = 8;
#else
constexpr int64_t lanes = 4;
#endif
typedef float Floats __attribute__((vector_size(lanes * 4), aligned(4), may_alias));

Floats load(const float* from) { return *reinterpret_cast<const Floats*>(from); }

template <bool norm>
float distance2(const float* a, const float* b, int64_t n) {
  constexpr int64_t chains = 4;  // independent sums hide the latency of the multiply-add
  Floats sums[chains] = {};
  int64_t i = 0;
  for (; i + chains * lanes <= n; i += chains * lanes) {
    for (int64_t c = 0; c < chains; ++c) {
      const Floats difference = norm ? load(a + i + c * lanes) : load(a + i + c * lanes) - load(b + i + c * lanes);
      sums[c] += difference * difference;
    }
  }
  const Floats sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float total = 0;
  for (int64_t lane = 0; lane < lanes; ++lane) total += sum[lane];
  for (; i < n; ++i) {
    const float difference = norm ? a[i] : a[i] - b[i];
    total += difference * difference;
  }
  return total;
}

// The sum of a stretch of `vectors_wide` vectors stays in registers while the tokens pass by.
template <int vectors_wide>
void stretch(const float* const* vectors, const float* coefficients, int64_t count, int64_t at, float* sum) {
  Floats sums[vectors_wide] = {};
  for (int64_t t = 0; t < count; ++t) {
    for (int v = 0; v < vectors_wide; ++v) sums[v] += coefficients[t] * load(vectors[t] + at + v * lanes);
  }
  for (int v = 0; v < vectors_wide; ++v) *reinterpret_cast<Floats*>(sum + at + v * lanes) = sums[v];
}

}  // namespace

float token_distance2(const float* a, const float* b, int64_t n) {
  return b == nullptr ? distance2<true>(a, b, n) : distance2<false>(a, b, n);
}

void token_sum(const float* const* vectors, const float* coefficients, int64_t count, int64_t n, float* sum) {
  int64_t at = 0;
  for (; at + 8 * lanes <= n; at += 8 * lanes) stretch<8>(vectors, coefficients, count, at, sum);
  for (; at + lanes <= n; at += lanes) stretch<1>(vectors, coefficients, count, at, sum);
  for (; at < n; ++at) {
    float total = 0;
    for (int64_t t = 0; t < count; ++t) total += coefficients[t] * vectors[t][at];
    sum[at] = total;
  }
}

void mean_of_consecutive(const float* values, int64_t rows, int64_t n, float* mean) {
  const float share = 1.0f / static_cast<float>(rows);
  if (rows == 3) {  // the usual three degrees, so that the compiler can use shuffles
    for (int64_t j = 0; j < n; ++j) mean[j] = ((values[3 * j] + values[3 * j + 1]) + values[3 * j + 2]) * share;
    return;
  }
  for (int64_t j = 0; j < n; ++j) {
    float total = 0;
    for (int64_t t = 0; t < rows; ++t) total += values[rows * j + t];
    mean[j] = total * share;
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
