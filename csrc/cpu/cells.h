#pragma once
// Points sorted into cubes so small that any two points of a cube are within a radius of each
// other. A window on the map would not do: across a depth discontinuity, neighbors in space may be
// any number of pixels apart.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace musc2::cpu {

struct PointD {
  double x, y, z;
};

inline double squared_distance(const PointD& a, const PointD& b) {
  const double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
  return (x * x + y * y) + z * z;
}

// A bounding box. Rounding is monotone, and terms are summed in the order of squared_distance(), so
// the computed distances to points in the box are within these bounds.
struct Box {
  PointD low, high;

  double nearest(const PointD& query) const;
  double farthest(const PointD& query) const;
};

struct Span {
  int32_t first, last;  // [first, last)
};

struct Cells {
  std::vector<int32_t> index;     // of the points, cell by cell, ascending in each
  std::vector<PointD> positions;  // likewise
  std::vector<int32_t> first;     // (cells + 1): cell c has points [first[c], first[c + 1])
  std::vector<Box> boxes;         // (cells)
  std::vector<Span> spans;        // runs of cells around each cell, including the cell
  std::vector<int64_t> around;    // (cells + 1): cell c has spans [around[c], around[c + 1])

  int32_t size() const { return static_cast<int32_t>(boxes.size()); }
  Span points(int32_t cell) const {
    return {first[static_cast<size_t>(cell)], first[static_cast<size_t>(cell) + 1]};
  }

  // Calls visit(other) for each cell that may have points within the radius of points in `cell`,
  // until it returns false.
  template <class Visit>
  void visit_around(int32_t cell, const Visit& visit) const {
    const auto c = static_cast<size_t>(cell);
    for (auto i = static_cast<size_t>(around[c]); i < static_cast<size_t>(around[c + 1]); ++i) {
      for (int32_t other = spans[i].first; other < spans[i].last; ++other) {
        if (!visit(other)) return;
      }
    }
  }
};

// Sorts the chosen points that are finite. Returns false if they span too many cells.
bool make_cells(const float* points, const uint8_t* chosen, int64_t count, double radius,
                Cells& cells);

}  // namespace musc2::cpu
