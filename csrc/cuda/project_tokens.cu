// A float32 product in tiles, whose sums begin with the offset: multiply-adds in the order of the
// CPU's, so that a token's bits do not depend on the others.
#include "cuda/tile_sums.h"
#include "musc2/project_tokens.h"

namespace musc2::cuda {
namespace {

using tile_sums::Lines;

__global__ void __launch_bounds__(tile_sums::threads)
    project(Lines tokens, const float* matrix, const float* offset, int64_t columns,
            int64_t tiles_across, float* projected) {
  __shared__ tile_sums::Step step;
  const int64_t first_row = blockIdx.x / tiles_across * tile_sums::rows,
                first_column = blockIdx.x % tiles_across * tile_sums::columns;
  tile_sums::Sums sums;
  sums.for_each([&](int, int column, float& sum) {
    sum = first_column + column < columns ? offset[first_column + column] : 0.0f;
  });
  for (int64_t begin = 0; begin < tokens.length; begin += tile_sums::length) {
    tile_sums::load_lines<tile_sums::rows>(tokens, first_row, begin, step.row);
    tile_sums::load_columns({matrix, tokens.length, columns}, first_column, begin, step);
    __syncthreads();
    sums.add(step, [](float value, float weight, float sum) { return fmaf(value, weight, sum); });
    __syncthreads();
  }
  sums.for_each([&](int r, int c, float sum) {
    const int64_t row = first_row + r, column = first_column + c;
    if (row < tokens.count && column < columns) projected[row * columns + column] = sum;
  });
}

}  // namespace

void project_tokens(const float* tokens, int64_t count, int64_t channels, const float* matrix,
                    const float* offset, int64_t columns, float* projected, void* stream) {
  if (count == 0 || columns == 0) return;
  const int64_t tiles_across = blocks_for(columns, tile_sums::columns),
                tiles_down = blocks_for(count, tile_sums::rows);
  MUSC2_LAUNCH(project, blocks_for(tiles_down * tiles_across, 1), tile_sums::threads, 0, stream,
               Lines{tokens, count, channels}, matrix, offset, columns, tiles_across, projected);
}

}  // namespace musc2::cuda
