#include "cpu/isa/sort_columns.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int64_t lanes = 16;
#elif defined(__AVX2__)
constexpr int64_t lanes = 8;
#else
constexpr int64_t lanes = 4;
#endif
typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));
typedef float Floats __attribute__((vector_size(lanes * 4), aligned(4), may_alias));
typedef int32_t Whole __attribute__((vector_size(lanes * 4), aligned(4), may_alias));

Four four(const float* values) { return *reinterpret_cast<const Four*>(values); }

// One shuffle each. Compilers have builtins for them, but not the same ones.
Four interleave_low(Four a, Four b) { return Four{a[0], b[0], a[1], b[1]}; }
Four interleave_high(Four a, Four b) { return Four{a[2], b[2], a[3], b[3]}; }
Four join_low(Four a, Four b) { return Four{a[0], a[1], b[0], b[1]}; }
Four join_high(Four a, Four b) { return Four{a[2], a[3], b[2], b[3]}; }

void transpose4(const float* rows, int64_t n, float* columns) {
  const Four a = four(rows), b = four(rows + n), c = four(rows + 2 * n), d = four(rows + 3 * n);
  const Four ab = interleave_low(a, b), cd = interleave_low(c, d);
  const Four ab2 = interleave_high(a, b), cd2 = interleave_high(c, d);
  *reinterpret_cast<Four*>(columns) = join_low(ab, cd);
  *reinterpret_cast<Four*>(columns + sort_lanes) = join_high(ab, cd);
  *reinterpret_cast<Four*>(columns + 2 * sort_lanes) = join_low(ab2, cd2);
  *reinterpret_cast<Four*>(columns + 3 * sort_lanes) = join_high(ab2, cd2);
}

}  // namespace

void rows_to_columns(const float* rows, int64_t n, float* columns, int32_t* count) {
  int64_t column = 0;
  for (; column + 4 <= n; column += 4) {
    for (int64_t lane = 0; lane < sort_lanes; lane += 4) {
      transpose4(rows + lane * n + column, n, columns + column * sort_lanes + lane);
    }
  }
  for (; column < n; ++column) {
    for (int64_t lane = 0; lane < sort_lanes; ++lane)
      columns[column * sort_lanes + lane] = rows[lane * n + column];
  }
  for (int64_t lane = 0; lane < sort_lanes; lane += lanes) {
    Whole below = {};
    for (int64_t i = 0; i < n; ++i) {
      // A comparison is -1 where it holds.
      below -= *reinterpret_cast<const Floats*>(columns + i * sort_lanes + lane) < __builtin_inff();
    }
    *reinterpret_cast<Whole*>(count + lane) = below;
  }
}

void exchange_columns(float* columns, const uint16_t* pairs, int64_t pair_count) {
  for (int64_t p = 0; p < pair_count; ++p) {
    float* first = columns + pairs[2 * p] * sort_lanes;
    float* second = columns + pairs[2 * p + 1] * sort_lanes;
    for (int64_t lane = 0; lane < sort_lanes; lane += lanes) {
      const Floats a = *reinterpret_cast<const Floats*>(first + lane);
      const Floats b = *reinterpret_cast<const Floats*>(second + lane);
      *reinterpret_cast<Floats*>(first + lane) = a < b ? a : b;
      *reinterpret_cast<Floats*>(second + lane) = a < b ? b : a;
    }
  }
}

void sum_columns(const float* columns, const int32_t* low, const int32_t* high, double* sums) {
  for (int64_t lane = 0; lane < sort_lanes; ++lane) {
    double total = 0;
    for (int32_t i = low[lane]; i < high[lane]; ++i)
      total += static_cast<double>(columns[i * sort_lanes + lane]);
    sums[lane] = total;
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
