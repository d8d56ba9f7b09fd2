#include "cpu/isa/search_tiles.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

// A micropanel of listed rows of a sample.
struct ListedRows {
  float half_norms[micropanel], scales[micropanel];
  int32_t row_starts[micropanel];

  PackedPatches copy(const PackedPatches& from, const int32_t* rows, int64_t count,
                     int32_t* cells) {
    for (int64_t i = 0; i < round_to_tiles(count); ++i) {
      const int64_t row = i < count ? rows[i] : rows[count - 1];
      half_norms[i] = from.half_norms[row];
      scales[i] = from.scales[row];
      row_starts[i] = from.row_starts[row];
      const int32_t* cell = from.cells + cell_offset(row, from.steps);
      for (int64_t s = 0; s < from.steps; ++s) cells[s * micropanel + i] = cell[s * micropanel];
    }
    return {cells, half_norms, scales, nullptr, row_starts, count, from.steps};
  }

 private:
  static int64_t round_to_tiles(int64_t rows) {
    return (rows + tile_rows - 1) / tile_rows * tile_rows;
  }
};

// Measures the pairs of a tile that are within reach, and keeps the nearest.
template <class Format>
class MeasuredTiles {
 public:
  MeasuredTiles(const Features& a, const Features& b, const OpenPatches& open)
      : a_(a), b_(b), open_(open) {}

  void begin(int64_t) {}
  void end(int64_t) {}

  template <int VECTORS>
  void add(int64_t row, int64_t column, const TileValues<Format, VECTORS>& values) {
    for (int64_t i = 0; i < tile_rows && row + i < open_.count; ++i) {
      for (int v = 0; v < VECTORS; ++v) {
        const Floats value = values.at(static_cast<int>(i), v);
        for (uint32_t left = bits(value >= Floats{} + open_.reach[row + i]); left != 0;
             left &= left - 1)
          measure(row + i, column + v * width + __builtin_ctz(left));
      }
    }
  }

 private:
  void measure(int64_t i, int64_t column) {
    const float distance2 =
        squared_distance(feature_row(a_, open_.rows[i]), feature_row(b_, column), a_.channels);
    float& best = open_.distance2[i];
    // Of equal distances, which are roots, the first one counts, as between the slabs of a sample.
    if (distance2 < best && __builtin_sqrtf(distance2) < __builtin_sqrtf(best)) {
      best = distance2;
      open_.index[i] = static_cast<int32_t>(column);
    }
  }

  const Features &a_, &b_;
  const OpenPatches& open_;
};

}  // namespace

void measure_within(Search search, const PackedPatches& a, const Features& a_features,
                    const PackedPatches& b, const Features& b_features, int32_t* scratch,
                    OpenPatches open) {
  ListedRows listed;
  while (open.count > 0) {
    OpenPatches batch = open;
    batch.count = open.count < micropanel ? open.count : micropanel;
    const PackedPatches rows = listed.copy(a, batch.rows, batch.count, scratch);
    with_format(search, [&](auto format) {
      MeasuredTiles<decltype(format)> measured(a_features, b_features, batch);
      // Features of few columns, to stay in the L1 cache for all rows.
      for_each_tile<decltype(format)>(rows, b, tile_columns, measured);
    });
    open.rows += batch.count;
    open.reach += batch.count;
    open.distance2 += batch.count;
    open.index += batch.count;
    open.count -= batch.count;
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
