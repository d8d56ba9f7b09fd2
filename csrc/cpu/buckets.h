#pragma once
// A cloud cut into small boxes of points (a kd-tree of which only the leaves are kept), for ops that can skip a box as
// a whole. Within a bucket the points are in the order of their indices.
#include <cstdint>
#include <vector>

#include "cpu/isa/blocks.h"

namespace musc2::cpu {

struct Buckets {
  std::vector<Block> blocks;
  std::vector<int32_t> first;  // (buckets + 1): bucket b has the blocks [first[b], first[b+1])
  std::vector<int32_t> count;  // (buckets): their points
  std::vector<Boxes> boxes;    // of sixteen buckets each

  int64_t size() const { return static_cast<int64_t>(count.size()); }
};

// points (count, 3); no bucket holds more than `most` points.
Buckets make_buckets(const float* points, int64_t count, int64_t most);

// One for each cloud of a packed batch: cloud b is the rows [offsets[b], offsets[b+1]) of points.
std::vector<Buckets> make_all_buckets(const float* points, const int64_t* offsets, int64_t clouds, int64_t most);

// Rows [first, last) of a packed batch, all of one cloud.
struct Share {
  int64_t cloud, first, last;
};

// Work for parallel_for: the rows of all clouds in small shares.
std::vector<Share> share_out(const int64_t* offsets, int64_t clouds);

}  // namespace musc2::cpu
