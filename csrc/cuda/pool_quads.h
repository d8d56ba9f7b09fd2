#pragma once
// Windows of at most 5 x 5 patches, the usual ones, for pool_grid.cu: a warp per 2 x 2 patches. Each lane has a few
// channels. The windows of the four overlap so far that 36 tokens serve 100 pairs: the tokens are read twice, once to
// sum up all distances in registers and once, weighted, for the result, and arithmetic takes longer than loading.
// Places outside the grid read its nearest patch and then count for nothing.
#include "cuda/pooling.h"

namespace musc2::cuda {

struct PatchGrid {
  int height, width, channels;

  __device__ bool has(int y, int x) const { return y >= 0 && y < height && x >= 0 && x < width; }
};

namespace quads {

constexpr int warps = 4;
constexpr int patches = 4;

// A few consecutive channels of a token, loaded at once.
template <int wide>
struct Channels {
  float value[wide];

  __device__ static Channels load(const float* from) {
    if constexpr (wide == 4) {
      const float4 all = *reinterpret_cast<const float4*>(from);
      return {all.x, all.y, all.z, all.w};
    } else {
      return {*from};
    }
  }
  __device__ void store(float* to) const {
    if constexpr (wide == 4) {
      *reinterpret_cast<float4*>(to) = make_float4(value[0], value[1], value[2], value[3]);
    } else {
      *to = value[0];
    }
  }
};

// The sum over the warp's lanes of values[l], to lane l: 31 exchanges instead of 5 for each of 32 values. A template
// for each step, because the compiler keeps an array in registers only where it sees every index.
template <int step = warp_lanes / 2>
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

// The tokens around a quad, `side` in each direction; patch p of the quad is in row p / 2 and column p % 2 of its
// middle.
template <int radius>
struct Surroundings {
  static constexpr int side = 2 * radius + 2, diameter = 2 * radius + 1, window = diameter * diameter;
  // Pairs of a patch and a place in its window, padded for sum_to_lanes. The patch itself has the middle place.
  static constexpr int pairs = patches * window, padded = (pairs + warp_lanes - 1) / warp_lanes * warp_lanes;

  // The pair of patch p and the token at (i, j), or -1 when that is not in its window.
  __device__ static constexpr int pair(int p, int i, int j) {
    const int down = i - p / 2, right = j - p % 2;
    const bool is_near = down >= 0 && down < diameter && right >= 0 && right < diameter;
    return is_near ? p * window + down * diameter + right : -1;
  }
  static constexpr int middle = radius * diameter + radius;

  const float* rows[side];
  int columns[side];

  __device__ Surroundings(const PatchGrid& grid, const float* image, int y, int x) {
#pragma unroll
    for (int i = 0; i < side; ++i) {
      const int row = min(max(y + i - radius, 0), grid.height - 1);
      rows[i] = image + int64_t{row} * grid.width * grid.channels;
      columns[i] = min(max(x + i - radius, 0), grid.width - 1) * grid.channels;
    }
  }
};

// weights[pair] = exp(-distance), for the middle places that of a zero vector.
template <int radius, int wide>
__device__ void weigh(const Surroundings<radius>& near, int channels, float* weights) {
  using Near = Surroundings<radius>;
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes;
  float sums[Near::padded] = {};
  for (int c = lane * wide; c < channels; c += warp_lanes * wide) {
    Channels<wide> own[patches];
#pragma unroll
    for (int p = 0; p < patches; ++p) {
      own[p] = Channels<wide>::load(near.rows[radius + p / 2] + near.columns[radius + p % 2] + c);
    }
#pragma unroll
    for (int i = 0; i < Near::side; ++i) {
#pragma unroll
      for (int j = 0; j < Near::side; ++j) {
        const auto other = Channels<wide>::load(near.rows[i] + near.columns[j] + c);
#pragma unroll
        for (int p = 0; p < patches; ++p) {
          const int pair = Near::pair(p, i, j);
          if (pair < 0) continue;
          const bool is_own = pair == p * Near::window + Near::middle;
#pragma unroll
          for (int v = 0; v < wide; ++v) {
            const float difference = is_own ? other.value[v] : other.value[v] - own[p].value[v];
            sums[pair] += difference * difference;
          }
        }
      }
    }
  }
#pragma unroll
  for (int first = 0; first < Near::padded; first += warp_lanes) {
    const float distance2 = sum_to_lanes(sums + first);
    if (first + lane < Near::pairs) weights[first + lane] = neighbour_weight(sqrtf(distance2));
  }
}

// weights[pair] becomes what the token counts for in the patch's result: all degrees in one coefficient.
template <int radius>
__device__ void share_out(const PatchGrid& grid, const Degrees& degrees, int y, int x, float* weights) {
  using Near = Surroundings<radius>;
  constexpr int together = warp_lanes / patches;  // degrees that lanes take side by side
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes, p = lane / together;
  const int top = y + p / 2 - radius, left = x + p % 2 - radius;
  float* const own = weights + p * Near::window;
  const auto ring = [](int n) {
    const int down = n / Near::diameter - radius, right = n % Near::diameter - radius;
    return max(max(down, -down), max(right, -right));
  };
  const auto counts = [&](int n) { return grid.has(top + n / Near::diameter, left + n % Near::diameter); };
  double shares[radius + 1] = {};  // of a ring: the mean over the degrees that reach it of 1 / (sum of weights)
  for (int d = lane % together; d < degrees.count; d += together) {
    const int reach = degrees.size[d] / 2;
    double total = 1;  // the patch itself
    int inside = 1;
    for (int n = 0; n < Near::window; ++n) {
      if (n == Near::middle || ring(n) > reach || !counts(n)) continue;
      total += static_cast<double>(own[n]);
      ++inside;
    }
    const int64_t outside = int64_t{degrees.size[d]} * degrees.size[d] - inside;
    total += static_cast<double>(own[Near::middle]) * static_cast<double>(outside);
#pragma unroll
    for (int k = 0; k <= radius; ++k) shares[k] += k <= reach ? 1 / (total * degrees.count) : 0.0;
  }
#pragma unroll
  for (int k = 0; k <= radius; ++k) {
    for (int step = together / 2; step > 0; step /= 2) shares[k] += __shfl_xor_sync(whole_warp, shares[k], step);
  }
  __syncwarp();
  for (int n = lane % together; n < Near::window; n += together) {
    double share = shares[0];
#pragma unroll
    for (int k = 1; k <= radius; ++k) share = ring(n) == k ? shares[k] : share;
    const double weight = n == Near::middle ? 1.0 : static_cast<double>(own[n]);
    own[n] = counts(n) ? static_cast<float>(share * weight) : 0.0f;
  }
  __syncwarp();
}

template <int radius, int wide>
__device__ void add_up(const Surroundings<radius>& near, const PatchGrid& grid, const float* coefficients, int y, int x,
                       float* pooled) {
  using Near = Surroundings<radius>;
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes;
  for (int c = lane * wide; c < grid.channels; c += warp_lanes * wide) {
    Channels<wide> sums[patches] = {};
#pragma unroll
    for (int i = 0; i < Near::side; ++i) {
#pragma unroll
      for (int j = 0; j < Near::side; ++j) {
        const auto other = Channels<wide>::load(near.rows[i] + near.columns[j] + c);
#pragma unroll
        for (int p = 0; p < patches; ++p) {
          const int pair = Near::pair(p, i, j);
          if (pair < 0) continue;
#pragma unroll
          for (int v = 0; v < wide; ++v) sums[p].value[v] += coefficients[pair] * other.value[v];
        }
      }
    }
#pragma unroll
    for (int p = 0; p < patches; ++p) {
      const int row = y + p / 2, column = x + p % 2;
      if (grid.has(row, column)) sums[p].store(pooled + (int64_t{row} * grid.width + column) * grid.channels + c);
    }
  }
}

template <int radius, int wide>
__global__ void __launch_bounds__(warps* warp_lanes)
    pool(const float* tokens, int64_t images, PatchGrid grid, Degrees degrees, bool similarity, float* pooled) {
  __shared__ float weights_of_all[warps][Surroundings<radius>::pairs];
  const int down = (grid.height + 1) / 2, across = (grid.width + 1) / 2;
  const int64_t quad = int64_t{blockIdx.x} * warps + threadIdx.x / warp_lanes, image = quad / (int64_t{down} * across);
  if (image >= images) return;
  const auto place = static_cast<int>(quad % (int64_t{down} * across));
  const int y = 2 * (place / across), x = 2 * (place % across);
  const int64_t offset = image * grid.height * grid.width * grid.channels;
  const Surroundings<radius> near(grid, tokens + offset, y, x);
  float* const weights = weights_of_all[threadIdx.x / warp_lanes];
  if (similarity) {
    weigh<radius, wide>(near, grid.channels, weights);
  } else {
    for (int i = static_cast<int>(threadIdx.x) % warp_lanes; i < near.pairs; i += warp_lanes) weights[i] = 1;
  }
  __syncwarp();
  share_out<radius>(grid, degrees, y, x, weights);
  add_up<radius, wide>(near, grid, weights, y, x, pooled + offset);
}

}  // namespace quads
}  // namespace musc2::cuda
