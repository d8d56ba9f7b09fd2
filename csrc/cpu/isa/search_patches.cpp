// The sums of a tile start at -(|a|^2 + |b|^2) / 2, so that they end at -distance^2 / 2, and serve
// both the nearest of a row and that of a column.
#include "cpu/isa/micropanels.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

// Of the micropanels that are searched together, to stay in an L2 cache of 1 MiB.
constexpr int64_t group_bytes = 448 << 10;

Ints lane_numbers() {
  Ints numbers{};
  for (int i = 0; i < width; ++i) numbers[i] = i;
  return numbers;
}

struct Float32 {
  using Sum = Floats;
  static Sum begin(const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column) {
    return load(b.half_norms + column) + a.half_norms[row];
  }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    float value;
    __builtin_memcpy(&value, &cell, sizeof value);
    return sum + value * reinterpret_cast<Floats>(load(column_cells));
  }
  static Floats end(Sum sum, const PackedPatches&, int64_t, const PackedPatches&, int64_t) {
    return sum;
  }
};

#ifdef __AVX512BF16__
struct Bfloat16 {
  using Sum = Floats;
  static Sum begin(const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column) {
    return Float32::begin(a, row, b, column);
  }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    return (Sum)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(cell),
                                 (__m512bh)_mm512_loadu_si512(column_cells));
  }
  static Floats end(Sum sum, const PackedPatches&, int64_t, const PackedPatches&, int64_t) {
    return sum;
  }
};
#endif

#ifdef __AVX512VNNI__
struct Int8 {
  using Sum = Ints;
  // The instruction multiplies unsigned by signed bytes: 128 is added to the column's bytes on the
  // fly, and the sum starts at the value that cancels it.
  static Sum begin(const PackedPatches& a, int64_t row, const PackedPatches&, int64_t) {
    return Ints{} + a.row_starts[row];
  }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    const __m512i shifted =
        _mm512_xor_si512(_mm512_loadu_si512(column_cells), _mm512_set1_epi8(-128));
    return (Sum)_mm512_dpbusd_epi32((__m512i)sum, shifted, _mm512_set1_epi32(cell));
  }
  static Floats end(Sum sum, const PackedPatches& a, int64_t row, const PackedPatches& b,
                    int64_t column) {
    const Floats product = __builtin_convertvector(sum, Floats) * load(b.scales + column);
    return product * a.scales[row] + (load(b.half_norms + column) + a.half_norms[row]);
  }
};
#endif

// Plain AVX-512 multiplies floats as fast.
#if defined(__AVX512VNNI__) || (defined(__AVX2__) && !defined(__AVX512F__))
#define MUSC2_INT16_SEARCH
struct Int16 {
  using Sum = Ints;
  static Sum begin(const PackedPatches&, int64_t, const PackedPatches&, int64_t) { return Ints{}; }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
#ifdef __AVX512VNNI__
    return (Sum)_mm512_dpwssd_epi32((__m512i)sum, _mm512_loadu_si512(column_cells),
                                    _mm512_set1_epi32(cell));
#else
    return sum + (Sum)_mm256_madd_epi16((__m256i)load(column_cells), _mm256_set1_epi32(cell));
#endif
  }
  // The same for (a, b) and (b, a).
  static Floats end(Sum sum, const PackedPatches& a, int64_t row, const PackedPatches& b,
                    int64_t column) {
    const Floats scale = load(b.scales + column) * a.scales[row];
    return __builtin_convertvector(sum, Floats) * scale +
           (load(b.half_norms + column) + a.half_norms[row]);
  }
};
#endif

// The nearest columns so far of tile_rows rows, one per lane. Lanes are merged at the end of a
// group of micropanels.
struct RowCandidates {
  Floats value[tile_rows];
  Ints index[tile_rows];
};

template <class Mode, int VECTORS>
struct Sums {
  typename Mode::Sum at[tile_rows][VECTORS];
};

// Adds the products of all steps. A function of its own, so that no more is in registers than it
// needs: with AVX2 and int16 all are taken, and a sum that does not fit would be the slowest.
template <class Mode, int VECTORS>
__attribute__((noinline)) void add_products(const int32_t* row_cells, const int32_t* column_cells,
                                            int64_t steps, Sums<Mode, VECTORS>& result) {
  Sums<Mode, VECTORS> sums = result;
  for (int64_t s = 0; s < steps; ++s, row_cells += micropanel, column_cells += micropanel) {
#pragma GCC unroll 8
    for (int i = 0; i < tile_rows; ++i) {
#pragma GCC unroll 3
      for (int v = 0; v < VECTORS; ++v)
        sums.at[i][v] = Mode::add(sums.at[i][v], row_cells[i], column_cells + v * width);
    }
  }
  result = sums;
}

template <class Mode, int VECTORS>
void tile(const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column,
          int64_t steps, RowCandidates& candidates, const Nearest& columns) {
  Sums<Mode, VECTORS> sums;
#pragma GCC unroll 8
  for (int i = 0; i < tile_rows; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < VECTORS; ++v)
      sums.at[i][v] = Mode::begin(a, row + i, b, column + v * width);
  }
  add_products<Mode, VECTORS>(a.cells + cell_offset(row, steps),
                              b.cells + cell_offset(column, steps), steps, sums);
  const Ints lanes = lane_numbers() + static_cast<int32_t>(column);
#pragma GCC unroll 3
  for (int v = 0; v < VECTORS; ++v) {
    float* column_value = columns.value + column + v * width;
    int32_t* column_index = columns.index + column + v * width;
    Floats best = load(column_value);
    Ints best_index = load(column_index);
#pragma GCC unroll 8
    for (int i = 0; i < tile_rows; ++i) {
      const Floats value = Mode::end(sums.at[i][v], a, row + i, b, column + v * width);
      const Ints nearer = value > best;
      best = nearer ? value : best;
      best_index = nearer ? Ints{} + static_cast<int32_t>(row + i) : best_index;
      const Ints row_nearer = value > candidates.value[i];
      candidates.value[i] = row_nearer ? value : candidates.value[i];
      candidates.index[i] = row_nearer ? lanes + v * width : candidates.index[i];
    }
    store(column_value, best);
    store(column_index, best_index);
  }
}

void merge_lanes(const RowCandidates& candidates, int64_t row, const Nearest& rows) {
  for (int i = 0; i < tile_rows; ++i) {
    float best = rows.value[row + i];
    int32_t best_index = rows.index[row + i];
    for (int lane = 0; lane < width; ++lane) {
      const float value = candidates.value[i][lane];
      const int32_t index = candidates.index[i][lane];
      if (value > best || (value == best && index < best_index)) {
        best = value;
        best_index = index;
      }
    }
    rows.value[row + i] = best;
    rows.index[row + i] = best_index;
  }
}

void reset(const Nearest& nearest, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    nearest.value[i] = -__builtin_inff();
    nearest.index[i] = 0;
  }
}

template <class Mode>
void search(const PackedPatches& a, const PackedPatches& b, const Nearest& rows,
            const Nearest& columns) {
  const int64_t steps = a.steps;
  reset(rows, round_to_micropanels(a.rows));
  reset(columns, round_to_micropanels(b.rows));
  const int64_t fitting = group_bytes / (micropanel * 4 * steps);
  const int64_t group = micropanel * (fitting > 1 ? fitting : 1);
  for (int64_t start = 0; start < b.rows; start += group) {
    const int64_t end = start + group < b.rows ? start + group : b.rows;
    for (int64_t row = 0; row < a.rows; row += tile_rows) {
      RowCandidates candidates;
      for (int i = 0; i < tile_rows; ++i) {
        candidates.value[i] = Floats{} - __builtin_inff();
        candidates.index[i] = Ints{} + 0x7fffffff;
      }
      for (int64_t column = start; column < end; column += tile_columns) {
        const int64_t left = b.rows - column;
        if (left > 2 * width) {
          tile<Mode, 3>(a, row, b, column, steps, candidates, columns);
        } else if (left > width) {
          tile<Mode, 2>(a, row, b, column, steps, candidates, columns);
        } else {
          tile<Mode, 1>(a, row, b, column, steps, candidates, columns);
        }
      }
      merge_lanes(candidates, row, rows);
    }
  }
}

}  // namespace

bool patch_search_exists(Search search) {
#ifdef __AVX512BF16__
  if (search == Search::bfloat16) return true;
#endif
#ifdef __AVX512VNNI__
  if (search == Search::int8) return true;
#endif
#ifdef MUSC2_INT16_SEARCH
  if (search == Search::int16) return true;
#endif
  return search == Search::float32;
}

void search_patches(Search search, const PackedPatches& a, const PackedPatches& b, Nearest rows,
                    Nearest columns) {
  switch (search) {
#ifdef __AVX512BF16__
    case Search::bfloat16:
      return MUSC2_ISA::search<Bfloat16>(a, b, rows, columns);
#endif
#ifdef __AVX512VNNI__
    case Search::int8:
      return MUSC2_ISA::search<Int8>(a, b, rows, columns);
#endif
#ifdef MUSC2_INT16_SEARCH
    case Search::int16:
      return MUSC2_ISA::search<Int16>(a, b, rows, columns);
#endif
    default:
      return MUSC2_ISA::search<Float32>(a, b, rows, columns);
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
