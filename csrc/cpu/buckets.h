#pragma once
// A cloud divided into small boxes of points (the leaves of a kd-tree), for ops that can skip a box
// as a whole. The points of a bucket are in the order of their indices.
#include <cstdint>
#include <vector>

#include "cpu/isa/packed_points.h"

namespace musc2::cpu {

struct Buckets {
  std::vector<PackedPoints> points;
  std::vector<int32_t>
      first;  // (buckets + 1): bucket b has points[first[b]] to points[first[b + 1] - 1]
  std::vector<int32_t> count;  // (buckets): number of points
  std::vector<Boxes> boxes;    // sixteen buckets each

  int64_t size() const { return static_cast<int64_t>(count.size()); }
};

// points (count, 3). No bucket holds more than `limit` points.
Buckets make_buckets(const float* points, int64_t count, int64_t limit);

// The buckets of each cloud of a packed batch: cloud b has rows [offsets[b], offsets[b + 1]) of
// points.
std::vector<Buckets> make_all_buckets(const float* points, const int64_t* offsets, int64_t clouds,
                                      int64_t limit);

// Rows [first, last) of a packed batch, all of one cloud.
struct RowChunk {
  int64_t cloud, first, last;
};

// The rows of all clouds in small chunks, as items for parallel_for.
std::vector<RowChunk> split_rows(const int64_t* offsets, int64_t clouds);

}  // namespace musc2::cpu
