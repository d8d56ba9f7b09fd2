// A launch of the kernel in search.h.
#include "cuda/search.h"
#include "musc2/nearest_points.h"

namespace musc2::cuda {
namespace {

struct Queries {
  const float* positions;
  const int64_t* offsets;

  __device__ int64_t first(int64_t cloud) const { return offsets[cloud]; }
  __device__ Point at(int64_t row, const float*, int64_t) const {
    return load_point(positions, row);
  }
};

}  // namespace

void nearest_points(const float* points, const int64_t* offsets, int64_t clouds,
                    const float* queries, const int64_t* query_offsets, int64_t k, int32_t* index,
                    float* distance2, int64_t most_queries, void* stream) {
  search(__func__, points, offsets, clouds, Queries{queries, query_offsets}, most_queries, k, index,
         distance2, stream);
}

}  // namespace musc2::cuda
