// Three passes: patches are cut out, normalized and whitened; a tile of a row of them is compared
// with a tile of the words and averaged along the row; rows are averaged down. Between passes the
// values are in scratch memory, so that no patch is whitened twice and no distance is kept. Sums
// are those of the CPU in its order, multiply-adds where it has them.
#include <algorithm>

#include "common/mirror.h"
#include "cuda/tile_sums.h"
#include "musc2/dictionary_tokens.h"

namespace musc2::cuda {
namespace {

using tile_sums::Lines;

constexpr int stride = 4, taps = 8;
constexpr int side = 6, values = 3 * side * side;  // of a patch

// The weights of the patches around a token, in one direction.
struct Taps {
  float weight[taps];
};

Taps make_taps() {
  Taps made;
  const auto weights = gaussian_weights(1.0, 0.5 - static_cast<double>(taps) / 2, taps);
  std::copy(weights.begin(), weights.end(), made.weight);
  return made;
}

// The Gaussian mean of the items around the middle between items 2 i and 2 i + 1 of `count`, where
// item(n) is the value of one.
template <class Item>
__device__ float weighted_mean(const Taps& around, int64_t i, int64_t count, const Item& item) {
  float sum = 0;
#pragma unroll
  for (int t = 0; t < taps; ++t)
    sum = fmaf(around.weight[t], item(mirrored(2 * i + t - (taps / 2 - 1), count)), sum);
  return sum;
}

// The patches and tokens of images of one size.
struct Grid {
  int64_t height, width;

  __host__ __device__ int64_t rows() const { return height / stride; }
  __host__ __device__ int64_t columns() const { return width / stride; }
  __host__ __device__ int64_t patches() const { return rows() * columns(); }
  __host__ __device__ int64_t token_rows() const { return rows() / 2; }
  __host__ __device__ int64_t token_columns() const { return columns() / 2; }
};

// The first pass: a block has 64 patches, in four threads each.
namespace whitening_tile {
constexpr int patches = 64, sharing = 4, threads = patches * sharing;
constexpr int across = 16, held = 3;  // threads and components of each, at a time
static_assert(values % sharing == 0 && threads / across * 4 == patches);
}  // namespace whitening_tile

// whitened (patches of all images, components)
__global__ void __launch_bounds__(whitening_tile::threads)
    whiten(const float* images, Grid grid, int64_t patch_count, const float* whitening,
           int64_t components, float softness, float* whitened) {
  using namespace whitening_tile;
  struct Patches {
    alignas(16) float value[values][patches];
  };
  __shared__ Patches shared;
  __shared__ float partials[2][sharing][patches];
  const int thread = static_cast<int>(threadIdx.x), own = thread % patches, part = thread / patches;
  const int64_t first = int64_t{blockIdx.x} * patches, patch = first + own;
  const int64_t row = patch % grid.patches() / grid.columns(), column = patch % grid.columns();
  const float* const image = images + patch / grid.patches() * 3 * grid.height * grid.width;
  for (int i = part; i < values; i += sharing) {
    const int64_t y = mirrored(stride * row + i / side % side - 1, grid.height),
                  x = mirrored(stride * column + i % side - 1, grid.width);
    const float* const color = image + i / (side * side) * grid.height * grid.width;
    shared.value[i][own] = patch < patch_count ? color[y * grid.width + x] : 0.0f;
  }
  // A thread has read what itself wrote: every fourth value of its patch.
  const auto mean = [&](int which, const auto& term) {
    float sum = 0;
    for (int i = part; i < values; i += sharing) sum += term(shared.value[i][own]);
    float (&sums)[sharing][patches] = partials[which];
    sums[part][own] = sum;
    __syncthreads();
    return ((sums[0][own] + sums[1][own]) + (sums[2][own] + sums[3][own])) / float{values};
  };
  const float middle = mean(0, [](float value) { return value; });
  for (int i = part; i < values; i += sharing) shared.value[i][own] -= middle;
  const float scale = sqrtf(mean(1, [](float value) { return value * value; })) + softness;
  if (scale > 0) {
    for (int i = part; i < values; i += sharing) shared.value[i][own] /= scale;
  }
  __syncthreads();
  const int line = thread / across * 4;
  for (int64_t begin = thread % across; begin < components; begin += held * across) {
    float sums[4][held] = {};
    for (int i = 0; i < values; ++i) {
      const float4 four = *reinterpret_cast<const float4*>(&shared.value[i][line]);
#pragma unroll
      for (int c = 0; c < held; ++c) {
        const int64_t component = min(begin + c * across, components - 1);
        const float weight = whitening[i * components + component];
        sums[0][c] = fmaf(four.x, weight, sums[0][c]);
        sums[1][c] = fmaf(four.y, weight, sums[1][c]);
        sums[2][c] = fmaf(four.z, weight, sums[2][c]);
        sums[3][c] = fmaf(four.w, weight, sums[3][c]);
      }
    }
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int c = 0; c < held; ++c) {
        const int64_t component = begin + c * across;
        if (first + line + n < patch_count && component < components)
          whitened[(first + line + n) * components + component] = sums[n][c];
      }
    }
  }
}

// The second pass: how many tokens' patches are in a tile, 2 a token and 3 more at both ends.
constexpr int tokens_across = (tile_sums::rows - taps + 2) / 2;

union Comparison {
  tile_sums::Step step;
  float distances[tile_sums::rows][tile_sums::columns + 2];  // rows of a warp in different banks
};

// pooled (rows of patches of all images, token columns, words)
__global__ void __launch_bounds__(tile_sums::threads)
    compare(const float* whitened, Grid grid, int64_t components, const float* words,
            int64_t word_count, Taps around, int64_t tiles_across, int64_t word_tiles,
            float* pooled) {
  __shared__ Comparison shared;
  const int64_t first_word = blockIdx.x % word_tiles * tile_sums::columns,
                first_token = blockIdx.x / word_tiles % tiles_across * tokens_across,
                row = blockIdx.x / word_tiles / tiles_across;
  const int64_t end_token = min(first_token + tokens_across, grid.token_columns());
  const int64_t first = max(int64_t{0}, 2 * first_token - (taps / 2 - 1)),
                end = min(2 * end_token + taps / 2 - 1, grid.columns());
  const Lines patches{whitened + (row * grid.columns() + first) * components, end - first,
                      components};
  tile_sums::Sums sums = {};
  for (int64_t begin = 0; begin < components; begin += tile_sums::length) {
    tile_sums::load_lines<tile_sums::rows>(patches, 0, begin, shared.step.row);
    tile_sums::load_lines<tile_sums::columns>({words, word_count, components}, first_word, begin,
                                              shared.step.column);
    __syncthreads();
    sums.add(shared.step, [](float value, float word, float sum) {
      return fmaf(word - value, word - value, sum);
    });
    __syncthreads();
  }
  sums.for_each([&](int r, int c, float sum) { shared.distances[r][c] = sqrtf(sum); });
  __syncthreads();
  const int64_t word = first_word + threadIdx.x;
  if (word >= word_count) return;
  for (int64_t token = first_token; token < end_token; ++token) {
    pooled[(row * grid.token_columns() + token) * word_count + word] = weighted_mean(
        around, token, grid.columns(),
        [&](int64_t column) { return shared.distances[column - first][threadIdx.x]; });
  }
}

constexpr int pooling_threads = 256;

// The third pass: a block has some values of a row of tokens.
__global__ void __launch_bounds__(pooling_threads)
    pool(const float* pooled, Grid grid, int64_t word_count, Taps around, int64_t blocks_each,
         float* tokens) {
  const int64_t row = blockIdx.x / blocks_each, size = grid.token_columns() * word_count;
  const int64_t value = blockIdx.x % blocks_each * pooling_threads + threadIdx.x;
  if (value >= size) return;
  const float* const image = pooled + row / grid.token_rows() * grid.rows() * size;
  tokens[row * size + value] = weighted_mean(around, row % grid.token_rows(), grid.rows(),
                                             [&](int64_t y) { return image[y * size + value]; });
}

}  // namespace

int64_t dictionary_tokens_scratch(int64_t count, int64_t height, int64_t width, int64_t components,
                                  int64_t word_count) {
  const Grid grid{height, width};
  const int64_t whitened = grid.patches() * components,
                pooled = grid.rows() * grid.token_columns() * word_count;
  return count * (whitened + pooled) * static_cast<int64_t>(sizeof(float));
}

void dictionary_tokens(const float* images, int64_t count, int64_t height, int64_t width,
                       const float* whitening, int64_t components, const float* words,
                       int64_t word_count, float softness, float* tokens, void* scratch,
                       void* stream) {
  if (count == 0 || height == 0 || width == 0 || word_count == 0) return;
  const Grid grid{height, width};
  const int64_t patch_count = count * grid.patches();
  auto* const whitened = static_cast<float*>(scratch);
  float* const pooled = whitened + patch_count * components;
  MUSC2_LAUNCH(whiten, blocks_for(patch_count, whitening_tile::patches), whitening_tile::threads, 0,
               stream, images, grid, patch_count, whitening, components, softness, whitened);
  const Taps around = make_taps();
  const int64_t tiles_across = blocks_for(grid.token_columns(), tokens_across),
                word_tiles = blocks_for(word_count, tile_sums::columns);
  MUSC2_LAUNCH(compare, blocks_for(count * grid.rows() * tiles_across * word_tiles, 1),
               tile_sums::threads, 0, stream, whitened, grid, components, words, word_count, around,
               tiles_across, word_tiles, pooled);
  const int64_t blocks_each = blocks_for(grid.token_columns() * word_count, pooling_threads);
  MUSC2_LAUNCH(pool, blocks_for(count * grid.token_rows() * blocks_each, 1), pooling_threads, 0,
               stream, pooled, grid, word_count, around, blocks_each, tokens);
}

}  // namespace musc2::cuda
