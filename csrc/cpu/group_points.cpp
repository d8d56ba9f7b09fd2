#include "musc2/group_points.h"

#include <algorithm>

#include "common/curvature.h"
#include "common/parallel.h"
#include "cpu/growth.h"
#include "cpu/keys.h"
#include "cpu/neighbors.h"

namespace musc2::cpu {
namespace {

struct Center {
  const float* points;  // of its cloud
  const float* position;

  // Computes the points with these indices minus the center; offsets (count, 3).
  template <class Index>
  void offsets_to(int64_t count, Index index, float* offsets) const {
    for (int64_t i = 0; i < count; ++i) {
      const float* point = points + 3 * int64_t{index(i)};
      for (int d = 0; d < 3; ++d) offsets[3 * i + d] = point[d] - position[d];
    }
  }
};

}  // namespace

void group_points(const float* points, const int64_t* offsets, int64_t clouds,
                  const int64_t* centers, int64_t centers_each, int64_t size, int64_t start,
                  int64_t search, float threshold, bool unique, int32_t* index, float* curvatures,
                  float* neighborhood) {
  const std::vector<Buckets> all = make_all_buckets(points, offsets, clouds, neighbor_bucket_limit);
  std::vector<int64_t> rows;
  for (int64_t cloud = 0; cloud <= clouds; ++cloud) rows.push_back(cloud * centers_each);
  const std::vector<RowChunk> chunks = split_rows(rows.data(), clouds);
  parallel_for(static_cast<int64_t>(chunks.size()), [&](int64_t s) {
    const RowChunk& chunk = chunks[static_cast<size_t>(s)];
    const float* cloud = points + 3 * offsets[chunk.cloud];
    const int64_t searched = std::min(search, offsets[chunk.cloud + 1] - offsets[chunk.cloud]);
    const int64_t nearest = std::min(size, searched);
    Neighbors neighbors(all[static_cast<size_t>(chunk.cloud)], searched);
    Growth growth(cloud, start, size, unique);
    for (int64_t row = chunk.first; row < chunk.last; ++row) {
      const Center center{cloud, cloud + 3 * centers[row]};
      const uint64_t* keys =
          neighbors.find({center.position[0], center.position[1], center.position[2]});
      int32_t* group = index + row * size;
      float* group_offsets = neighborhood + row * size * 3;
      center.offsets_to(nearest, [&](int64_t i) { return index_of(keys[i]); }, group_offsets);
      curvatures[row] = static_cast<float>(curvature(group_offsets + 3, nearest - 1));
      int64_t members = nearest;
      if (curvatures[row] < threshold) {
        std::transform(keys, keys + nearest, group, index_of);
      } else {
        const std::vector<int32_t>& grown = growth.grow(keys, searched);
        members = static_cast<int64_t>(grown.size());
        std::copy(grown.begin(), grown.end(), group);
      }
      for (int64_t i = members; i < size; ++i) group[i] = group[i - members];
      center.offsets_to(size, [&](int64_t i) { return group[i]; }, group_offsets);
    }
  });
}

}  // namespace musc2::cpu
