#pragma once
// What the sums of a tile start at, and what they have become after all products: -|a - b|^2 / 2.
//
// Sums of integers start at zero. Before the epilogue they are multiplied by the scales of both
// lines, and half of both norms is taken off: the same numbers but for the rounding of float32.
#include "cuda/patch_panel.h"

namespace musc2::cuda {

constexpr unsigned no_candidate = ~0u;  // farther than any distance

// In shared memory: the scales of the lines that a group multiplies, where the format has any.
template <class Sums, bool exist>
struct Scales {};
template <class Sums>
struct Scales<Sums, true> {
  float row_scales[Sums::rows], column_scales[Sums::columns];
};

// In shared memory, for each group: minus half of the norms; the marks of lines, no_candidate
// outside of the sample that is being searched; the keys of the warps that share a line.
template <class Sums, bool are_scaled>
struct Minima : Scales<Sums, are_scaled> {
  float row_norms[Sums::rows], column_norms[Sums::columns];
  unsigned row_marks[Sums::rows], column_marks[Sums::columns];
  Key rows[Sums::row_warps][Sums::rows], columns[Sums::column_warps][Sums::columns];
};

// Calls use(line, number) for the lines of a thread, which are every `threads`-th.
template <int lines, int threads, class Use>
__device__ void each_line(int thread, const Use& use) {
#pragma unroll
  for (int k = 0; k < (lines + threads - 1) / threads; ++k) {
    const int line = thread + k * threads;
    if (line < lines) use(line, k);
  }
}

// A number for each of one panel's lines, of which a thread holds every `threads`-th.
template <int lines, int threads>
struct LineNumbers {
  float of[(lines + threads - 1) / threads] = {};

  // The number of a line that is no patch is `other`.
  __device__ void load(const float* numbers, float other, Range patches, int thread) {
    each_line<lines, threads>(thread, [&](int line, int k) {
      const int patch = patches.first + line;
      of[k] = patch < patches.end ? numbers[patch] : other;
    });
  }

  __device__ void store(int thread, float factor, float (&numbers)[lines]) const {
    each_line<lines, threads>(thread, [&](int line, int k) { numbers[line] = factor * of[k]; });
  }
};

// The patches of the rows and columns that a group multiplies at a time.
struct GroupTile {
  Range rows, columns;
};

// The norms of a group's next tile, and its scales where the format has any, loaded ahead of time.
template <class Sums, bool are_scaled>
struct TileNorms {
  using Rows = LineNumbers<Sums::rows, Sums::threads>;
  using Columns = LineNumbers<Sums::columns, Sums::threads>;
  Rows rows, row_scales;
  Columns columns, column_scales;

  __device__ TileNorms(const SearchParams& params, GroupTile tile) {
    const int thread = Sums::thread();
    rows.load(params.left.norms, infinity, tile.rows, thread);
    columns.load(params.right.norms, infinity, tile.columns, thread);
    if constexpr (are_scaled) {
      row_scales.load(params.left.scales, 0, tile.rows, thread);
      column_scales.load(params.right.scales, 0, tile.columns, thread);
    }
  }

  // Called by all threads of the group.
  __device__ void store(Minima<Sums, are_scaled>& minima) const {
    const int thread = Sums::thread();
    rows.store(thread, -0.5f, minima.row_norms);
    columns.store(thread, -0.5f, minima.column_norms);
    if constexpr (are_scaled) {
      row_scales.store(thread, 1, minima.row_scales);
      column_scales.store(thread, 1, minima.column_scales);
    }
    Sums::barrier();
  }
};

// Sets the start values of sums.
template <class Sums>
__device__ void begin_sums(Sums& sums, const Minima<Sums, false>& minima) {
  float row_norms[Sums::rows_held];
#pragma unroll
  for (int i = 0; i < Sums::rows_held; ++i) row_norms[i] = minima.row_norms[Sums::row(i)];
#pragma unroll
  for (int j = 0; j < Sums::columns_held; ++j) {
    const float norm = minima.column_norms[Sums::column(j)];
#pragma unroll
    for (int i = 0; i < Sums::rows_held; ++i) sums.at(i, j) = row_norms[i] + norm;
  }
}

template <class Sums, class Integers>
__device__ void begin_sums(Integers& products, const Minima<Sums, true>&) {
#pragma unroll
  for (auto& half : products.of) {
#pragma unroll
    for (auto& sum : half) sum = 0;
  }
}

// What sums have become after all products.
template <class Sums>
__device__ const Sums& finished_sums(const Sums& sums, const Minima<Sums, false>&) {
  return sums;
}

template <class Sums, class Integers>
__device__ Sums finished_sums(const Integers& products, const Minima<Sums, true>& minima) {
  float row_norms[Sums::rows_held], row_scales[Sums::rows_held];
#pragma unroll
  for (int i = 0; i < Sums::rows_held; ++i) {
    row_norms[i] = minima.row_norms[Sums::row(i)];
    row_scales[i] = minima.row_scales[Sums::row(i)];
  }
  Sums sums;
  // From the last column on, or the compiler spills sums to local memory.
#pragma unroll
  for (int j = Sums::columns_held - 1; j >= 0; --j) {
    const float norm = minima.column_norms[Sums::column(j)];
    const float scale = minima.column_scales[Sums::column(j)];
#pragma unroll
    for (int i = 0; i < Sums::rows_held; ++i) {
      const auto product = static_cast<float>(products.at(i, j));
      sums.at(i, j) = fmaf(product, row_scales[i] * scale, row_norms[i] + norm);
    }
  }
  return sums;
}

}  // namespace musc2::cuda
