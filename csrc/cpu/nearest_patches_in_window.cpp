// A window holds few patches, so every pair in it is measured from the features; nothing is packed
// or searched. Samples that are compared with each other are measured once for both directions.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "common/parallel.h"
#include "cpu/isa/patches.h"
#include "cpu/patch_results.h"
#include "musc2/nearest_patches.h"

namespace musc2::cpu {
namespace {

struct Grid {
  int64_t height, width, window;
  int64_t patches() const { return height * width; }
};

// For each patch of a sample its nearest patch of another one.
class NearestInGrid {
 public:
  explicit NearestInGrid(Grid grid)
      : grid_(grid),
        distance2_(static_cast<size_t>(grid.patches())),
        index_(static_cast<size_t>(grid.patches())) {}

  void reset() {
    std::fill(distance2_.begin(), distance2_.end(), std::numeric_limits<float>::infinity());
    for (int64_t y = 0, p = 0; y < grid_.height; ++y) {
      const int64_t top = std::max<int64_t>(0, y - grid_.window);
      for (int64_t x = 0; x < grid_.width; ++x, ++p) {
        const int64_t left = std::max<int64_t>(0, x - grid_.window);
        index_[static_cast<size_t>(p)] = static_cast<int32_t>(top * grid_.width + left);
      }
    }
  }

  NearestInRow row(int64_t y) {
    return {distance2_.data() + y * grid_.width, index_.data() + y * grid_.width};
  }

  void write(float* distance, int32_t* index, int64_t stride) const {
    for (size_t p = 0; p < distance2_.size(); ++p, distance += stride)
      *distance = std::sqrt(distance2_[p]);
    if (index == nullptr) return;
    for (const int32_t patch : index_) {
      *index = patch;
      index += stride;
    }
  }

 private:
  Grid grid_;
  std::vector<float> distance2_;
  std::vector<int32_t> index_;
};

// Memory of one thread.
struct Scratch {
  explicit Scratch(Grid grid)
      : forward(grid),
        backward(grid),
        row(static_cast<size_t>(
            search_rows_floats()(grid.width, std::min(grid.window, grid.width - 1)))) {}
  NearestInGrid forward, backward;
  std::vector<float> row;
};

void search_pair(const float* a, const float* b, Grid grid, int64_t channels, bool both_ways,
                 Scratch& scratch) {
  scratch.forward.reset();
  scratch.backward.reset();
  const int64_t row_values = grid.width * channels;
  const int64_t window = std::min(grid.window, grid.width - 1);
  for (int64_t y = 0; y < grid.height; ++y) {
    const int64_t end = std::min(grid.height, y + grid.window + 1);
    for (int64_t v = std::max<int64_t>(0, y - grid.window); v < end; ++v) {
      const GridRows rows{a + y * row_values, b + v * row_values, y,     v,
                          grid.width,         channels,           window};
      const NearestInRow backward =
          both_ways ? scratch.backward.row(v) : NearestInRow{nullptr, nullptr};
      search_rows()(rows, scratch.row.data(), scratch.forward.row(y), backward);
    }
  }
}

}  // namespace

void nearest_patches_in_window(const float* z, int64_t samples, int64_t height, int64_t width,
                               int64_t channels, const float* references, int64_t others,
                               int64_t window, float* distance, int32_t* index) {
  const bool mutual = references == nullptr;
  if (mutual) {
    references = z;
    others = samples;
  }
  const Grid grid{height, width, window};
  const int64_t patches = grid.patches();
  if (mutual) start_at_infinity(distance, index, samples * patches * others);
  std::vector<std::pair<int64_t, int64_t>> pairs;
  for (int64_t i = 0; i < samples; ++i) {
    for (int64_t j = mutual ? i + 1 : 0; j < others; ++j) pairs.emplace_back(i, j);
  }
  const int threads = num_threads();
  std::vector<Scratch> scratch(static_cast<size_t>(threads), Scratch(grid));
  const auto write = [&](const NearestInGrid& nearest, int64_t of, int64_t other) {
    const int64_t first = of * patches * others + other;
    nearest.write(distance + first, index == nullptr ? nullptr : index + first, others);
  };
  parallel_for(static_cast<int64_t>(pairs.size()), threads, [&](int64_t pair, int worker) {
    const auto [i, j] = pairs[static_cast<size_t>(pair)];
    Scratch& own = scratch[static_cast<size_t>(worker)];
    const int64_t sample_values = patches * channels;
    search_pair(z + i * sample_values, references + j * sample_values, grid, channels, mutual, own);
    write(own.forward, i, j);
    if (mutual) write(own.backward, j, i);
  });
}

}  // namespace musc2::cpu
