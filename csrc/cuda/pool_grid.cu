// Windows of at most 5 x 5 are left to pool_quads.h. For wider ones: a block per patch. Its warps weigh the patches of
// the window, then all degrees become one coefficient per neighbour, so that each output is a single weighted sum of
// tokens. Neighbours are read through the caches, which adjacent blocks share; a neighbour whose coefficient vanishes,
// as most do with real tokens, is not read again.
#include "cuda/pool_quads.h"
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

  __device__ Window(const Grid& grid, int64_t patch) : x(patch % grid.width), y(patch / grid.width) {
    left = max(x - grid.radius, int64_t{0});
    top = max(y - grid.radius, int64_t{0});
    columns = min(x + grid.radius, grid.width - 1) - left + 1;
    rows = min(y + grid.radius, grid.height - 1) - top + 1;
  }
  __device__ int64_t size() const { return columns * rows; }
  __device__ int64_t patch(const Grid& grid, int64_t n) const {
    return (top + n / columns) * grid.width + left + n % columns;
  }
  // The radius at which the patch comes in.
  __device__ int64_t ring(int64_t n) const {
    const int64_t down = top + n / columns - y, right = left + n % columns - x;
    return max(down < 0 ? -down : down, right < 0 ? -right : right);
  }
};

// exp(-|a - b|) to every lane, with b = 0 when null.
__device__ float weight_of(const float* a, const float* b, int64_t channels) {
  float sum = 0;
  for (int64_t c = threadIdx.x % warp_lanes; c < channels; c += warp_lanes) {
    const float difference = b == nullptr ? a[c] : a[c] - b[c];
    sum += difference * difference;
  }
  return neighbour_weight(sqrtf(over_warp(sum, Sum{})));
}

// weights[n] of the window's patches, and after them the weight of a place outside the grid.
__device__ void weigh(const Grid& grid, const Window& window, const float* image, bool similarity, float* weights) {
  const float* own = image + (window.y * grid.width + window.x) * grid.channels;
  for (int64_t n = threadIdx.x / warp_lanes; n <= window.size(); n += threads / warp_lanes) {
    const float* other = n < window.size() ? image + window.patch(grid, n) * grid.channels : nullptr;
    const float weight = similarity ? weight_of(own, other, grid.channels) : 1.0f;
    if (threadIdx.x % warp_lanes == 0) weights[n] = weight;
  }
}

// shares[d] = 1 / (sum of the weights of degree d * number of degrees).
__device__ void share_out(const Window& window, const Degrees& degrees, const float* weights, double* shares) {
  for (int d = static_cast<int>(threadIdx.x) / warp_lanes; d < degrees.count; d += threads / warp_lanes) {
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
    if (threadIdx.x % warp_lanes == 0) shares[d] = 1 / (total * degrees.count);
  }
}

__global__ void __launch_bounds__(threads)
    pool(const float* tokens, Grid grid, Degrees degrees, bool similarity, float* pooled) {
  MUSC2_DYNAMIC_SHARED(float, weights);
  __shared__ double shares[most_degrees];
  const int64_t patches = grid.height * grid.width;
  const float* image = tokens + blockIdx.x / patches * patches * grid.channels;
  const Window window(grid, blockIdx.x % patches);
  weigh(grid, window, image, similarity, weights);
  __syncthreads();
  share_out(window, degrees, weights, shares);
  __syncthreads();
  for (int64_t n = threadIdx.x; n < window.size(); n += threads) {
    double share = 0;
    for (int d = 0; d < degrees.count; ++d) share += window.ring(n) <= degrees.size[d] / 2 ? shares[d] : 0;
    weights[n] = static_cast<float>(share * static_cast<double>(weights[n]));
  }
  __syncthreads();
  for (int64_t c = threadIdx.x; c < grid.channels; c += threads) {
    float sum = 0;
    for (int64_t n = 0; n < window.size(); ++n) {
      if (!(weights[n] < smallest_normal)) sum += weights[n] * image[window.patch(grid, n) * grid.channels + c];
    }
    pooled[int64_t{blockIdx.x} * grid.channels + c] = sum;
  }
}

// The channels of quads are loaded four at a time where each token begins at a multiple of 16 bytes.
auto* quad_kernel(int64_t radius, bool by_four) {
  if (radius <= 1) return by_four ? quads::pool<1, 4> : quads::pool<1, 1>;
  return by_four ? quads::pool<2, 4> : quads::pool<2, 1>;
}

}  // namespace

void pool_grid(const float* tokens, int64_t images, int64_t height, int64_t width, int64_t channels,
               const int64_t* degrees, int64_t degree_count, bool similarity, float* pooled, void* stream) {
  if (images * height * width * channels == 0) return;
  const Degrees given = copy_degrees("pool_grid", degrees, degree_count);
  const int64_t radius = std::min<int64_t>(widest(given) / 2, std::max(height, width) - 1), side = 2 * radius + 1;
  if (radius <= 2) {
    const auto addresses = reinterpret_cast<uintptr_t>(tokens) | reinterpret_cast<uintptr_t>(pooled);
    const bool by_four = channels % 4 == 0 && addresses % 16 == 0;
    const PatchGrid grid{static_cast<int>(height), static_cast<int>(width), static_cast<int>(channels)};
    const int64_t quad_count = images * ((height + 1) / 2) * ((width + 1) / 2);
    MUSC2_LAUNCH(quad_kernel(radius, by_four), blocks_for(quad_count, quads::warps), quads::warps * warp_lanes, 0,
                 stream, tokens, images, grid, given, similarity, pooled);
    return;
  }
  const int64_t most_neighbours = std::min(height, side) * std::min(width, side);
  MUSC2_LAUNCH(pool, blocks_for(images * height * width, 1), threads,
               (most_neighbours + 1) * static_cast<int64_t>(sizeof(float)), stream, tokens,
               Grid{height, width, channels, radius}, given, similarity, pooled);
}

}  // namespace musc2::cuda
