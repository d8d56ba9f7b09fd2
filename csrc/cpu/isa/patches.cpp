#include "cpu/isa/patches.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

// A tile is ROWS rows of one sample against 3 vectors of rows of the other: enough independent sums to hide the latency
// of a fused multiply-add, few enough to stay in registers. The sums start at -(|a|^2 + |b|^2) / 2, so that they end at
// -distance^2 / 2 and one comparison serves both the row's and the column's nearest.
#if defined(__AVX512F__)
#define MUSC2_VECTOR_BYTES 64
#define MUSC2_TILE_ROWS 8
#elif defined(__AVX2__)
#define MUSC2_VECTOR_BYTES 32
#define MUSC2_TILE_ROWS 4
#else
#define MUSC2_VECTOR_BYTES 16
#define MUSC2_TILE_ROWS 4
#endif

namespace musc2::cpu::MUSC2_ISA {
namespace {

constexpr int LANES = MUSC2_VECTOR_BYTES / 4;
constexpr int ROWS = MUSC2_TILE_ROWS;
constexpr int PANEL = 3 * LANES;
static_assert(PANEL % ROWS == 0, "a tile's rows lie in one panel");
constexpr int64_t GROUP_BYTES = 448 << 10;  // panels that are swept together, to stay in a 1 MiB second-level cache

typedef float Floats __attribute__((vector_size(MUSC2_VECTOR_BYTES), aligned(4)));
typedef int32_t Ints __attribute__((vector_size(MUSC2_VECTOR_BYTES), aligned(4)));

Floats load(const float* source) { return *reinterpret_cast<const Floats*>(source); }
Ints load(const int32_t* source) { return *reinterpret_cast<const Ints*>(source); }

Ints lane_numbers() {
  Ints numbers{};
  for (int i = 0; i < LANES; ++i) numbers[i] = i;
  return numbers;
}

struct Float32 {
  static constexpr Search kind = Search::float32;
  using Sum = Floats;
  static Sum begin(const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column) {
    return load(b.half_norms + column) + a.half_norms[row];
  }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    float value;
    __builtin_memcpy(&value, &cell, sizeof value);
    return sum + value * load(reinterpret_cast<const float*>(column_cells));
  }
  static Floats end(Sum sum, const PackedPatches&, int64_t, const PackedPatches&, int64_t) { return sum; }
};

#ifdef __AVX512BF16__
struct Bfloat16 {
  static constexpr Search kind = Search::bfloat16;
  using Sum = Floats;
  static Sum begin(const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column) {
    return Float32::begin(a, row, b, column);
  }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    return (Sum)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(cell),
                                 (__m512bh)_mm512_loadu_si512(column_cells));
  }
  static Floats end(Sum sum, const PackedPatches&, int64_t, const PackedPatches&, int64_t) { return sum; }
};
#endif

#ifdef __AVX512VNNI__
struct Int8 {
  static constexpr Search kind = Search::int8;
  using Sum = Ints;
  // The instruction multiplies unsigned by signed bytes: the column side gets 128 added on the fly, and the sum starts
  // at what takes it out again.
  static Sum begin(const PackedPatches& a, int64_t row, const PackedPatches&, int64_t) {
    return Ints{} + a.row_starts[row];
  }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    const __m512i shifted = _mm512_xor_si512(_mm512_loadu_si512(column_cells), _mm512_set1_epi8(-128));
    return (Sum)_mm512_dpbusd_epi32((__m512i)sum, shifted, _mm512_set1_epi32(cell));
  }
  static Floats end(Sum sum, const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column) {
    const Floats product = __builtin_convertvector(sum, Floats) * load(b.scales + column);
    return product * a.scales[row] + (load(b.half_norms + column) + a.half_norms[row]);
  }
};
#endif

// The nearest so far of ROWS rows, one candidate per lane; lanes are merged when a group of panels is done.
struct RowCandidates {
  float value[ROWS][LANES];
  int32_t at[ROWS][LANES];
};

template <class Mode, int VECTORS>
void tile(const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column, int64_t steps,
          RowCandidates& candidates, const NearestFound& columns) {
  typename Mode::Sum sums[ROWS][VECTORS];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < VECTORS; ++v) sums[i][v] = Mode::begin(a, row + i, b, column + v * LANES);
  }
  const int32_t* row_cells = a.cells + row / PANEL * PANEL * steps + row % PANEL;
  const int32_t* column_cells = b.cells + column * steps;
  for (int64_t s = 0; s < steps; ++s, row_cells += PANEL, column_cells += PANEL) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 3
      for (int v = 0; v < VECTORS; ++v) sums[i][v] = Mode::add(sums[i][v], row_cells[i], column_cells + v * LANES);
    }
  }
  const Ints lanes = lane_numbers() + static_cast<int32_t>(column);
#pragma GCC unroll 3
  for (int v = 0; v < VECTORS; ++v) {
    float* column_value = columns.value + column + v * LANES;
    int32_t* column_at = columns.at + column + v * LANES;
    Floats best = load(column_value);
    Ints at = load(column_at);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
      const Floats value = Mode::end(sums[i][v], a, row + i, b, column + v * LANES);
      const Ints nearer = value > best;
      best = nearer ? value : best;
      at = nearer ? Ints{} + static_cast<int32_t>(row + i) : at;
      Floats& row_best = *reinterpret_cast<Floats*>(candidates.value[i]);
      Ints& row_at = *reinterpret_cast<Ints*>(candidates.at[i]);
      const Ints row_nearer = value > row_best;
      row_best = row_nearer ? value : row_best;
      row_at = row_nearer ? lanes + v * LANES : row_at;
    }
    *reinterpret_cast<Floats*>(column_value) = best;
    *reinterpret_cast<Ints*>(column_at) = at;
  }
}

void merge_lanes(const RowCandidates& candidates, int64_t row, const NearestFound& rows) {
  for (int i = 0; i < ROWS; ++i) {
    float best = rows.value[row + i];
    int32_t at = rows.at[row + i];
    for (int lane = 0; lane < LANES; ++lane) {
      const float value = candidates.value[i][lane];
      const int32_t where = candidates.at[i][lane];
      if (value > best || (value == best && where < at)) {
        best = value;
        at = where;
      }
    }
    rows.value[row + i] = best;
    rows.at[row + i] = at;
  }
}

void forget(const NearestFound& found, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    found.value[i] = -__builtin_inff();
    found.at[i] = 0;
  }
}

int64_t cells_per_row(Search search, int64_t channels) {
  const int64_t per_cell = search == Search::float32 ? 1 : search == Search::bfloat16 ? 2 : 4;
  return (channels + per_cell - 1) / per_cell;
}

int64_t whole_panels(int64_t rows) { return (rows + PANEL - 1) / PANEL * PANEL; }

template <class Mode>
void search(const PackedPatches& a, const PackedPatches& b, int64_t channels, const NearestFound& rows,
            const NearestFound& columns) {
  const int64_t steps = cells_per_row(Mode::kind, channels);
  forget(rows, whole_panels(a.rows));
  forget(columns, whole_panels(b.rows));
  const int64_t fitting = GROUP_BYTES / (PANEL * 4 * steps);
  const int64_t group = PANEL * (fitting > 1 ? fitting : 1);
  for (int64_t start = 0; start < b.rows; start += group) {
    const int64_t end = start + group < b.rows ? start + group : b.rows;
    for (int64_t row = 0; row < a.rows; row += ROWS) {
      RowCandidates candidates;
      for (int i = 0; i < ROWS; ++i) {
        for (int lane = 0; lane < LANES; ++lane) {
          candidates.value[i][lane] = -__builtin_inff();
          candidates.at[i][lane] = 0x7fffffff;
        }
      }
      for (int64_t column = start; column < end; column += PANEL) {
        const int64_t left = b.rows - column;
        if (left > 2 * LANES) {
          tile<Mode, 3>(a, row, b, column, steps, candidates, columns);
        } else if (left > LANES) {
          tile<Mode, 2>(a, row, b, column, steps, candidates, columns);
        } else {
          tile<Mode, 1>(a, row, b, column, steps, candidates, columns);
        }
      }
      merge_lanes(candidates, row, rows);
    }
  }
}

float sum_of_squares(const float* row, int64_t count) {
  Floats sums{};
  int64_t c = 0;
  for (; c + LANES <= count; c += LANES) sums += load(row + c) * load(row + c);
  float total = 0;
  for (int lane = 0; lane < LANES; ++lane) total += sums[lane];
  for (; c < count; ++c) total += row[c] * row[c];
  return total;
}

uint32_t nearest_bfloat16(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

float widened(uint32_t bfloat16) {
  const uint32_t bits = bfloat16 << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// Each packer turns a row, padded with zeros to whole cells, into cells side by side and returns -|x|^2 / 2 of what the
// cells hold.
float pack_float32(const float* row, int64_t count, int32_t* cells) {
  __builtin_memcpy(cells, row, static_cast<size_t>(count) * sizeof(float));
  return -sum_of_squares(row, count) / 2;
}

float pack_bfloat16(float* row, int64_t count, int32_t* cells) {
  for (int64_t s = 0; s < count; ++s) {
    const uint32_t low = nearest_bfloat16(row[2 * s]), high = nearest_bfloat16(row[2 * s + 1]);
    cells[s] = static_cast<int32_t>(low | high << 16);
    row[2 * s] = widened(low);
    row[2 * s + 1] = widened(high);
  }
  return -sum_of_squares(row, 2 * count) / 2;
}

float pack_int8(const float* row, int64_t count, int32_t* cells, float* scale, int32_t* row_start) {
  int32_t largest_bits = 0;  // non-negative floats order as integers do
  for (int64_t c = 0; c < 4 * count; ++c) {
    int32_t bits;
    __builtin_memcpy(&bits, row + c, sizeof bits);
    bits &= 0x7fffffff;
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  float largest;
  __builtin_memcpy(&largest, &largest_bits, sizeof largest);
  const float inverse = largest > 0 ? 127 / largest : 0;
  auto* bytes = reinterpret_cast<int8_t*>(cells);
  int32_t total = 0, norm = 0;  // the largest norm, 127 * 127 * channels, fits up to 133,000 channels
  for (int64_t c = 0; c < 4 * count; ++c) {
    const float scaled = row[c] * inverse;
    const auto value = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5f : 0.5f));
    bytes[c] = static_cast<int8_t>(value);
    total += value;
    norm += value * value;
  }
  *scale = largest / 127;
  *row_start = -128 * total;
  return -(*scale) * (*scale) * static_cast<float>(norm) / 2;
}

}  // namespace

int64_t patch_panel() { return PANEL; }

bool patch_search_exists(Search search) {
#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
  return search == Search::float32 || search == Search::bfloat16 || search == Search::int8;
#else
  return search == Search::float32;
#endif
}

void pack_patches(Search search, const float* patches, int64_t channels, const float* center, float* scratch,
                  PackedPatches packed) {
  const int64_t steps = cells_per_row(search, channels);
  float* row = scratch;
  auto* row_cells = reinterpret_cast<int32_t*>(scratch + channels + 3);
  for (int64_t i = 0; i < 3; ++i) row[channels + i] = 0;
  for (int64_t r = 0; r < whole_panels(packed.rows); ++r) {
    if (search == Search::int8) packed.scales[r] = 0, packed.row_starts[r] = 0;
    if (r < packed.rows) {
      for (int64_t c = 0; c < channels; ++c) row[c] = patches[r * channels + c] - center[c];
      packed.half_norms[r] = search == Search::float32 ? pack_float32(row, steps, row_cells)
                             : search == Search::bfloat16
                                 ? pack_bfloat16(row, steps, row_cells)
                                 : pack_int8(row, steps, row_cells, packed.scales + r, packed.row_starts + r);
    } else {
      packed.half_norms[r] = -__builtin_inff();
      for (int64_t s = 0; s < steps; ++s) row_cells[s] = 0;
    }
    int32_t* cells = packed.cells + r / PANEL * PANEL * steps + r % PANEL;
    for (int64_t s = 0; s < steps; ++s) cells[s * PANEL] = row_cells[s];
  }
}

void search_patches(Search search, const PackedPatches& a, const PackedPatches& b, int64_t channels, NearestFound rows,
                    NearestFound columns) {
  switch (search) {
#ifdef __AVX512BF16__
    case Search::bfloat16:
      return MUSC2_ISA::search<Bfloat16>(a, b, channels, rows, columns);
#endif
#ifdef __AVX512VNNI__
    case Search::int8:
      return MUSC2_ISA::search<Int8>(a, b, channels, rows, columns);
#endif
    default:
      return MUSC2_ISA::search<Float32>(a, b, channels, rows, columns);
  }
}

int64_t patch_cells(Search search, int64_t channels) { return cells_per_row(search, channels); }

void measure_patches(const float* a, const float* b, const int32_t* a_rows, const int32_t* b_rows, int64_t n,
                     int64_t channels, float* distance2) {
  constexpr int64_t ahead = 2;  // rows to fetch early: b's come in no order
  for (int64_t i = 0; i < n; ++i) {
    const float* left = a + a_rows[i] * channels;
    const float* right = b + b_rows[i] * channels;
    const float* next = b + b_rows[i + ahead < n ? i + ahead : n - 1] * channels;
    const float* next_left = a + a_rows[i + ahead < n ? i + ahead : n - 1] * channels;
    Floats sums[4] = {};
    int64_t c = 0;
    for (; c + 4 * LANES <= channels; c += 4 * LANES) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        __builtin_prefetch(next + c + v * LANES);
        __builtin_prefetch(next_left + c + v * LANES);
        const Floats difference = load(left + c + v * LANES) - load(right + c + v * LANES);
        sums[v] += difference * difference;
      }
    }
    const Floats sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    float total = 0;
    for (int lane = 0; lane < LANES; ++lane) total += sum[lane];
    for (; c < channels; ++c) total += (left[c] - right[c]) * (left[c] - right[c]);
    distance2[i] = total;
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
