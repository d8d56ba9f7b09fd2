#include "musc2/nearest_points.h"

#include "common/parallel.h"
#include "cpu/keys.h"
#include "cpu/neighbours.h"

namespace musc2::cpu {

void nearest_points(const float* points, const int64_t* offsets, int64_t clouds, const float* queries,
                    const int64_t* query_offsets, int64_t k, int32_t* index, float* distance2) {
  const std::vector<Buckets> all = make_all_buckets(points, offsets, clouds, most_for_neighbours);
  const std::vector<Share> shares = share_out(query_offsets, clouds);
  parallel_for(static_cast<int64_t>(shares.size()), [&](int64_t s) {
    const Share& share = shares[static_cast<size_t>(s)];
    Neighbours neighbours(all[static_cast<size_t>(share.cloud)], k);
    for (int64_t query = share.first; query < share.last; ++query) {
      const float* at = queries + 3 * query;
      const uint64_t* found = neighbours.find({at[0], at[1], at[2]});
      for (int64_t i = 0; i < k; ++i) {
        index[query * k + i] = index_of(found[i]);
        distance2[query * k + i] = distance_of(found[i]);
      }
    }
  });
}

}  // namespace musc2::cpu
