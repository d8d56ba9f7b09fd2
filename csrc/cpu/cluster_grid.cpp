// Works on cells instead of points: if a cell has `least` points, all of them are core, and the
// core points of a cell are in one cluster, so only cells must be joined. Maps are far denser than
// the radius, so most distances are never computed.
#include "musc2/cluster_grid.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "common/parallel.h"
#include "cpu/cells.h"

namespace musc2::cpu {
namespace {

constexpr int32_t none = std::numeric_limits<int32_t>::max();
constexpr int64_t chunk = 16;  // cells per task

template <class Body>
void for_cells(const Cells& cells, const Body& body) {
  parallel_for((cells.size() + chunk - 1) / chunk, [&](int64_t s) {
    const int64_t last = std::min<int64_t>(cells.size(), (s + 1) * chunk);
    for (int64_t cell = s * chunk; cell < last; ++cell) body(static_cast<int32_t>(cell));
  });
}

class Clusters {
 public:
  Clusters(Cells& cells, double radius, int64_t least)
      : cells_(cells),
        limit_(radius * radius),
        least_(least),
        parent_(static_cast<size_t>(cells.size())) {}

  int32_t find(int32_t* labels) {
    find_cores();
    std::iota(parent_.begin(), parent_.end(), 0);
    for (int32_t cell = 0; cell < cells_.size(); ++cell) join(cell);
    const int32_t count = number();
    for_cells(cells_, [&](int32_t cell) { label(cell, labels); });
    return count;
  }

 private:
  // Moves the core points of every cell to its front; cores_ is their end.
  void find_cores() {
    std::vector<uint8_t> core(cells_.index.size());
    for_cells(cells_, [&](int32_t cell) {
      const Span all = cells_.points(cell);
      for (int32_t i = all.first; i < all.last; ++i) {
        core[static_cast<size_t>(i)] = all.last - all.first >= least_ || is_core(cell, position(i));
      }
    });
    cores_.resize(static_cast<size_t>(cells_.size()));
    for_cells(cells_, [&](int32_t cell) {
      const Span all = cells_.points(cell);
      int32_t end = all.first;
      for (int32_t i = all.first; i < all.last; ++i) {
        if (!core[static_cast<size_t>(i)]) continue;
        std::rotate(cells_.index.begin() + end, cells_.index.begin() + i,
                    cells_.index.begin() + i + 1);
        std::rotate(cells_.positions.begin() + end, cells_.positions.begin() + i,
                    cells_.positions.begin() + i + 1);
        ++end;
      }
      cores_[static_cast<size_t>(cell)] = end;
    });
  }

  bool is_core(int32_t cell, const PointD& at) const {
    int64_t count = 0;
    cells_.visit_around(cell, [&](int32_t other) {
      const Box& box = cells_.boxes[static_cast<size_t>(other)];
      const Span all = cells_.points(other);
      if (box.nearest(at) > limit_) return true;
      if (box.farthest(at) <= limit_) {
        count += all.last - all.first;
      } else {
        for (int32_t i = all.first; i < all.last; ++i)
          count += squared_distance(position(i), at) <= limit_;
      }
      return count < least_;
    });
    return count >= least_;
  }

  // Joins a cell with later ones; the lower cell becomes the root.
  void join(int32_t cell) {
    if (!has_cores(cell)) return;
    cells_.visit_around(cell, [&](int32_t other) {
      if (other <= cell || !has_cores(other)) return true;
      const int32_t a = root(cell), b = root(other);
      if (a != b && linked(cell, other))
        parent_[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
      return true;
    });
  }

  int32_t root(int32_t cell) {
    while (parent_[static_cast<size_t>(cell)] != cell) {
      int32_t& up = parent_[static_cast<size_t>(cell)];
      up = parent_[static_cast<size_t>(up)];
      cell = up;
    }
    return cell;
  }

  bool linked(int32_t cell, int32_t other) const {
    for (int32_t i = cells_.points(cell).first; i < cores_[static_cast<size_t>(cell)]; ++i) {
      if (near_core(position(i), other)) return true;
    }
    return false;
  }

  bool near_core(const PointD& at, int32_t other) const {
    if (cells_.boxes[static_cast<size_t>(other)].nearest(at) > limit_) return false;
    for (int32_t i = cells_.points(other).first; i < cores_[static_cast<size_t>(other)]; ++i) {
      if (squared_distance(position(i), at) <= limit_) return true;
    }
    return false;
  }

  // Numbers the clusters by their first core points, in cluster_ for each cell. Returns their
  // number.
  int32_t number() {
    std::vector<int32_t> first(parent_.size(), none), roots;
    for (int32_t cell = 0; cell < cells_.size(); ++cell) {
      if (!has_cores(cell)) continue;
      const int32_t top = root(cell);
      if (top == cell) roots.push_back(cell);
      int32_t& lowest = first[static_cast<size_t>(top)];
      lowest = std::min(lowest, cells_.index[static_cast<size_t>(cells_.points(cell).first)]);
    }
    std::sort(roots.begin(), roots.end(), [&](int32_t a, int32_t b) {
      return first[static_cast<size_t>(a)] < first[static_cast<size_t>(b)];
    });
    cluster_.resize(parent_.size(), none);
    for (size_t i = 0; i < roots.size(); ++i)
      cluster_[static_cast<size_t>(roots[i])] = static_cast<int32_t>(i);
    for (int32_t cell = 0; cell < cells_.size(); ++cell) {
      if (has_cores(cell))
        cluster_[static_cast<size_t>(cell)] = cluster_[static_cast<size_t>(root(cell))];
    }
    return static_cast<int32_t>(roots.size());
  }

  void label(int32_t cell, int32_t* labels) const {
    const Span all = cells_.points(cell);
    for (int32_t i = all.first; i < all.last; ++i) {
      const bool core = i < cores_[static_cast<size_t>(cell)];
      const int32_t cluster =
          core ? cluster_[static_cast<size_t>(cell)] : lowest_around(cell, position(i));
      labels[cells_.index[static_cast<size_t>(i)]] = cluster == none ? -1 : cluster;
    }
  }

  int32_t lowest_around(int32_t cell, const PointD& at) const {
    int32_t lowest = none;
    cells_.visit_around(cell, [&](int32_t other) {
      const int32_t cluster = cluster_[static_cast<size_t>(other)];
      if (cluster < lowest && near_core(at, other)) lowest = cluster;
      return true;
    });
    return lowest;
  }

  const PointD& position(int32_t i) const { return cells_.positions[static_cast<size_t>(i)]; }
  bool has_cores(int32_t cell) const {
    return cores_[static_cast<size_t>(cell)] > cells_.points(cell).first;
  }

  Cells& cells_;
  const double limit_;
  const int64_t least_;
  std::vector<int32_t> cores_, parent_, cluster_;
};

}  // namespace

int64_t cluster_grid(const float* points, const uint8_t* chosen, int64_t count, double radius,
                     int64_t least, int32_t* labels) {
  Cells cells;
  if (!make_cells(points, chosen, count, radius, cells)) return -1;
  std::fill_n(labels, count, -1);
  return Clusters(cells, radius, least).find(labels);
}

}  // namespace musc2::cpu
