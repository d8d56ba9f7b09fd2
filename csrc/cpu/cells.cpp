// Neighbors along a row of the map mostly share a cell, so runs of points are sorted instead of
// points. The cells with the same x and y are consecutive in the sorted order, so the cells around
// a cell form 25 runs, and the start of each only moves forward from one cell to the next.
#include "cpu/cells.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace musc2::cpu {
namespace {

constexpr int axis_bits = 21;
constexpr double max_cells = 1 << 20;  // along an axis; leaves room for `reach` on both sides
constexpr int64_t reach = 2;           // cells that the radius spans
// Cells are smaller than radius / sqrt(3), the side of a cube with that diagonal, by far more than
// rounding.
constexpr double margin = 1 - 1e-6;

// Consecutive points that share a cell.
struct CellRun {
  int64_t key;
  int32_t first, count;
};

struct Input {
  const float* points;
  const uint8_t* chosen;
  int64_t count;

  bool has(int64_t i) const {
    const float* point = points + 3 * i;
    return chosen[i] && std::isfinite(point[0]) && std::isfinite(point[1]) &&
           std::isfinite(point[2]);
  }
  PointD point(int64_t i) const {
    return {double{points[3 * i]}, double{points[3 * i + 1]}, double{points[3 * i + 2]}};
  }
};

void widen(Box& box, const PointD& point) {
  box.low = {std::min(box.low.x, point.x), std::min(box.low.y, point.y),
             std::min(box.low.z, point.z)};
  box.high = {std::max(box.high.x, point.x), std::max(box.high.y, point.y),
              std::max(box.high.z, point.z)};
}

Box empty_box() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return {{infinity, infinity, infinity}, {-infinity, -infinity, -infinity}};
}

class Raster {
 public:
  Raster(const PointD& low, double radius)
      : low_(low), scale_(std::sqrt(3.0) / (radius * margin)) {}

  bool fits(const Box& box) const {
    const double widest =
        std::max({box.high.x - box.low.x, box.high.y - box.low.y, box.high.z - box.low.z});
    return widest * scale_ < max_cells;
  }

  int64_t key(const PointD& point) const {
    return (cell(point.x - low_.x) << 2 * axis_bits) + (cell(point.y - low_.y) << axis_bits) +
           cell(point.z - low_.z);
  }

 private:
  int64_t cell(double offset) const { return static_cast<int64_t>(offset * scale_) + reach; }

  PointD low_;
  double scale_;
};

std::vector<CellRun> sorted_runs(const Input& input, const Raster& raster) {
  std::vector<CellRun> runs;
  for (int64_t i = 0; i < input.count; ++i) {
    if (!input.has(i)) continue;
    const int64_t key = raster.key(input.point(i));
    const bool continues =
        !runs.empty() && runs.back().key == key && runs.back().first + runs.back().count == i;
    if (continues) {
      ++runs.back().count;
    } else {
      runs.push_back({key, static_cast<int32_t>(i), 1});
    }
  }
  std::sort(runs.begin(), runs.end(), [](const CellRun& a, const CellRun& b) {
    return a.key != b.key ? a.key < b.key : a.first < b.first;
  });
  return runs;
}

// Finds the spans around each of the cells with these keys.
void find_spans(const std::vector<int64_t>& keys, Cells& cells) {
  constexpr int64_t wide = 2 * reach + 1;
  size_t begins[wide * wide] = {};
  cells.around.push_back(0);
  for (const int64_t key : keys) {
    for (int64_t column = 0; column < wide * wide; ++column) {
      const int64_t middle = key + (column / wide - reach) * (int64_t{1} << 2 * axis_bits) +
                             (column % wide - reach) * (int64_t{1} << axis_bits);
      size_t& begin = begins[column];
      while (begin < keys.size() && keys[begin] < middle - reach) ++begin;
      size_t end = begin;
      while (end < keys.size() && keys[end] <= middle + reach) ++end;
      if (begin < end)
        cells.spans.push_back({static_cast<int32_t>(begin), static_cast<int32_t>(end)});
    }
    cells.around.push_back(static_cast<int64_t>(cells.spans.size()));
  }
}

}  // namespace

double Box::nearest(const PointD& query) const {
  const PointD off{std::max({0.0, low.x - query.x, query.x - high.x}),
                   std::max({0.0, low.y - query.y, query.y - high.y}),
                   std::max({0.0, low.z - query.z, query.z - high.z})};
  return squared_distance(off, {0, 0, 0});
}

double Box::farthest(const PointD& query) const {
  const PointD off{std::max(query.x - low.x, high.x - query.x),
                   std::max(query.y - low.y, high.y - query.y),
                   std::max(query.z - low.z, high.z - query.z)};
  return squared_distance(off, {0, 0, 0});
}

bool make_cells(const float* points, const uint8_t* chosen, int64_t count, double radius,
                Cells& cells) {
  const Input input{points, chosen, count};
  Box all = empty_box();
  for (int64_t i = 0; i < count; ++i) {
    if (input.has(i)) widen(all, input.point(i));
  }
  const Raster raster(all.low, radius);
  if (all.low.x <= all.high.x && !raster.fits(all)) return false;
  std::vector<int64_t> keys;
  for (const CellRun& run : sorted_runs(input, raster)) {
    if (keys.empty() || keys.back() != run.key) {
      keys.push_back(run.key);
      cells.first.push_back(static_cast<int32_t>(cells.index.size()));
      cells.boxes.push_back(empty_box());
    }
    for (int32_t i = run.first; i < run.first + run.count; ++i) {
      cells.index.push_back(i);
      cells.positions.push_back(input.point(i));
      widen(cells.boxes.back(), cells.positions.back());
    }
  }
  cells.first.push_back(static_cast<int32_t>(cells.index.size()));
  find_spans(keys, cells);
  return true;
}

}  // namespace musc2::cpu
