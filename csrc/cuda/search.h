#pragma once
// The kernel that searches a packed batch for the nearest points, for all ops that need them.
//
// It is brute force in two passes: 65,536 queries in 20,000 points are 1.3e9 distances of 9
// instructions, 0.4 ms of an H200's arithmetic, which is less than building and following an index
// would take. Loading the points would cost more, so a block serves four queries with each point it
// loads.
#include "cuda/device.h"
#include "cuda/points.h"
#include "cuda/smallest.h"

namespace musc2::cuda {

constexpr int search_threads = 256, queries_at_once = 4;
using SearchKeys = SmallestKeys<queries_at_once, search_threads>;

// Items of SmallestKeys: the points of a cloud, with their distances to the queries.
struct Distances {
  const float* points;
  Point queries[queries_at_once];

  __device__ void operator()(uint32_t point, float (&distances)[queries_at_once]) const {
    const Point position = load_point(points, point);
#pragma unroll
    for (int query = 0; query < queries_at_once; ++query)
      distances[query] = squared_distance(position, queries[query]);
  }
};

// Writes what was found for the queries from row `first` on.
__device__ inline void write_found(const SearchKeys& smallest, int64_t first, int64_t count,
                                   int64_t k, uint32_t selected, int32_t* index, float* distance2) {
  for (int query = 0; query < count; ++query) {
    const int64_t row = (first + query) * k;
    for (uint32_t i = threadIdx.x; i < selected; i += search_threads) {
      const Key key = smallest.key(query, i);
      index[row + i] = static_cast<int32_t>(index_of(key));
      if (distance2 != nullptr) distance2[row + i] = value_of(key);
    }
  }
}

// Finds the min(k, points of the cloud) nearest points of each query: index (Q, k) and distance2
// (Q, k), which may be null. Queries says which rows of the output belong to a cloud, from
// queries.first(cloud) to queries.first(cloud + 1), at most `blocks_each` times queries_at_once,
// and gives their positions, queries.at(row, points of the cloud, number of points).
template <class Queries>
__global__ void __launch_bounds__(search_threads, 4)
    search_points(const float* points, const int64_t* offsets, Queries queries, int64_t blocks_each,
                  int64_t k, uint32_t room, int32_t* index, float* distance2) {
  MUSC2_DYNAMIC_SHARED(Key, memory);
  const int64_t cloud = blockIdx.x / blocks_each;
  const int64_t first = queries.first(cloud) + blockIdx.x % blocks_each * queries_at_once;
  const int64_t count = min(int64_t{queries_at_once}, queries.first(cloud + 1) - first);
  const uint32_t size = static_cast<uint32_t>(offsets[cloud + 1] - offsets[cloud]);
  if (count <= 0 || size == 0) return;
  const uint32_t selected = min(static_cast<uint32_t>(k), size);
  Distances distances{points + 3 * offsets[cloud], {}};
#pragma unroll
  for (int query = 0; query < queries_at_once; ++query) {  // repeats a cloud's last query
    distances.queries[query] =
        queries.at(first + min(int64_t{query}, count - 1), distances.points, size);
  }
  SearchKeys smallest(memory, room);
  smallest.find(distances, size, selected);
  write_found(smallest, first, count, k, selected, index, distance2);
}

// Launches the search for an op. queries_each: the largest number of queries of a cloud.
template <class Queries>
void search(const char* op, const float* points, const int64_t* offsets, int64_t clouds,
            Queries queries, int64_t queries_each, int64_t k, int32_t* index, float* distance2,
            void* stream) {
  const int64_t blocks_each = (queries_each + queries_at_once - 1) / queries_at_once;
  if (clouds * blocks_each == 0) return;
  const uint32_t room = room_for(static_cast<uint32_t>(k));
  const int64_t bytes = static_cast<int64_t>(SearchKeys::bytes(room));
  launch({op, blocks_for(clouds * blocks_each, 1), search_threads, bytes, stream},
         search_points<Queries>, points, offsets, queries, blocks_each, k, room, index, distance2);
}

}  // namespace musc2::cuda
