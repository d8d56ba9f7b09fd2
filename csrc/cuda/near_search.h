#pragma once
// The search of search.h for queries that are points of their clouds. It finds the same, with less
// work where points that follow each other are near, as in scans, and little more where they do not.
//
// The bound of a query comes from points before and after it; they are enough for one that lets
// through few points more than are wanted. Then only those 32 consecutive points are looked at
// whose bounding box is within it: in a scan of 20,000 points a few in a hundred.
#include "cuda/search.h"

namespace musc2::cuda {

// The boxes of a batch, of 32 points each, those of a cloud together.
struct Boxes {
  Box* all;

  static int64_t bytes(int64_t point_count, int64_t clouds) {
    return (point_count / warp_lanes + clouds) * static_cast<int64_t>(sizeof(Box));
  }
  // first: the cloud's first point.
  __device__ Box* of_cloud(int64_t cloud, int64_t first) const {
    return all + first / warp_lanes + cloud;
  }
};

// A copy for each op, as of the search.
template <class Queries>
__global__ void __launch_bounds__(search_threads)
    box_points(const float* points, const int64_t* offsets, int64_t blocks_each, Boxes boxes) {
  const int64_t cloud = blockIdx.x / blocks_each, first = offsets[cloud];
  const int64_t point = blockIdx.x % blocks_each * search_threads + threadIdx.x;
  const int64_t size = offsets[cloud + 1] - first;
  Box box;
  if (point < size) box.include(load_point(points, first + point));
  box.join_lanes();
  if (point < size && threadIdx.x % warp_lanes == 0)
    boxes.of_cloud(cloud, first)[point / warp_lanes] = box;
}

// Items of SmallestKeys: points from some point of the cloud on, another one for each query.
struct WindowDistances {
  const float* points;
  Point queries[queries_at_once];
  uint32_t starts[queries_at_once];

  __device__ void operator()(uint32_t item, float (&distances)[queries_at_once]) const {
#pragma unroll
    for (int query = 0; query < queries_at_once; ++query)
      distances[query] = squared_distance(load_point(points, starts[query] + item), queries[query]);
  }
};

// The number of points that a bound comes from: several for each of the subsets of SmallestKeys.
__device__ inline uint32_t window_for(uint32_t selected) {
  uint32_t subsets = search_threads;
  while (subsets < 4 * selected) subsets *= 2;
  return 4 * subsets;
}

// As search_points. queries.place(row, the cloud's first point, number of points) is the point, in
// the cloud, that a query is.
template <class Queries>
__global__ void __launch_bounds__(search_threads, 4)
    search_near_points(const float* points, const int64_t* offsets, Queries queries,
                       int64_t blocks_each, int64_t k, uint32_t room, Boxes boxes, int32_t* index,
                       float* distance2) {
  MUSC2_DYNAMIC_SHARED(Key, memory);
  const int64_t cloud = blockIdx.x / blocks_each, start = offsets[cloud];
  const int64_t first = queries.first(cloud) + blockIdx.x % blocks_each * queries_at_once;
  const int64_t count = min(int64_t{queries_at_once}, queries.first(cloud + 1) - first);
  const uint32_t size = static_cast<uint32_t>(offsets[cloud + 1] - start);
  if (count <= 0) return;
  const uint32_t selected = min(static_cast<uint32_t>(k), size);
  const uint32_t window = min(window_for(selected), size);
  Distances distances{points + 3 * start, {}};
  WindowDistances around{points + 3 * start, {}, {}};
#pragma unroll
  for (int query = 0; query < queries_at_once; ++query) {  // repeats a cloud's last query
    const auto place =
        static_cast<uint32_t>(queries.place(first + min(int64_t{query}, count - 1), start, size));
    around.starts[query] = min(max(place, window / 2) - window / 2, size - window);
    around.queries[query] = distances.queries[query] = load_point(distances.points, place);
  }
  const Box* const own = boxes.of_cloud(cloud, start);
  SearchKeys smallest(memory, room);
  smallest.find_near(around, window, distances, size, selected,
                     [&](uint32_t number, const float (&bounds)[queries_at_once]) {
                       const Box box = own[number];
                       bool may_hold = false;
                       for (int query = 0; query < queries_at_once; ++query)
                         may_hold |= !(box.bound(distances.queries[query]) >= bounds[query]);
                       return may_hold;
                     });
  write_found(smallest, first, count, k, selected, index, distance2);
}

// Launches the search for an op, in two kernels. As search(), and largest_cloud: its points; boxes:
// room for Boxes::bytes().
template <class Queries>
void search_near(const char* op, const float* points, const int64_t* offsets, int64_t clouds,
                 Queries queries, int64_t queries_each, int64_t k, int64_t largest_cloud,
                 Boxes boxes, int32_t* index, float* distance2, void* stream) {
  const int64_t blocks_each = (queries_each + queries_at_once - 1) / queries_at_once;
  if (clouds * blocks_each == 0) return;
  const int64_t box_blocks = blocks_for(largest_cloud, search_threads);
  launch({op, blocks_for(clouds * box_blocks, 1), search_threads, 0, stream}, box_points<Queries>,
         points, offsets, box_blocks, boxes);
  const uint32_t room = room_for(static_cast<uint32_t>(k));
  const int64_t bytes = static_cast<int64_t>(SearchKeys::bytes(room));
  launch({op, blocks_for(clouds * blocks_each, 1), search_threads, bytes, stream},
         search_near_points<Queries>, points, offsets, queries, blocks_each, k, room, boxes, index,
         distance2);
}

}  // namespace musc2::cuda
