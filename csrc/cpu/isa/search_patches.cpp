#include "cpu/isa/search_tiles.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

// Of the columns that are searched together, to stay in an L2 cache of 1 MiB.
constexpr int64_t group_bytes = 448 << 10;

Ints lane_numbers() {
  Ints numbers{};
  for (int i = 0; i < width; ++i) numbers[i] = i;
  return numbers;
}

// The nearest columns so far of tile_rows rows, one per lane. Lanes are merged at the end of a group
// of micropanels.
struct RowCandidates {
  Floats value[tile_rows];
  Ints index[tile_rows];
};

template <class Format>
class NearestOfTiles {
 public:
  NearestOfTiles(PairValues pairs, const Nearest& rows, const Nearest& columns)
      : pairs_(pairs), rows_(rows), columns_(columns) {}

  void begin(int64_t) {
    for (int i = 0; i < tile_rows; ++i) {
      candidates_.value[i] = Floats{} - __builtin_inff();
      candidates_.index[i] = Ints{} + 0x7fffffff;
    }
  }

  template <int VECTORS>
  void add(int64_t row, int64_t column, const TileValues<Format, VECTORS>& values) {
    const Ints lanes = lane_numbers() + static_cast<int32_t>(column);
#pragma GCC unroll 3
    for (int v = 0; v < VECTORS; ++v) {
      const int64_t at = column + v * width;
      Floats best = load(columns_.value + at);
      Ints best_index = load(columns_.index + at);
#pragma GCC unroll 8
      for (int i = 0; i < tile_rows; ++i) {
        const Floats value = values.at(i, v);
        store(pairs_.values + (row + i) * pairs_.stride + at, value);
        Floats& row_best = candidates_.value[i];
        const Ints nearer = value > best;
        best = nearer ? value : best;
        best_index = nearer ? Ints{} + static_cast<int32_t>(row + i) : best_index;
        const Ints row_nearer = value > row_best;
        row_best = row_nearer ? value : row_best;
        candidates_.index[i] = row_nearer ? lanes + v * width : candidates_.index[i];
      }
      store(columns_.value + at, best);
      store(columns_.index + at, best_index);
    }
  }

  void end(int64_t row) {
    for (int i = 0; i < tile_rows; ++i) {
      float best = rows_.value[row + i];
      int32_t best_index = rows_.index[row + i];
      for (int lane = 0; lane < width; ++lane) {
        const float value = candidates_.value[i][lane];
        const int32_t index = candidates_.index[i][lane];
        if (value > best || (value == best && index < best_index)) {
          best = value;
          best_index = index;
        }
      }
      rows_.value[row + i] = best;
      rows_.index[row + i] = best_index;
    }
  }

 private:
  PairValues pairs_;
  const Nearest &rows_, &columns_;
  RowCandidates candidates_;
};

void reset(const Nearest& nearest, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    nearest.value[i] = -__builtin_inff();
    nearest.index[i] = 0;
  }
}

}  // namespace

bool patch_search_exists(Search search) {
#ifdef MUSC2_INT8_SEARCH
  if (search == Search::int8) return true;
#endif
#ifdef MUSC2_INT16_SEARCH
  if (search == Search::int16) return true;
#endif
  return search == Search::float32;
}

void search_patches(Search search, const PackedPatches& a, const PackedPatches& b, PairValues pairs,
                    Nearest rows, Nearest columns) {
  reset(rows, round_to_micropanels(a.rows));
  reset(columns, round_to_micropanels(b.rows));
  const int64_t fitting = group_bytes / (micropanel * 4 * a.steps);
  const int64_t group = micropanel * (fitting > 1 ? fitting : 1);
  with_format(search, [&](auto format) {
    NearestOfTiles<decltype(format)> nearest(pairs, rows, columns);
    for_each_tile<decltype(format)>(a, b, group, nearest);
  });
}

}  // namespace musc2::cpu::MUSC2_ISA
