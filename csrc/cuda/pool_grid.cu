// pool_tiles.h handles windows of at most 5 x 5. Wider ones, and tokens that do not start at
// multiples of 16 bytes, take a block per patch: its warps compute the weights of the patches in
// the window, then all degrees are merged into one coefficient per neighbor, so that each output is
// a single weighted sum of tokens. Neighbors are read through the caches, which adjacent blocks
// share; a neighbor whose coefficient vanishes, as most do with real tokens, is not read again.
#include "cuda/pool_tiles.h"
#include "musc2/pool_grid.h"

namespace musc2::cuda {
namespace {

constexpr int threads = 128;
constexpr float smallest_normal = 1.17549435e-38f;

struct Grid {
  int64_t height, width, channels, radius;
};

// The patches of the grid in the window around one patch, by number.
struct Window {
  int64_t x, y, left, top, columns, rows;

  __device__ Window(const Grid& grid, int64_t patch)
      : x(patch % grid.width), y(patch / grid.width) {
    left = max(x - grid.radius, int64_t{0});
    top = max(y - grid.radius, int64_t{0});
    columns = min(x + grid.radius, grid.width - 1) - left + 1;
    rows = min(y + grid.radius, grid.height - 1) - top + 1;
  }
  __device__ int64_t size() const { return columns * rows; }
  __device__ int64_t patch(const Grid& grid, int64_t n) const {
    return (top + n / columns) * grid.width + left + n % columns;
  }
  // The smallest radius of a window that contains the patch.
  __device__ int64_t ring(int64_t n) const {
    const int64_t down = top + n / columns - y, right = left + n % columns - x;
    return max(down < 0 ? -down : down, right < 0 ? -right : right);
  }
};

// exp(-|a - b|), in every lane; b = 0 when null.
template <class Feature, class Stored = typename Feature::Stored>
__device__ float weight_of(const Stored* a, const Stored* b, int64_t channels) {
  float sum = 0;
  for (int64_t c = threadIdx.x % warp_lanes; c < channels; c += warp_lanes) {
    const float difference = Feature::widen(a[c]) - (b == nullptr ? 0.0f : Feature::widen(b[c]));
    sum += difference * difference;
  }
  return neighbor_weight(sqrtf(over_warp(sum, Sum{})));
}

// Computes weights[n] of the window's patches, then the weight of a position outside the grid.
template <class Feature, class Stored = typename Feature::Stored>
__device__ void compute_weights(const Grid& grid, const Window& window, const Stored* image,
                                bool similarity, float* weights) {
  const Stored* own = image + (window.y * grid.width + window.x) * grid.channels;
  for (int64_t n = threadIdx.x / warp_lanes; n <= window.size(); n += threads / warp_lanes) {
    const Stored* other =
        n < window.size() ? image + window.patch(grid, n) * grid.channels : nullptr;
    const float weight = similarity ? weight_of<Feature>(own, other, grid.channels) : 1.0f;
    if (threadIdx.x % warp_lanes == 0) weights[n] = weight;
  }
}

// scales[d] = 1 / (sum of the weights of degree d * number of degrees).
__device__ void normalize(const Window& window, const Degrees& degrees, const float* weights,
                          double* scales) {
  for (int d = static_cast<int>(threadIdx.x) / warp_lanes; d < degrees.count;
       d += threads / warp_lanes) {
    double total = 0;
    int64_t inside = 0;
    for (int64_t n = threadIdx.x % warp_lanes; n < window.size(); n += warp_lanes) {
      if (window.ring(n) > degrees.size[d] / 2) continue;
      total += static_cast<double>(weights[n]);
      ++inside;
    }
    total = over_warp(total, Sum{});
    const int64_t outside = int64_t{degrees.size[d]} * degrees.size[d] - over_warp(inside, Sum{});
    total += static_cast<double>(weights[window.size()]) * static_cast<double>(outside);
    if (threadIdx.x % warp_lanes == 0) scales[d] = 1 / (total * degrees.count);
  }
}

template <class Feature, class Stored = typename Feature::Stored>
__global__ void __launch_bounds__(threads)
    pool(const Stored* tokens, Grid grid, Degrees degrees, bool similarity, float* pooled) {
  MUSC2_DYNAMIC_SHARED(float, weights);
  __shared__ double scales[max_degrees];
  const int64_t patches = grid.height * grid.width;
  const Stored* image = tokens + blockIdx.x / patches * patches * grid.channels;
  const Window window(grid, blockIdx.x % patches);
  compute_weights<Feature>(grid, window, image, similarity, weights);
  __syncthreads();
  normalize(window, degrees, weights, scales);
  __syncthreads();
  for (int64_t n = threadIdx.x; n < window.size(); n += threads) {
    double scale = 0;
    for (int d = 0; d < degrees.count; ++d)
      scale += window.ring(n) <= degrees.size[d] / 2 ? scales[d] : 0;
    weights[n] = static_cast<float>(scale * static_cast<double>(weights[n]));
  }
  __syncthreads();
  for (int64_t c = threadIdx.x; c < grid.channels; c += threads) {
    float sum = 0;
    for (int64_t n = 0; n < window.size(); ++n) {
      if (weights[n] < smallest_normal) continue;
      sum += weights[n] * Feature::widen(image[window.patch(grid, n) * grid.channels + c]);
    }
    pooled[int64_t{blockIdx.x} * grid.channels + c] = sum;
  }
}

template <class Feature>
struct PoolGrid {
  const typename Feature::Stored* tokens;
  int64_t images;
  Grid grid;
  Degrees degrees;
  bool similarity;
  float* pooled;
  void* stream;

  void run() const {
    const bool chunks =
        grid.channels * sizeof(*tokens) % 16 == 0 && reinterpret_cast<uintptr_t>(tokens) % 16 == 0;
    if (chunks && widest(degrees) / 2 <= 2 &&
        tiles::Sizes<2>::shared_bytes <= shared_memory_limit()) {
      by_tile();
    } else {
      by_patch();
    }
  }

 private:
  void by_tile() const {
    const auto across = blocks_for(grid.width, tiles::columns);
    const int64_t count = images * blocks_for(grid.height, tiles::rows) * across;
    const bool narrow = widest(degrees) <= 3;
    const PatchGrid sizes{static_cast<int>(grid.height), static_cast<int>(grid.width),
                          static_cast<int>(grid.channels)};
    launch({"pool_grid", blocks_for(count, 1), tiles::threads,
            narrow ? tiles::Sizes<1>::shared_bytes : tiles::Sizes<2>::shared_bytes, stream},
           narrow ? tiles::pool<Feature, 1> : tiles::pool<Feature, 2>, tokens, sizes,
           static_cast<int>(across), degrees, similarity, pooled);
  }

  void by_patch() const {
    const int64_t side = 2 * grid.radius + 1;
    const int64_t max_neighbors = std::min(grid.height, side) * std::min(grid.width, side);
    launch({"pool_grid", blocks_for(images * grid.height * grid.width, 1), threads,
            (max_neighbors + 1) * static_cast<int64_t>(sizeof(float)), stream},
           pool<Feature>, tokens, grid, degrees, similarity, pooled);
  }
};

}  // namespace

void pool_grid(const void* tokens, int64_t images, int64_t height, int64_t width, int64_t channels,
               const int64_t* degrees, int64_t degree_count, bool similarity, float* pooled,
               int64_t type, void* stream) {
  if (images * height * width * channels == 0) return;
  const Degrees copied = copy_degrees("pool_grid", degrees, degree_count);
  const Grid grid{height, width, channels,
                  std::min<int64_t>(widest(copied) / 2, std::max(height, width) - 1)};
  const auto run = [&](auto feature) {
    using Feature = decltype(feature);
    const auto* stored = static_cast<const typename Feature::Stored*>(tokens);
    PoolGrid<Feature>{stored, images, grid, copied, similarity, pooled, stream}.run();
  };
  if (type == 1) {
    run(Bfloat16());
  } else if (type == 3) {
    run(Float16());
  } else {
    run(Float32());
  }
}

}  // namespace musc2::cuda
