#pragma once
// Step 4 of group_points.h, for one center after another. For use by one thread.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cpu/isa/packed_points.h"

namespace musc2::cpu {

class Growth {
 public:
  Growth(const float* points, int64_t start, int64_t size, bool unique)
      : points_(points), start_(start), size_(size), unique_(unique) {}

  // Grows a group in the search set, `count` keys (keys.h) in ascending order, and returns its
  // members. Valid until the next call.
  const std::vector<int32_t>& grow(const uint64_t* search_set, int64_t count);

 private:
  float choose_points(size_t target);
  void choose_pairs(size_t target, float limit);
  void pack_points(const std::vector<int32_t>& indices);
  void take_chosen();
  Point point(int32_t index) const {
    return {points_[3 * index], points_[3 * index + 1], points_[3 * index + 2]};
  }

  const float* points_;
  const int64_t start_, size_;
  const bool unique_;
  std::vector<int32_t> members_, candidates_, chosen_, close_;  // indices of points
  std::vector<PackedPoints> packed_;
  std::vector<Lanes> distances_;  // of each candidate to its nearest member
  std::vector<Point> member_points_;
  std::vector<uint64_t> keys_, sorted_;
};

}  // namespace musc2::cpu
