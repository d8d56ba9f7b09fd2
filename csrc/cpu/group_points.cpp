#include "musc2/group_points.h"

#include <algorithm>

#include "common/curvature.h"
#include "common/parallel.h"
#include "cpu/growth.h"
#include "cpu/keys.h"
#include "cpu/neighbours.h"

namespace musc2::cpu {
namespace {

struct Center {
  const float* points;  // of its cloud
  const float* at;

  // Of the points with these indices, minus the center; offsets (count, 3).
  template <class Index>
  void offsets_to(int64_t count, Index index, float* offsets) const {
    for (int64_t i = 0; i < count; ++i) {
      const float* point = points + 3 * int64_t{index(i)};
      for (int d = 0; d < 3; ++d) offsets[3 * i + d] = point[d] - at[d];
    }
  }
};

}  // namespace

void group_points(const float* points, const int64_t* offsets, int64_t clouds, const int64_t* centers,
                  int64_t centers_each, int64_t size, int64_t start, int64_t search, float threshold, bool unique,
                  int32_t* index, float* curvatures, float* neighbourhood) {
  const std::vector<Buckets> all = make_all_buckets(points, offsets, clouds, most_for_neighbours);
  std::vector<int64_t> rows;
  for (int64_t cloud = 0; cloud <= clouds; ++cloud) rows.push_back(cloud * centers_each);
  const std::vector<Share> shares = share_out(rows.data(), clouds);
  parallel_for(static_cast<int64_t>(shares.size()), [&](int64_t s) {
    const Share& share = shares[static_cast<size_t>(s)];
    const float* cloud = points + 3 * offsets[share.cloud];
    const int64_t searched = std::min(search, offsets[share.cloud + 1] - offsets[share.cloud]);
    const int64_t nearest = std::min(size, searched);
    Neighbours neighbours(all[static_cast<size_t>(share.cloud)], searched);
    Growth growth(cloud, start, size, unique);
    for (int64_t row = share.first; row < share.last; ++row) {
      const Center center{cloud, cloud + 3 * centers[row]};
      const uint64_t* found = neighbours.find({center.at[0], center.at[1], center.at[2]});
      int32_t* group = index + row * size;
      float* group_offsets = neighbourhood + row * size * 3;
      center.offsets_to(nearest, [&](int64_t i) { return index_of(found[i]); }, group_offsets);
      curvatures[row] = static_cast<float>(curvature(group_offsets + 3, nearest - 1));
      int64_t members = nearest;
      if (curvatures[row] < threshold) {
        std::transform(found, found + nearest, group, index_of);
      } else {
        const std::vector<int32_t>& grown = growth.grow(found, searched);
        members = static_cast<int64_t>(grown.size());
        std::copy(grown.begin(), grown.end(), group);
      }
      for (int64_t i = members; i < size; ++i) group[i] = group[i - members];
      center.offsets_to(size, [&](int64_t i) { return group[i]; }, group_offsets);
    }
  });
}

}  // namespace musc2::cpu
