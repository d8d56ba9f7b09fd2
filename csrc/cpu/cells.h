#pragma once
// Points sorted into cubes so small that any two points of one cube are within a radius of each other. A window on the
// map would not do in their place: across a depth discontinuity, neighbours in space are any number of pixels apart.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace musc2::cpu {

struct Spot {
  double x, y, z;
};

inline double squared_distance(const Spot& a, const Spot& b) {
  const double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
  return (x * x + y * y) + z * z;
}

// A bounding box. Rounding is monotone and terms are summed in the order of squared_distance(), so no computed distance
// to a point in the box is outside of these bounds.
struct Box {
  Spot low, high;

  double nearest(const Spot& from) const;
  double farthest(const Spot& from) const;
};

struct Span {
  int32_t first, last;  // [first, last)
};

struct Cells {
  std::vector<int32_t> index;   // of the points, cell after cell, ascending in each
  std::vector<Spot> spots;      // where they are
  std::vector<int32_t> first;   // (cells + 1): cell c has [first[c], first[c + 1]) of them
  std::vector<Box> boxes;       // (cells)
  std::vector<Span> spans;      // runs of cells around a cell, itself among them
  std::vector<int64_t> around;  // (cells + 1): those of cell c are spans[around[c]], ..., spans[around[c + 1] - 1]

  int32_t size() const { return static_cast<int32_t>(boxes.size()); }
  Span points(int32_t cell) const { return {first[static_cast<size_t>(cell)], first[static_cast<size_t>(cell) + 1]}; }

  // Calls visit(other) for every cell that can have points within the radius of points in `cell`, until it is false.
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

// Of the chosen points that are finite. False when the points span too many cells.
bool make_cells(const float* points, const uint8_t* chosen, int64_t count, double radius, Cells& cells);

}  // namespace musc2::cpu
