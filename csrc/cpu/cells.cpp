// Neighbours along a row of the map mostly share a cell, so whole runs of points are sorted, not points. The cells of
// one x and y follow each other in the sorted order, so around a cell there are 25 runs of cells, and where each begins
// only moves forward from one cell to the next.
#include "cpu/cells.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace musc2::cpu {
namespace {

constexpr int axis_bits = 21;
constexpr double most_cells = 1 << 20;  // along an axis; with `reach` on both sides they fit the bits
constexpr int64_t reach = 2;            // cells between points within the radius
// Cells are this much smaller than radius / sqrt(3), the side of a cube with that diagonal: far more than rounding.
constexpr double margin = 1 - 1e-6;

struct Run {
  int64_t key;
  int32_t first, count;
};

struct Given {
  const float* points;
  const uint8_t* chosen;
  int64_t count;

  bool has(int64_t i) const {
    const float* point = points + 3 * i;
    return chosen[i] && std::isfinite(point[0]) && std::isfinite(point[1]) && std::isfinite(point[2]);
  }
  Spot at(int64_t i) const { return {double{points[3 * i]}, double{points[3 * i + 1]}, double{points[3 * i + 2]}}; }
};

void widen(Box& box, const Spot& at) {
  box.low = {std::min(box.low.x, at.x), std::min(box.low.y, at.y), std::min(box.low.z, at.z)};
  box.high = {std::max(box.high.x, at.x), std::max(box.high.y, at.y), std::max(box.high.z, at.z)};
}

Box nowhere() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return {{infinity, infinity, infinity}, {-infinity, -infinity, -infinity}};
}

class Raster {
 public:
  Raster(const Spot& low, double radius) : low_(low), scale_(std::sqrt(3.0) / (radius * margin)) {}

  bool fits(const Box& box) const {
    const double widest = std::max({box.high.x - box.low.x, box.high.y - box.low.y, box.high.z - box.low.z});
    return widest * scale_ < most_cells;
  }

  int64_t key(const Spot& at) const {
    return (cell(at.x - low_.x) << 2 * axis_bits) + (cell(at.y - low_.y) << axis_bits) + cell(at.z - low_.z);
  }

 private:
  int64_t cell(double offset) const { return static_cast<int64_t>(offset * scale_) + reach; }

  Spot low_;
  double scale_;
};

std::vector<Run> sorted_runs(const Given& given, const Raster& raster) {
  std::vector<Run> runs;
  for (int64_t i = 0; i < given.count; ++i) {
    if (!given.has(i)) continue;
    const int64_t key = raster.key(given.at(i));
    const bool goes_on = !runs.empty() && runs.back().key == key && runs.back().first + runs.back().count == i;
    if (goes_on) {
      ++runs.back().count;
    } else {
      runs.push_back({key, static_cast<int32_t>(i), 1});
    }
  }
  std::sort(runs.begin(), runs.end(),
            [](const Run& a, const Run& b) { return a.key != b.key ? a.key < b.key : a.first < b.first; });
  return runs;
}

// The spans around each of the cells with these keys.
void look_around(const std::vector<int64_t>& keys, Cells& cells) {
  constexpr int64_t wide = 2 * reach + 1;
  size_t begins[wide * wide] = {};
  cells.around.push_back(0);
  for (const int64_t key : keys) {
    for (int64_t column = 0; column < wide * wide; ++column) {
      const int64_t middle = key + ((column / wide - reach) << 2 * axis_bits) + ((column % wide - reach) << axis_bits);
      size_t& begin = begins[column];
      while (begin < keys.size() && keys[begin] < middle - reach) ++begin;
      size_t end = begin;
      while (end < keys.size() && keys[end] <= middle + reach) ++end;
      if (begin < end) cells.spans.push_back({static_cast<int32_t>(begin), static_cast<int32_t>(end)});
    }
    cells.around.push_back(static_cast<int64_t>(cells.spans.size()));
  }
}

}  // namespace

double Box::nearest(const Spot& from) const {
  const Spot off{std::max({0.0, low.x - from.x, from.x - high.x}), std::max({0.0, low.y - from.y, from.y - high.y}),
                 std::max({0.0, low.z - from.z, from.z - high.z})};
  return squared_distance(off, {0, 0, 0});
}

double Box::farthest(const Spot& from) const {
  const Spot off{std::max(from.x - low.x, high.x - from.x), std::max(from.y - low.y, high.y - from.y),
                 std::max(from.z - low.z, high.z - from.z)};
  return squared_distance(off, {0, 0, 0});
}

bool make_cells(const float* points, const uint8_t* chosen, int64_t count, double radius, Cells& cells) {
  const Given given{points, chosen, count};
  Box all = nowhere();
  for (int64_t i = 0; i < count; ++i) {
    if (given.has(i)) widen(all, given.at(i));
  }
  const Raster raster(all.low, radius);
  if (all.low.x <= all.high.x && !raster.fits(all)) return false;
  std::vector<int64_t> keys;
  for (const Run& run : sorted_runs(given, raster)) {
    if (keys.empty() || keys.back() != run.key) {
      keys.push_back(run.key);
      cells.first.push_back(static_cast<int32_t>(cells.index.size()));
      cells.boxes.push_back(nowhere());
    }
    for (int32_t i = run.first; i < run.first + run.count; ++i) {
      cells.index.push_back(i);
      cells.spots.push_back(given.at(i));
      widen(cells.boxes.back(), cells.spots.back());
    }
  }
  cells.first.push_back(static_cast<int32_t>(cells.index.size()));
  look_around(keys, cells);
  return true;
}

}  // namespace musc2::cpu
