#pragma once
// Windows of at most 5 x 5 patches, the usual ones, for pool_grid.cu: a block per tile of 8 x 28
// patches. The tile and its halo pass through shared memory twice, in stages of 128 bytes of every
// token, of which the next one loads during the work on the current one: once to measure distances,
// once to sum up. So a token is read from the L2 cache 1.4 times in each pass, on a grid of 28 x
// 28, instead of once for each of 25 neighbors.
//
// Both passes keep a part of the tile in registers, because shared memory delivers one number in
// the time of four multiply-adds: first 5 patches of a column, with the sums of all 60 pairs that
// begin there, then the whole neighborhood of 4 x 4 patches (4 x 2 of 16 bits). A pair is measured
// once, by its first patch. Positions outside the grid are zero vectors, as the contract says.
#include <type_traits>

#include "cuda/formats.h"
#include "cuda/pooling.h"

namespace musc2::cuda {

struct PatchGrid {
  int height, width, channels;

  __device__ bool has(int y, int x) const { return y >= 0 && y < height && x >= 0 && x < width; }
};

namespace tiles {

constexpr int threads = 512, warps = threads / warp_lanes;
constexpr int rows = 8, columns = 28;  // of the patches that a block pools, at most
constexpr int pitch = warp_lanes;  // positions in a row, from `radius` to the left of the tile on
constexpr int stage_bytes = 128;   // of each token
constexpr int strip = 5, weight_rows = 2 * strip;

// radius: of the window.
template <int radius>
struct Sizes {
  static constexpr int side = 2 * radius + 1, window = side * side, later = window / 2;
  static constexpr int loaded_rows = weight_rows + radius;
  // Strips at the right edge also read beyond it: the next row or, in the last row, padding.
  static constexpr int buffer_bytes = (loaded_rows * pitch + radius) * stage_bytes;
  static constexpr int weight_count = weight_rows * pitch * later;
  static constexpr int coefficients = (window + 3) / 4 * 4;  // per patch, read four at a time
  static constexpr int shared_bytes =
      2 * buffer_bytes +
      static_cast<int>(sizeof(float)) * (weight_count + rows * columns * coefficients);
};

// The patches of a block: [top, top + rows) x [left, right) of an image.
struct TileBounds {
  PatchGrid grid;
  int top, left, right;

  __device__ bool has(int y, int x) const { return y < grid.height && x < right; }
};

// Loads the tile and its halo to shared memory, stage by stage.
template <class Feature, int radius>
class Stages {
 public:
  // Per stage.
  static constexpr int channels = stage_bytes / static_cast<int>(sizeof(typename Feature::Stored));

  __device__ Stages(const TileBounds& bounds, const typename Feature::Stored* image,
                    unsigned char* buffers)
      : bounds_(bounds), image_(image), buffers_(buffers) {}

  __device__ int count() const { return (bounds_.grid.channels + channels - 1) / channels; }

  __device__ void begin() const { load(0); }

  // Calls body(stage, tokens) for all stages. begin() has been called.
  template <class Body>
  __device__ void for_each(const Body& body) const {
    for (int stage = 0; stage < count(); ++stage) {
      load(stage + 1);
      tile::wait_copies<1>();
      __syncthreads();
      body(stage, buffers_ + stage % 2 * Sizes<radius>::buffer_bytes);
      __syncthreads();
    }
  }

 private:
  __device__ void load(int stage) const {
    constexpr int chunks = stage_bytes / 16, rows_at_once = threads / (pitch * chunks);
    const int chunk = static_cast<int>(threadIdx.x) % chunks,
              position = static_cast<int>(threadIdx.x) / chunks;
    const int x = bounds_.left - radius + position % pitch,
              channel = stage * channels + chunk * channels / chunks;
    unsigned char* const to = buffers_ + stage % 2 * Sizes<radius>::buffer_bytes + chunk * 16;
    for (int row = position / pitch; row < Sizes<radius>::loaded_rows && stage < count();
         row += rows_at_once) {
      const int y = bounds_.top - radius + row;
      const bool in_bounds =
          bounds_.grid.has(y, x) && x < bounds_.right + radius && channel < bounds_.grid.channels;
      const int64_t token = int64_t{y} * bounds_.grid.width + x;
      const auto* from = in_bounds ? image_ + token * bounds_.grid.channels + channel : image_;
      tile::copy_async(to + (row * pitch + position % pitch) * stage_bytes, from, in_bounds);
    }
    tile::commit_copies();
  }

  TileBounds bounds_;
  const typename Feature::Stored* image_;
  unsigned char* buffers_;
};

// `count` consecutive values of a token, read at once.
template <class Feature, int count>
struct Values {
  struct alignas(count * sizeof(typename Feature::Stored)) Raw {
    typename Feature::Stored stored[count];
  };
  float value[count];

  __device__ static Values load(const unsigned char* token, int number) {
    const Raw raw = reinterpret_cast<const Raw*>(token)[number];
    Values values;
#pragma unroll
    for (int i = 0; i < count; ++i) values.value[i] = Feature::widen(raw.stored[i]);
    return values;
  }
};

// Sums values[l] over 2 * step lanes, to lane l: for 8 lanes that takes 7 exchanges instead of 3
// for each of 8 values. A template on the step, because the compiler keeps an array in registers
// only where all indices are constant.
template <int step>
__device__ inline float sum_to_lanes(float* values) {
  const bool upper = (threadIdx.x & step) != 0;
#pragma unroll
  for (int i = 0; i < step; ++i) {
    const float low = values[i], high = values[i + step];
    values[i] = (upper ? high : low) + __shfl_xor_sync(whole_warp, upper ? low : high, step);
  }
  if constexpr (step > 1) return sum_to_lanes<step / 2>(values);
  return values[0];
}

// weights[position][k] = exp(-distance) to the k-th position after it in its window. Eight lanes
// share a strip of a column, with four channels each.
template <class Feature, int radius>
__device__ void compute_weights(const Stages<Feature, radius>& stages, float* weights) {
  using Size = Sizes<radius>;
  using Four = Values<Feature, 4>;
  constexpr int lanes = 8, pairs = strip * Size::later,
                padded = (pairs + lanes - 1) / lanes * lanes;
  constexpr int runs = stage_bytes / static_cast<int>(lanes * sizeof(typename Four::Raw));
  const int lane = static_cast<int>(threadIdx.x) % lanes,
            group = static_cast<int>(threadIdx.x) / lanes;
  const int first = group / pitch * strip * pitch + group % pitch;
  float sums[padded] = {};
  stages.for_each([&](int, const unsigned char* tokens) {
    for (int n = 0; n < runs; ++n) {
      const int run = (n + group) % runs * lanes + lane;  // groups start apart: their banks differ
      const auto load = [&](int down, int right) {
        return Four::load(tokens + (first + down * pitch + right) * stage_bytes, run);
      };
      Four own[strip];
#pragma unroll
      for (int i = 0; i < strip; ++i) own[i] = load(i, 0);
#pragma unroll
      for (int i = 0; i < strip + radius; ++i) {
#pragma unroll
        for (int right = -radius; right <= radius; ++right) {
          if (i == 0 && right <= 0) continue;
          const Four other = i < strip && right == 0 ? own[i] : load(i, right);
#pragma unroll
          for (int p = 0; p < strip; ++p) {
            const int after = (i - p) * Size::side + right;
            if (i - p < 0 || i - p > radius || after <= 0) continue;
#pragma unroll
            for (int v = 0; v < 4; ++v) {
              const float difference = own[p].value[v] - other.value[v];
              sums[p * Size::later + after - 1] =
                  fmaf(difference, difference, sums[p * Size::later + after - 1]);
            }
          }
        }
      }
    }
  });
#pragma unroll
  for (int begin = 0; begin < padded; begin += lanes) {
    const float distance2 = sum_to_lanes<lanes / 2>(sums + begin);
    const int pair = begin + lane, position = first + pair / Size::later * pitch;
    if (pair < pairs)
      weights[position * Size::later + pair % Size::later] = neighbor_weight(sqrtf(distance2));
  }
}

// coefficients[patch][n]: the coefficient of the n-th token of the window, over all degrees. A
// thread per patch.
template <int radius>
__device__ void merge_degrees(const Degrees& degrees, const float* weights, float* coefficients) {
  using Size = Sizes<radius>;
  const int patch = static_cast<int>(threadIdx.x);
  if (patch >= rows * columns) return;
  const int position = (patch / columns + radius) * pitch + patch % columns + radius;
  const auto ring = [](int n) {
    const int down = n / Size::side - radius, right = n % Size::side - radius;
    return max(max(down, -down), max(right, -right));
  };
  const auto weight = [&](int n) {
    const int after = n - Size::window / 2;
    if (after == 0) return 1.0f;
    if (after > 0) return weights[position * Size::later + after - 1];
    const int other = position + (n / Size::side - radius) * pitch + n % Size::side - radius;
    return weights[other * Size::later - after - 1];
  };
  double totals[radius + 1] = {}, scales[radius + 1] = {};  // per ring
#pragma unroll
  for (int n = 0; n < Size::window; ++n) totals[ring(n)] += static_cast<double>(weight(n));
  for (int d = 0; d < degrees.count; ++d) {
    double total = totals[0];
#pragma unroll
    for (int k = 1; k <= radius; ++k) total += k <= degrees.size[d] / 2 ? totals[k] : 0;
#pragma unroll
    for (int k = 0; k <= radius; ++k)
      scales[k] += k <= degrees.size[d] / 2 ? 1 / (total * degrees.count) : 0;
  }
#pragma unroll
  for (int n = 0; n < Size::window; ++n) {
    coefficients[patch * Size::coefficients + n] =
        static_cast<float>(scales[ring(n)] * static_cast<double>(weight(n)));
  }
}

// Computes the weighted sums. A warp has a few patches, each lane four bytes of their tokens.
template <class Feature, int radius>
__device__ void add_up(const Stages<Feature, radius>& stages, const TileBounds& bounds,
                       const float* coefficients, float* pooled) {
  using Size = Sizes<radius>;
  constexpr int held = Stages<Feature, radius>::channels / warp_lanes;
  constexpr int down = 4, across = 4 / held, bundles = columns / across;
  using Few = Values<Feature, held>;
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes,
            warp = static_cast<int>(threadIdx.x) / warp_lanes;
  stages.for_each([&](int stage, const unsigned char* tokens) {
    const int channel = stage * Stages<Feature, radius>::channels + lane * held;
    for (int bundle = warp; bundle < rows / down * bundles; bundle += warps) {
      const int top = bundle / bundles * down, left = bundle % bundles * across;
      if (!bounds.has(bounds.top + top, bounds.left + left)) continue;
      Few held_tokens[down + 2 * radius][across + 2 * radius];
#pragma unroll
      for (int i = 0; i < down + 2 * radius; ++i) {
#pragma unroll
        for (int j = 0; j < across + 2 * radius; ++j) {
          held_tokens[i][j] =
              Few::load(tokens + ((top + i) * pitch + left + j) * stage_bytes, lane);
        }
      }
#pragma unroll
      for (int p = 0; p < down * across; ++p) {
        const int y = bounds.top + top + p / across, x = bounds.left + left + p % across;
        if (!bounds.has(y, x)) continue;
        const int patch = (top + p / across) * columns + left + p % across;
        const auto* four =
            reinterpret_cast<const float4*>(coefficients + patch * Size::coefficients);
        Few sum = {};
#pragma unroll
        for (int n = 0; n < Size::window; ++n) {
          const float4 read = four[n / 4];
          const float coefficient = n % 4 == 0   ? read.x
                                    : n % 4 == 1 ? read.y
                                    : n % 4 == 2 ? read.z
                                                 : read.w;
          const Few& token = held_tokens[p / across + n / Size::side][p % across + n % Size::side];
#pragma unroll
          for (int v = 0; v < held; ++v)
            sum.value[v] = fmaf(coefficient, token.value[v], sum.value[v]);
        }
        float* const to =
            pooled + (int64_t{y} * bounds.grid.width + x) * bounds.grid.channels + channel;
        if (channel >= bounds.grid.channels) continue;
        if constexpr (held == 2) {
          *reinterpret_cast<float2*>(to) = make_float2(sum.value[0], sum.value[1]);
        } else {
          *to = sum.value[0];
        }
      }
    }
  });
}

template <class Feature, int radius>
__global__ void __launch_bounds__(threads, 1)
    pool(const typename Feature::Stored* tokens, PatchGrid grid, int across, Degrees degrees,
         bool similarity, float* pooled) {
  using Size = Sizes<radius>;
  MUSC2_DYNAMIC_SHARED(unsigned char, buffers);
  auto* const weights = reinterpret_cast<float*>(buffers + 2 * Size::buffer_bytes);
  float* const coefficients = weights + Size::weight_count;
  const int down = (grid.height + rows - 1) / rows,
            number = static_cast<int>(blockIdx.x % (down * across));
  const int64_t image =
      int64_t{blockIdx.x / (down * across)} * grid.height * grid.width * grid.channels;
  const int wide = (grid.width + across - 1) / across, left = number % across * wide;
  const TileBounds bounds{grid, number / across * rows, left, min(left + wide, grid.width)};
  const Stages<Feature, radius> stages(bounds, tokens + image, buffers);
  stages.begin();
  if (similarity) {
    compute_weights(stages, weights);
    stages.begin();
  } else {
    for (int i = static_cast<int>(threadIdx.x); i < Size::weight_count; i += threads)
      weights[i] = 1;
  }
  __syncthreads();
  merge_degrees<radius>(degrees, weights, coefficients);
  add_up(stages, bounds, coefficients, pooled + image);
}

}  // namespace tiles
}  // namespace musc2::cuda
