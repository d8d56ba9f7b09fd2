// Each pair of patches is compared once, by the one that comes first. All degrees are merged into
// one coefficient per neighbor, so that each output is a single weighted sum of tokens.
#include "musc2/pool_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "common/parallel.h"
#include "cpu/isa/pool_tokens.h"
#include "cpu/neighbor_weight.h"

namespace musc2::cpu {
namespace {

struct Grid {
  int64_t height, width, channels, radius;
  const int64_t* degrees;
  int64_t degree_count;
  bool similarity;

  // The position of an offset in the reading order of the window, 0 in the middle. Positive for the
  // later patch of a pair.
  int64_t order(int64_t down, int64_t right) const { return down * (2 * radius + 1) + right; }
  int64_t later() const { return order(radius, radius); }
};

// Calls body(patch, order, ring) for the patches of the grid in the window around (y, x). ring: the
// smallest radius of a window that contains the patch.
template <class Body>
void for_window(const Grid& grid, int64_t y, int64_t x, const Body& body) {
  for (int64_t v = std::max<int64_t>(0, y - grid.radius);
       v <= std::min(grid.height - 1, y + grid.radius); ++v) {
    for (int64_t u = std::max<int64_t>(0, x - grid.radius);
         u <= std::min(grid.width - 1, x + grid.radius); ++u) {
      body(v * grid.width + u, grid.order(v - y, u - x),
           std::max(std::abs(v - y), std::abs(u - x)));
    }
  }
}

// Computes weights (patches, later): of each patch and the later ones of its window.
void row_weights(const Grid& grid, const float* tokens, int64_t y, float* weights) {
  for (int64_t x = 0; x < grid.width; ++x) {
    const int64_t patch = y * grid.width + x;
    for_window(grid, y, x, [&](int64_t other, int64_t order, int64_t) {
      if (order <= 0) return;
      const float d2 = token_distance2()(tokens + patch * grid.channels,
                                         tokens + other * grid.channels, grid.channels);
      weights[patch * grid.later() + order - 1] = neighbor_weight(std::sqrt(d2));
    });
  }
}

// One patch's window: its tokens and their weights, and sums and factors per ring.
struct Window {
  explicit Window(const Grid& grid)
      : ring_weight(static_cast<size_t>(grid.radius + 1)), ring_factor(ring_weight.size()) {}
  std::vector<const float*> tokens;
  std::vector<float> weights;
  std::vector<size_t> rings;
  std::vector<double> ring_weight, ring_factor;
};

// Computes ring_factor[k]: the mean of 1 / (sum of weights) over the degrees whose windows reach
// ring k.
void merge_degrees(const Grid& grid, double outside_weight, Window& window) {
  std::fill(window.ring_factor.begin(), window.ring_factor.end(), 0.0);
  for (int64_t d = 0; d < grid.degree_count; ++d) {
    const int64_t degree = grid.degrees[d], reach = degree / 2;
    double total = 0;
    int64_t inside = 0;
    for (size_t t = 0; t < window.rings.size(); ++t)
      inside += static_cast<int64_t>(window.rings[t]) <= reach;
    for (int64_t k = 0; k <= std::min(reach, grid.radius); ++k)
      total += window.ring_weight[static_cast<size_t>(k)];
    total += outside_weight * static_cast<double>(degree * degree - inside);
    for (int64_t k = 0; k <= std::min(reach, grid.radius); ++k) {
      window.ring_factor[static_cast<size_t>(k)] +=
          1 / (total * static_cast<double>(grid.degree_count));
    }
  }
}

void pool_patch(const Grid& grid, const float* tokens, const float* weights, int64_t y, int64_t x,
                Window& window, float* pooled) {
  window.tokens.clear();
  window.weights.clear();
  window.rings.clear();
  std::fill(window.ring_weight.begin(), window.ring_weight.end(), 0.0);
  const int64_t patch = y * grid.width + x;
  for_window(grid, y, x, [&](int64_t other, int64_t order, int64_t ring) {
    float weight = 1;
    if (grid.similarity && order > 0) weight = weights[patch * grid.later() + order - 1];
    if (grid.similarity && order < 0) weight = weights[other * grid.later() - order - 1];
    window.ring_weight[static_cast<size_t>(ring)] += static_cast<double>(weight);
    window.tokens.push_back(tokens + other * grid.channels);
    window.weights.push_back(weight);
    window.rings.push_back(static_cast<size_t>(ring));
  });
  const float norm2 =
      grid.similarity ? token_distance2()(tokens + patch * grid.channels, nullptr, grid.channels)
                      : 0;
  merge_degrees(grid, static_cast<double>(neighbor_weight(std::sqrt(norm2))), window);
  size_t kept = 0;  // most weights of real tokens vanish
  for (size_t t = 0; t < window.tokens.size(); ++t) {
    const auto coefficient = static_cast<float>(window.ring_factor[window.rings[t]] *
                                                static_cast<double>(window.weights[t]));
    if (coefficient < std::numeric_limits<float>::min()) continue;
    window.tokens[kept] = window.tokens[t];
    window.weights[kept++] = coefficient;
  }
  token_sum()(window.tokens.data(), window.weights.data(), static_cast<int64_t>(kept),
              grid.channels, pooled + patch * grid.channels);
}

}  // namespace

void pool_grid(const float* tokens, int64_t images, int64_t height, int64_t width, int64_t channels,
               const int64_t* degrees, int64_t degree_count, bool similarity, float* pooled) {
  const int64_t widest = *std::max_element(degrees, degrees + degree_count);
  const int64_t radius = std::min(widest / 2, std::max(height, width) - 1);
  const Grid grid{height, width, channels, radius, degrees, degree_count, similarity};
  std::vector<float> weights(similarity ? static_cast<size_t>(height * width * grid.later()) : 0);
  // Image by image: one image's tokens stay in cache between the two steps.
  for (int64_t i = 0; i < images; ++i) {
    const float* image = tokens + i * height * width * channels;
    float* out = pooled + i * height * width * channels;
    if (similarity)
      parallel_for(height, [&](int64_t y) { row_weights(grid, image, y, weights.data()); });
    parallel_for(height, [&](int64_t y) {
      Window window(grid);
      for (int64_t x = 0; x < width; ++x) {
        pool_patch(grid, image, weights.data(), y, x, window, out);
      }
    });
  }
}

}  // namespace musc2::cpu
