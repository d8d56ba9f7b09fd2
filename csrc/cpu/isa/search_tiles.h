#pragma once
// Goes through the tiles of the product of two packed samples.
#include "cpu/isa/search_formats.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

template <class Format, int VECTORS>
struct Sums {
  typename Format::Sum at[tile_rows][VECTORS];
};

// Adds the products of all steps. A function of its own, so that no more is in registers than it
// needs: with AVX2 and int16 all are taken, and a sum that does not fit would be the slowest.
template <class Format, int VECTORS>
__attribute__((noinline)) void add_products(const int32_t* row_cells, const int32_t* column_cells,
                                            int64_t steps, Sums<Format, VECTORS>& result) {
  Sums<Format, VECTORS> sums = result;
  for (int64_t s = 0; s < steps; ++s, row_cells += micropanel, column_cells += micropanel) {
#pragma GCC unroll 8
    for (int i = 0; i < tile_rows; ++i) {
#pragma GCC unroll 3
      for (int v = 0; v < VECTORS; ++v)
        sums.at[i][v] = Format::add(sums.at[i][v], row_cells[i], column_cells + v * width);
    }
  }
  result = sums;
}

// The values -distance^2 / 2 of a tile.
template <class Format, int VECTORS>
class TileValues {
 public:
  TileValues(const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column)
      : a_(a), b_(b), row_(row), column_(column) {
#pragma GCC unroll 8
    for (int i = 0; i < tile_rows; ++i) {
#pragma GCC unroll 3
      for (int v = 0; v < VECTORS; ++v)
        sums_.at[i][v] = Format::begin(a, row + i, b, column + v * width);
    }
    add_products<Format, VECTORS>(a.cells + cell_offset(row, a.steps),
                                  b.cells + cell_offset(column, a.steps), a.steps, sums_);
  }

  Floats at(int i, int v) const {
    return Format::end(sums_.at[i][v], a_, row_ + i, b_, column_ + v * width);
  }

 private:
  const PackedPatches &a_, &b_;
  int64_t row_, column_;
  Sums<Format, VECTORS> sums_;
};

// Calls tiles.begin(row), then tiles.add<VECTORS>(row, column, values) for all columns of a group,
// then tiles.end(row), for each tile_rows rows of a; group after group. group: of whole tiles.
template <class Format, class Tiles>
void for_each_tile(const PackedPatches& a, const PackedPatches& b, int64_t group, Tiles& tiles) {
  for (int64_t start = 0; start < b.rows; start += group) {
    const int64_t end = start + group < b.rows ? start + group : b.rows;
    for (int64_t row = 0; row < a.rows; row += tile_rows) {
      tiles.begin(row);
      for (int64_t column = start; column < end; column += tile_columns) {
        const int64_t left = b.rows - column;
        if (left > 2 * width) {
          tiles.add(row, column, TileValues<Format, 3>(a, row, b, column));
        } else if (left > width) {
          tiles.add(row, column, TileValues<Format, 2>(a, row, b, column));
        } else {
          tiles.add(row, column, TileValues<Format, 1>(a, row, b, column));
        }
      }
      tiles.end(row);
    }
  }
}

// Calls use(Format()) for the format of a search.
template <class Use>
void with_format(Search search, Use use) {
  switch (search) {
#ifdef MUSC2_INT8_SEARCH
    case Search::int8:
      return use(Int8());
#endif
#ifdef MUSC2_INT16_SEARCH
    case Search::int16:
      return use(Int16());
#endif
    default:
      return use(Float32());
  }
}

}  // namespace
}  // namespace musc2::cpu::MUSC2_ISA
