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
typedef int32_t ShuffleMask __attribute__((vector_size(16)));
typedef float Floats __attribute__((vector_size(lanes * 4), aligned(4), may_alias));
typedef int32_t Whole __attribute__((vector_size(lanes * 4), aligned(4), may_alias));

Four four(const float* values) { return *reinterpret_cast<const Four*>(values); }

void transpose4(const float* rows, int64_t n, float* columns) {
  const Four a = four(rows), b = four(rows + n), c = four(rows + 2 * n), d = four(rows + 3 * n);
  const Four ab = __builtin_shuffle(a, b, ShuffleMask{0, 4, 1, 5}),
             cd = __builtin_shuffle(c, d, ShuffleMask{0, 4, 1, 5});
  const Four ab2 = __builtin_shuffle(a, b, ShuffleMask{2, 6, 3, 7}),
             cd2 = __builtin_shuffle(c, d, ShuffleMask{2, 6, 3, 7});
  *reinterpret_cast<Four*>(columns) = __builtin_shuffle(ab, cd, ShuffleMask{0, 1, 4, 5});
  *reinterpret_cast<Four*>(columns + sort_lanes) =
      __builtin_shuffle(ab, cd, ShuffleMask{2, 3, 6, 7});
  *reinterpret_cast<Four*>(columns + 2 * sort_lanes) =
      __builtin_shuffle(ab2, cd2, ShuffleMask{0, 1, 4, 5});
  *reinterpret_cast<Four*>(columns + 3 * sort_lanes) =
      __builtin_shuffle(ab2, cd2, ShuffleMask{2, 3, 6, 7});
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
