#include "musc2/nearest_points.h"

#include "common/parallel.h"
#include "cpu/keys.h"
#include "cpu/neighbors.h"

namespace musc2::cpu {

void nearest_points(const float* points, const int64_t* offsets, int64_t clouds,
                    const float* queries, const int64_t* query_offsets, int64_t k, int32_t* index,
                    float* distance2) {
  const std::vector<Buckets> all = make_all_buckets(points, offsets, clouds, neighbor_bucket_limit);
  const std::vector<RowChunk> chunks = split_rows(query_offsets, clouds);
  parallel_for(static_cast<int64_t>(chunks.size()), [&](int64_t s) {
    const RowChunk& chunk = chunks[static_cast<size_t>(s)];
    Neighbors neighbors(all[static_cast<size_t>(chunk.cloud)], k);
    for (int64_t query = chunk.first; query < chunk.last; ++query) {
      const float* position = queries + 3 * query;
      const uint64_t* keys = neighbors.find({position[0], position[1], position[2]});
      for (int64_t i = 0; i < k; ++i) {
        index[query * k + i] = index_of(keys[i]);
        distance2[query * k + i] = distance_of(keys[i]);
      }
    }
  });
}

}  // namespace musc2::cpu
