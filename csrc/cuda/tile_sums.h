#pragma once
// Sums of terms of a row and a column, over their length in ascending order: each one a chain, as
// in cpu/isa/linear_rows.cpp. A block of 128 threads has a tile of 64 rows by 128 columns and keeps
// its sums in registers, 8 x 8 a thread. Rows and columns pass through shared memory, a step of 16
// values of each at a time.
#include "cuda/device.h"

namespace musc2::cuda::tile_sums {

constexpr int threads = 128, rows = 64, columns = 128, length = 16;  // of a step
constexpr int held = 8, across = columns / held;                     // sums of a thread, threads
// Of a step's lines: keeps four consecutive rows aligned, and most lanes that store apart.
constexpr int padding = 4;
static_assert(rows / held * across == threads);

// A matrix (count, length).
struct Lines {
  const float* values;
  int64_t count, length;
};

// What shared memory holds of the operands.
struct Step {
  alignas(16) float row[length][rows + padding];
  alignas(16) float column[length][columns + padding];
};

// Transposes the values from `begin` on of the lines from `first` on; zeros beyond the end.
template <int lines>
__device__ inline void load_lines(const Lines& from, int64_t first, int64_t begin,
                                  float (&to)[length][lines + padding]) {
  const int i = static_cast<int>(threadIdx.x) % length;
#pragma unroll
  for (int n = 0; n < lines * length / threads; ++n) {
    const int line = n * (threads / length) + static_cast<int>(threadIdx.x) / length;
    const bool exists = first + line < from.count && begin + i < from.length;
    to[i][line] = exists ? from.values[(first + line) * from.length + begin + i] : 0.0f;
  }
}

// The same of the columns of a matrix from `first` on.
__device__ inline void load_columns(const Lines& from, int64_t first, int64_t begin, Step& to) {
  static_assert(threads == columns);
  const int64_t column = first + threadIdx.x;
#pragma unroll
  for (int i = 0; i < length; ++i) {
    const bool exists = column < from.length && begin + i < from.count;
    to.column[i][threadIdx.x] = exists ? from.values[(begin + i) * from.length + column] : 0.0f;
  }
}

// The sums of this thread: value[r][c] of row(r) and column(c) of the tile.
struct Sums {
  float value[held][held];

  __device__ static int row(int r) { return static_cast<int>(threadIdx.x) / across * held + r; }
  __device__ static int column(int c) {
    return static_cast<int>(threadIdx.x) % across + c * across;
  }

  // sum = term(row, column, sum) for all values of a step.
  template <class Term>
  __device__ void add(const Step& step, const Term& term) {
#pragma unroll 4
    for (int i = 0; i < length; ++i) {
      float own[held], other[held];
#pragma unroll
      for (int r = 0; r < held; r += 4) {
        const float4 four = *reinterpret_cast<const float4*>(&step.row[i][row(r)]);
        own[r] = four.x;
        own[r + 1] = four.y;
        own[r + 2] = four.z;
        own[r + 3] = four.w;
      }
#pragma unroll
      for (int c = 0; c < held; ++c) other[c] = step.column[i][column(c)];
#pragma unroll
      for (int r = 0; r < held; ++r) {
#pragma unroll
        for (int c = 0; c < held; ++c) value[r][c] = term(own[r], other[c], value[r][c]);
      }
    }
  }

  // Calls body(row, column, sum) for all.
  template <class Body>
  __device__ void for_each(const Body& body) {
#pragma unroll
    for (int r = 0; r < held; ++r) {
#pragma unroll
      for (int c = 0; c < held; ++c) body(row(r), column(c), value[r][c]);
    }
  }
};

}  // namespace musc2::cuda::tile_sums
