// Two passes over tiles of an image, each with all that a tile and its halo need in shared memory.
// The first one leaves the eight maps of half the image's sides in scratch memory; the second one,
// for each ring of positions, blurs one map at a time and samples it. Sums are those of the CPU in
// its order, multiply-adds where it has them, and beyond the border both read the same mirrored
// value.
#include <algorithm>
#include <cmath>

#include "common/mirror.h"
#include "cuda/device.h"
#include "musc2/gradient_tokens.h"

namespace musc2::cuda {
namespace {

constexpr int threads = 256, cell = 8, half_cell = cell / 2, orientations = 8;
constexpr int channels = 136;
constexpr double quarter_turn = 1.5707963267948966;

// The weights of a blur.
template <int reach_>
struct Blur {
  static constexpr int reach = reach_, taps = 2 * reach + 1;
  float weight[taps];
};

template <int reach>
Blur<reach> make_blur(double sigma) {
  Blur<reach> blur;
  const auto weights = gaussian_weights(sigma, -double{reach}, Blur<reach>::taps);
  std::copy(weights.begin(), weights.end(), blur.weight);
  return blur;
}

// Four consecutive results of a blur along an axis whose values are `step` apart, the first of
// which begins at `values`. Each value is read once.
template <int reach>
__device__ inline float4 blur_four(const Blur<reach>& blur, const float* values, int step) {
  float sums[4] = {};
#pragma unroll
  for (int t = 0; t < blur.taps + 3; ++t) {
    const float value = values[t * step];
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      if (0 <= t - n && t - n < blur.taps) sums[n] = fmaf(blur.weight[t - n], value, sums[n]);
    }
  }
  return make_float4(sums[0], sums[1], sums[2], sums[3]);
}

// Blurs a region, (rows + 2 reach, pitch), down and then across. `down` is (rows, pitch),
// `blurred` (rows, blurred_pitch), of which the first `columns` of each row are computed.
template <int rows, int columns, int pitch, int blurred_pitch, int reach>
__device__ void blur_region(const Blur<reach>& blur, const float* region, float* down,
                            float* blurred) {
  static_assert(rows % 4 == 0 && columns % 4 == 0 && columns + 2 * reach <= pitch);
  constexpr int wide = columns + 2 * reach;
  for (int i = static_cast<int>(threadIdx.x); i < rows / 4 * wide; i += threads) {
    float* const to = down + i / wide * 4 * pitch + i % wide;
    const float4 four = blur_four(blur, region + i / wide * 4 * pitch + i % wide, pitch);
    to[0] = four.x;
    to[pitch] = four.y;
    to[2 * pitch] = four.z;
    to[3 * pitch] = four.w;
  }
  __syncthreads();
  // Neighboring lanes have neighboring rows, which an odd pitch keeps in different banks.
  for (int i = static_cast<int>(threadIdx.x); i < rows * columns / 4; i += threads) {
    const int row = i % rows, column = i / rows * 4;
    const float4 four = blur_four(blur, down + row * pitch + column, 1);
    float* const to = blurred + row * blurred_pitch + column;
    to[0] = four.x;
    to[1] = four.y;
    to[2] = four.z;
    to[3] = four.w;
  }
  __syncthreads();
}

// Images or maps of one size, `height` x `width`.
struct Planes {
  int64_t height, width;

  __device__ int64_t size() const { return height * width; }
};

// Which tile of which image a block has, and where it begins.
struct TilePlace {
  int64_t image, top, left;

  __device__ TilePlace(int64_t down, int64_t across, int rows, int columns)
      : image(blockIdx.x / (down * across)),
        top(blockIdx.x / across % down * rows),
        left(blockIdx.x % across * columns) {}
};

// A tile of the maps has a thread for each of its positions, 2 x 2 pixels.
namespace maps_tile {
constexpr int rows = 8, columns = 32, reach = 3;
constexpr int smooth_rows = 2 * rows + 4, smooth_columns = 2 * columns + 4;  // with neighbors
constexpr int pitch = smooth_columns + 2 * reach + 1, smooth_pitch = smooth_columns + 1;
static_assert(rows * columns == threads);
}  // namespace maps_tile

// What a pixel adds to the means of four: a central difference divides by 2, the mean by 4.
__device__ inline void add_orientations(float dx, float dy, float (&totals)[orientations]) {
  constexpr float one = 0.125f, diagonal = 0.125f * 0.70710678f;
  constexpr float cosines[] = {one, diagonal, 0, -diagonal, -one, -diagonal, 0, diagonal};
  constexpr float sines[] = {0, diagonal, one, diagonal, 0, -diagonal, -one, -diagonal};
#pragma unroll
  for (int o = 0; o < orientations; ++o) {
    const float along = fmaf(dx, cosines[o], dy * sines[o]);
    totals[o] += along > 0 ? along : 0.0f;
  }
}

// maps (images, orientations, height / 2, width / 2)
__global__ void __launch_bounds__(threads)
    orient(const float* images, Planes pixels, int64_t down, int64_t across,
           Blur<maps_tile::reach> blur, float* maps) {
  using namespace maps_tile;
  __shared__ float luminance[(smooth_rows + 2 * reach) * pitch];
  __shared__ float blurred_down[smooth_rows * pitch];
  __shared__ float smooth[smooth_rows * smooth_pitch];
  const TilePlace tile(down, across, rows, columns);
  const int64_t top = 2 * tile.top - 1, left = 2 * tile.left - 1;  // of what is smooth
  const float* const red = images + tile.image * 3 * pixels.size();
  constexpr int wide = smooth_columns + 2 * reach;
  for (int i = static_cast<int>(threadIdx.x); i < (smooth_rows + 2 * reach) * wide; i += threads) {
    const int64_t y = mirrored(top - reach + i / wide, pixels.height),
                  x = mirrored(left - reach + i % wide, pixels.width);
    const float* const color = red + y * pixels.width + x;
    constexpr float third = 1 / 3.0f;
    luminance[i / wide * pitch + i % wide] =
        fmaf(third, color[2 * pixels.size()], fmaf(third, color[pixels.size()], third * color[0]));
  }
  __syncthreads();
  blur_region<smooth_rows, smooth_columns, pitch, smooth_pitch>(blur, luminance, blurred_down,
                                                                smooth);
  const int64_t row = tile.top + threadIdx.x / columns, column = tile.left + threadIdx.x % columns;
  if (2 * row >= pixels.height || 2 * column >= pixels.width) return;
  const auto at = [&](int64_t y, int64_t x) {
    return smooth[(mirrored(y, pixels.height) - top) * smooth_pitch + mirrored(x, pixels.width) -
                  left];
  };
  float totals[orientations] = {};
  for (int64_t y = 2 * row; y < 2 * row + 2; ++y) {
    for (int64_t x = 2 * column; x < 2 * column + 2; ++x)
      add_orientations(at(y, x + 1) - at(y, x - 1), at(y + 1, x) - at(y - 1, x), totals);
  }
  const int64_t size = pixels.size() / 4;
  float* const to = maps + tile.image * orientations * size + row * (pixels.width / 2) + column;
#pragma unroll
  for (int o = 0; o < orientations; ++o) to[o * size] = totals[o];
}

constexpr int floor_half(int number) { return (number - (number % 2 != 0 && number < 0)) / 2; }

// The positions that a ring of this radius samples around each cell. Between `first` and `last`,
// counted from the cell's first row or column of the maps, are all that are read.
template <int radius, int reach_>
struct Ring {
  static constexpr int positions = radius > 0 ? 8 : 1, reach = reach_;
  static constexpr int first = floor_half(half_cell - 1 - radius),
                       last = floor_half(half_cell - 1 + radius) + 1;
  Blur<reach> blur;
  int right[positions], down[positions];
  float right_share[positions], down_share[positions];
};

template <class Ring>
void place(double offset, int& whole, float& share) {
  const double place = (half_cell - 1 + offset) / 2;
  whole = std::clamp(static_cast<int>(std::floor(place)), Ring::first, Ring::last - 1);
  share = static_cast<float>(place - whole);
}

template <int radius, int reach>
Ring<radius, reach> make_ring(double sigma) {
  Ring<radius, reach> ring;
  ring.blur = make_blur<reach>(sigma / 2);
  for (int p = 0; p < ring.positions; ++p) {
    const double angle = p * quarter_turn / 2;
    place<Ring<radius, reach>>(radius * std::cos(angle), ring.right[p], ring.right_share[p]);
    place<Ring<radius, reach>>(radius * std::sin(angle), ring.down[p], ring.down_share[p]);
  }
  return ring;
}

// Of cells.
namespace cells_tile {
constexpr int rows = 4, columns = 8;

// Of maps, in shared memory; rows and columns are computed four at a time.
template <class Ring>
struct Sizes {
  static constexpr int span = Ring::last - Ring::first + 1;
  static constexpr int blurred_rows = (half_cell * (rows - 1) + span + 3) / 4 * 4,
                       blurred_columns = (half_cell * (columns - 1) + span + 3) / 4 * 4;
  static constexpr int loaded_rows = blurred_rows + 2 * Ring::reach,
                       loaded_columns = blurred_columns + 2 * Ring::reach;
  static constexpr int pitch = loaded_columns + 1, blurred_pitch = blurred_columns + 1;
  static constexpr int values = Ring::positions * orientations;  // of a token
};
}  // namespace cells_tile

// Writes the channels from `first_channel` on of the tokens of a tile.
template <class Ring>
__global__ void __launch_bounds__(threads, 4)
    sample(const float* maps, Planes map, int64_t down, int64_t across,
           const __grid_constant__ Ring ring, int first_channel, float* tokens) {
  using Size = cells_tile::Sizes<Ring>;
  constexpr int cells = cells_tile::rows * cells_tile::columns;
  __shared__ int source_row[Size::loaded_rows], source_column[Size::loaded_columns];
  __shared__ float region[Size::loaded_rows * Size::pitch];
  __shared__ float blurred_down[Size::blurred_rows * Size::pitch];
  __shared__ float blurred[Size::blurred_rows * Size::blurred_pitch];
  __shared__ float sampled[cells * (Size::values + 1)];  // an odd pitch, for the banks
  const int thread = static_cast<int>(threadIdx.x);
  const TilePlace tile(down, across, cells_tile::rows, cells_tile::columns);
  const int64_t top = half_cell * tile.top + Ring::first,
                left = half_cell * tile.left + Ring::first;
  for (int i = thread; i < Size::loaded_rows; i += threads)
    source_row[i] = static_cast<int>(mirrored(top - Ring::reach + i, map.height));
  for (int i = thread; i < Size::loaded_columns; i += threads)
    source_column[i] = static_cast<int>(mirrored(left - Ring::reach + i, map.width));
  __syncthreads();
  const auto has = [&](int i) {
    return half_cell * (tile.top + i / cells_tile::columns) < map.height &&
           half_cell * (tile.left + i % cells_tile::columns) < map.width;
  };
  for (int o = 0; o < orientations; ++o) {
    const float* const own = maps + (tile.image * orientations + o) * map.size();
    for (int i = thread; i < Size::loaded_rows * Size::loaded_columns; i += threads) {
      const int row = i / Size::loaded_columns, column = i % Size::loaded_columns;
      region[row * Size::pitch + column] = own[source_row[row] * map.width + source_column[column]];
    }
    __syncthreads();
    blur_region<Size::blurred_rows, Size::blurred_columns, Size::pitch, Size::blurred_pitch>(
        ring.blur, region, blurred_down, blurred);
    for (int i = thread; i < cells * Ring::positions; i += threads) {
      const int p = i / cells, cell = i % cells;
      if (!has(cell)) continue;
      const int64_t y = half_cell * (tile.top + cell / cells_tile::columns) + ring.down[p],
                    x = half_cell * (tile.left + cell % cells_tile::columns) + ring.right[p];
      const float* const rows[] = {
          blurred + (mirrored(y, map.height) - top) * Size::blurred_pitch,
          blurred + (mirrored(y + 1, map.height) - top) * Size::blurred_pitch};
      const int64_t columns[] = {mirrored(x, map.width) - left, mirrored(x + 1, map.width) - left};
      const float fx = ring.right_share[p], fy = ring.down_share[p];
      sampled[cell * (Size::values + 1) + p * orientations + o] =
          (rows[0][columns[0]] * (1 - fx) + rows[0][columns[1]] * fx) * (1 - fy) +
          (rows[1][columns[0]] * (1 - fx) + rows[1][columns[1]] * fx) * fy;
    }
    __syncthreads();
  }
  for (int i = thread; i < cells * Size::values; i += threads) {
    const int cell = i / Size::values, value = i % Size::values;
    if (!has(cell)) continue;
    const int64_t row =
                      tile.image * (map.height / half_cell) + tile.top + cell / cells_tile::columns,
                  column = tile.left + cell % cells_tile::columns;
    tokens[(row * (map.width / half_cell) + column) * channels + first_channel + value] =
        sampled[cell * (Size::values + 1) + value];
  }
}

}  // namespace

int64_t gradient_tokens_scratch(int64_t count, int64_t height, int64_t width) {
  return count * orientations * (height / 2) * (width / 2) * static_cast<int64_t>(sizeof(float));
}

void gradient_tokens(const float* images, int64_t count, int64_t height, int64_t width,
                     float* tokens, void* scratch, void* stream) {
  if (count == 0 || height == 0 || width == 0) return;
  auto* const maps = static_cast<float*>(scratch);
  const Planes pixels{height, width}, map{height / 2, width / 2};
  int64_t down = blocks_for(map.height, maps_tile::rows),
          across = blocks_for(map.width, maps_tile::columns);
  MUSC2_LAUNCH(orient, blocks_for(count * down * across, 1), threads, 0, stream, images, pixels,
               down, across, make_blur<maps_tile::reach>(1.0), maps);
  down = blocks_for(height / cell, cells_tile::rows);
  across = blocks_for(width / cell, cells_tile::columns);
  const unsigned blocks = blocks_for(count * down * across, 1);
  auto middle = make_ring<0, 5>(3.0);
  auto near = make_ring<7, 6>(3.5);
  auto far = make_ring<14, 9>(5.5);
  constexpr int near_begin = orientations, far_begin = near_begin + 8 * orientations;
  MUSC2_LAUNCH(sample<decltype(middle)>, blocks, threads, 0, stream, maps, map, down, across,
               middle, 0, tokens);
  MUSC2_LAUNCH(sample<decltype(near)>, blocks, threads, 0, stream, maps, map, down, across, near,
               near_begin, tokens);
  MUSC2_LAUNCH(sample<decltype(far)>, blocks, threads, 0, stream, maps, map, down, across, far,
               far_begin, tokens);
}

}  // namespace musc2::cuda
