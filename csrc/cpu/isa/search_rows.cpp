// The pairs of two rows of a grid form a band along the diagonal. A tile of it is some patches of
// the one row, each with the same offsets to patches of the other: no product outside the band.
#include "cpu/isa/patches.h"
#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

constexpr int tile_patches = width == 16 ? 4 : 2;
constexpr int largest_offsets = 5;

// tile_patches patches of one row from `first`, and their neighbors in the other row from
// first + offset. Beyond a row's ends, its last patch stands in.
template <int OFFSETS>
struct Tile {
  static constexpr int neighbors = tile_patches + OFFSETS - 1;
  const float* patch[tile_patches];
  const float* neighbor[neighbors];
  const float* ahead[2 * tile_patches];  // what the next tile needs beyond this one

  Tile(const GridRows& rows, int64_t first, int64_t offset) {
    for (int q = 0; q < tile_patches; ++q) {
      patch[q] = at(rows, rows.a, first + q);
      ahead[q] = at(rows, rows.a, first + tile_patches + q);
      ahead[tile_patches + q] = at(rows, rows.b, first + offset + neighbors + q);
    }
    for (int k = 0; k < neighbors; ++k) neighbor[k] = at(rows, rows.b, first + offset + k);
  }

  static const float* at(const GridRows& rows, const float* row, int64_t column) {
    const int64_t last = rows.columns - 1;
    return row + (column < 0 ? 0 : column < last ? column : last) * rows.channels;
  }
};

// Sums in the order of squared_distance() of vectors.h, and so with its bits, but one chain at a
// time: as many registers as a tile has pairs.
template <int OFFSETS>
void measure_tile(const GridRows& rows, int64_t first, int64_t offset, float* distance2,
                  int64_t stride) {
  constexpr int64_t chains = 4, chunk = chains * width;
  constexpr int pairs = tile_patches * OFFSETS;
  const Tile<OFFSETS> tile(rows, first, offset);
  const int64_t whole = rows.channels / width * width;
  Floats totals[chains][pairs];
  for (int64_t chain = 0; chain < chains; ++chain) {
    Floats sums[tile_patches][OFFSETS] = {};
    for (int64_t c = chain * width; c < whole; c += chunk) {
      Floats patch[tile_patches];
#pragma GCC unroll 4
      for (int q = 0; q < tile_patches; ++q) patch[q] = load(tile.patch[q] + c);
      // Without it the loop waits for the L2 cache half of the time.
#pragma GCC unroll 8
      for (int line = 0; line < width / 4; ++line) {
#pragma GCC unroll 2
        for (int i = 0; i < tile_patches / 2; ++i) {
          const float* next = tile.ahead[chain * tile_patches / 2 + i];
          __builtin_prefetch(next + c - chain * width + line * 16);
        }
      }
#pragma GCC unroll 8
      for (int k = 0; k < Tile<OFFSETS>::neighbors; ++k) {
        const Floats neighbor = load(tile.neighbor[k] + c);
#pragma GCC unroll 4
        for (int q = 0; q < tile_patches; ++q) {
          const int o = k - q;
          if (o < 0 || o >= OFFSETS) continue;
          const Floats difference = patch[q] - neighbor;
          sums[q][o] += difference * difference;
        }
      }
    }
#pragma GCC unroll 4
    for (int q = 0; q < tile_patches; ++q) {
#pragma GCC unroll 5
      for (int o = 0; o < OFFSETS; ++o) totals[chain][q * OFFSETS + o] = sums[q][o];
    }
  }
  for (int q = 0; q < tile_patches; ++q) {
    for (int o = 0; o < OFFSETS; ++o) {
      const int pair = q * OFFSETS + o;
      float total = sum((totals[0][pair] + totals[1][pair]) + (totals[2][pair] + totals[3][pair]));
      for (int64_t c = whole; c < rows.channels; ++c) {
        const float difference = tile.patch[q][c] - tile.neighbor[q + o][c];
        total = multiply_add(difference, difference, total);
      }
      distance2[o * stride + q] = total;
    }
  }
}

void measure(int64_t offsets, const GridRows& rows, int64_t first, int64_t offset, float* distance2,
             int64_t stride) {
  switch (offsets) {
    case 1:
      return measure_tile<1>(rows, first, offset, distance2, stride);
    case 2:
      return measure_tile<2>(rows, first, offset, distance2, stride);
    case 3:
      return measure_tile<3>(rows, first, offset, distance2, stride);
    case 4:
      return measure_tile<4>(rows, first, offset, distance2, stride);
    default:
      return measure_tile<largest_offsets>(rows, first, offset, distance2, stride);
  }
}

int64_t larger_of(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t smaller_of(int64_t a, int64_t b) { return a < b ? a : b; }

// Takes `count` distances to the patches from `number` on into the nearest so far.
void take(const float* distance2, int32_t number, int64_t count, const NearestInRow& nearest) {
  for (int64_t i = 0; i < count; ++i) {
    const bool nearer = distance2[i] < nearest.distance2[i];
    nearest.distance2[i] = nearer ? distance2[i] : nearest.distance2[i];
    nearest.index[i] = nearer ? number + static_cast<int32_t>(i) : nearest.index[i];
  }
}

}  // namespace

int64_t search_rows_floats(int64_t columns, int64_t window) {
  return (2 * window + 1) * (columns + tile_patches);
}

void search_rows(const GridRows& rows, float* scratch, NearestInRow a, NearestInRow b) {
  const int64_t columns = rows.columns, window = rows.window, stride = columns + tile_patches;
  for (int64_t x = 0; x < columns; x += tile_patches) {
    // The offsets that lead at least one of the tile's patches into the other row.
    const int64_t end = smaller_of(window, columns - 1 - x) + 1;
    int64_t offset = larger_of(-window, -(x + tile_patches - 1));
    while (offset < end) {
      const int64_t left = end - offset;
      const int64_t tiles = (left + largest_offsets - 1) / largest_offsets;
      const int64_t offsets = (left + tiles - 1) / tiles;
      measure(offsets, rows, x, offset, scratch + (offset + window) * stride + x, stride);
      offset += offsets;
    }
  }
  // Of equally near patches the lowest comes first: offsets rise for a's patches, fall for b's.
  for (int64_t offset = -window; offset <= window; ++offset) {
    const int64_t first = larger_of(0, -offset), end = smaller_of(columns, columns - offset);
    take(scratch + (offset + window) * stride + first,
         static_cast<int32_t>(rows.b_row * columns + first + offset), end - first,
         {a.distance2 + first, a.index + first});
  }
  if (b.distance2 == nullptr) return;
  for (int64_t offset = window; offset >= -window; --offset) {
    const int64_t first = larger_of(0, -offset), end = smaller_of(columns, columns - offset);
    take(scratch + (offset + window) * stride + first,
         static_cast<int32_t>(rows.a_row * columns + first), end - first,
         {b.distance2 + first + offset, b.index + first + offset});
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
