// The sums of a tile of a few rows by a few vectors of columns stay in registers over the whole
// length.
#include "cpu/isa/linear_rows.h"

#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

constexpr int tile_rows = 6;
constexpr int tile_vectors = width == 16 ? 4 : 2;

struct Operands {
  const float* rows;
  int64_t length;
  const float* matrix;
  int64_t columns;
  const float* offset;  // null: distances
  float* out;
};

template <bool distance, int count, int vectors>
void tile(const Operands& in, int64_t row, int64_t column) {
  Floats sums[count][vectors];
  for (int v = 0; v < vectors; ++v) {
    const Floats start = distance ? Floats{} : load(in.offset + column + v * width);
    for (int r = 0; r < count; ++r) sums[r][v] = start;
  }
  const float* values = in.rows + row * in.length;
  const float* weights = in.matrix + column;
  for (int64_t i = 0; i < in.length; ++i, ++values, weights += in.columns) {
    for (int r = 0; r < count; ++r) {
      const float value = values[r * in.length];
      for (int v = 0; v < vectors; ++v) {
        const Floats weight = load(weights + v * width);
        sums[r][v] += distance ? (weight - value) * (weight - value) : weight * value;
      }
    }
  }
  for (int r = 0; r < count; ++r) {
    float* out = in.out + (row + r) * in.columns + column;
    for (int v = 0; v < vectors; ++v) store(out + v * width, sums[r][v]);
    if (distance) {
      for (int lane = 0; lane < vectors * width; ++lane) out[lane] = __builtin_sqrtf(out[lane]);
    }
  }
}

template <bool distance, int vectors>
void strip(const Operands& in, int64_t count, int64_t column) {
  int64_t row = 0;
  for (; row + tile_rows <= count; row += tile_rows)
    tile<distance, tile_rows, vectors>(in, row, column);
  for (; row < count; ++row) tile<distance, 1, vectors>(in, row, column);
}

template <bool distance>
void run(const Operands& in, int64_t count) {
  int64_t column = 0;
  for (; column + tile_vectors * width <= in.columns; column += tile_vectors * width) {
    strip<distance, tile_vectors>(in, count, column);
  }
  const int64_t rest = (in.columns - column) / width;
  if (rest == 3) strip<distance, 3>(in, count, column);
  if (rest == 2) strip<distance, 2>(in, count, column);
  if (rest == 1) strip<distance, 1>(in, count, column);
}

}  // namespace

void affine_rows(const float* rows, int64_t count, int64_t length, const float* matrix,
                 int64_t columns, const float* offset, float* out) {
  run<false>({rows, length, matrix, columns, offset, out}, count);
}

void distance_rows(const float* rows, int64_t count, int64_t length, const float* matrix,
                   int64_t columns, float* out) {
  run<true>({rows, length, matrix, columns, nullptr, out}, count);
}

}  // namespace musc2::cpu::MUSC2_ISA
