#pragma once
// Step 4 of group_points.h for one center, by a block. Points are identified by their ranks in the
// search set.
#include "cuda/device.h"
#include "cuda/points.h"
#include "cuda/smallest.h"

namespace musc2::cuda {

constexpr int group_threads = 128;
using GroupKeys = SmallestKeys<1, group_threads>;

// The layout of a block's shared memory.
struct GroupMemory {
  static constexpr int64_t sums = 12;
  double* terms;        // (3 * size + sums): for the curvature
  Key* keys;            // for GroupKeys
  Point* positions;     // (search)
  Point* offsets;       // (search): positions minus the center
  float* nearest;       // (search): distance of each candidate to its nearest member
  int32_t* points;      // (search): indices in the cloud
  int32_t* open;        // (search): likewise, but `taken` for members
  int32_t* candidates;  // (search): ranks of the points not taken, in the order of their indices
  int32_t* members;     // (size): ranks; the group is at the end
  int32_t* count;       // number of candidates

  static int64_t bytes(int64_t search, int64_t size) {
    const size_t words = sizeof(float) + 3 * sizeof(int32_t);
    return (3 * size + sums) * 8 +
           static_cast<int64_t>(GroupKeys::bytes(room_for(static_cast<uint32_t>(size)))) +
           search * static_cast<int64_t>(2 * sizeof(Point) + words) + (size + 1) * 4;
  }

  __device__ GroupMemory(double* memory, int search, int size) {
    terms = memory;
    keys = reinterpret_cast<Key*>(terms + 3 * size + sums);
    positions = reinterpret_cast<Point*>(
        keys + GroupKeys::bytes(room_for(static_cast<uint32_t>(size))) / sizeof(Key));
    offsets = positions + search;
    nearest = &offsets[search].x;
    points = reinterpret_cast<int32_t*>(nearest + search);
    open = points + search;
    candidates = open + search;
    members = candidates + search;
    count = members + size;
  }
};

class Growth {
 public:
  // memory.points and memory.positions have been filled.
  __device__ Growth(const GroupMemory& memory, int searched, int size, int start)
      : memory_(memory),
        keys_(memory.keys, room_for(static_cast<uint32_t>(size))),
        searched_(searched),
        size_(size),
        start_(start) {}

  // Makes the group the first `count` points of the search set. Returns its size, as grow() does.
  __device__ int begin(int count) {
    for (int i = thread(); i < count; i += group_threads) memory_.members[size_ - count + i] = i;
    front_ = size_ - count;
    __syncthreads();
    return count;
  }

  __device__ int grow(bool unique) {
    for (int i = thread(); i < searched_; i += group_threads)
      memory_.open[i] = i < start_ ? taken : memory_.points[i];
    begin(min(start_, searched_));
    while (front_ > 0) {
      const uint32_t candidates = list_candidates();
      if (candidates == 0) break;
      const uint32_t room = static_cast<uint32_t>(min(start_, front_));
      take(candidates, unique ? choose_points(candidates, room) : choose_pairs(candidates, room));
    }
    return size_ - front_;
  }

 private:
  static constexpr int32_t taken = INT32_MAX;

  // Items of SmallestKeys: a candidate, with its distance to the nearest member.
  struct Points {
    const float* nearest;

    __device__ void operator()(uint32_t item, float (&distance)[1]) const {
      distance[0] = nearest[item];
    }
  };
  // Likewise a pair of a member and a candidate.
  struct Pairs {
    const GroupMemory& memory;
    const int32_t* group;
    uint32_t candidates;

    __device__ void operator()(uint32_t item, float (&distance)[1]) const {
      const int32_t member = group[item / candidates],
                    candidate = memory.candidates[item % candidates];
      distance[0] = squared_distance(memory.positions[member], memory.positions[candidate]);
    }
  };

  __device__ static int thread() { return static_cast<int>(threadIdx.x); }

  // Returns the number of candidates. A candidate's position is the number of candidates with a
  // lower index.
  __device__ uint32_t list_candidates() {
    if (thread() == 0) *memory_.count = 0;
    __syncthreads();
    for (int i = thread(); i < searched_; i += group_threads) {
      if (memory_.open[i] == taken) continue;
      int position = 0;
      for (int other = 0; other < searched_; ++other)
        position += memory_.open[other] < memory_.open[i];
      memory_.candidates[position] = i;
      atomicAdd(memory_.count, 1);
    }
    __syncthreads();
    return static_cast<uint32_t>(*memory_.count);
  }

  // Both return how many items they chose, which are those of the first keys.
  __device__ uint32_t choose_points(uint32_t candidates, uint32_t room) {
    for (uint32_t i = threadIdx.x; i < candidates; i += group_threads) {
      const Point position = memory_.positions[memory_.candidates[i]];
      float nearest = infinity;
      for (int m = front_; m < size_; ++m) {
        nearest = fminf(nearest, squared_distance(position, memory_.positions[memory_.members[m]]));
      }
      memory_.nearest[i] = nearest;
    }
    __syncthreads();
    const uint32_t chosen = min(room, candidates);
    keys_.find(Points{memory_.nearest}, candidates, chosen);
    return chosen;
  }
  __device__ uint32_t choose_pairs(uint32_t candidates, uint32_t room) {
    const uint32_t pairs = static_cast<uint32_t>(size_ - front_) * candidates,
                   chosen = min(room, pairs);
    keys_.find(Pairs{memory_, memory_.members + front_, candidates}, pairs, chosen);
    return chosen;
  }

  // Puts the chosen candidates in front of the group.
  __device__ void take(uint32_t candidates, uint32_t chosen) {
    front_ -= static_cast<int>(chosen);
    for (uint32_t i = threadIdx.x; i < chosen; i += group_threads) {
      const int32_t rank = memory_.candidates[index_of(keys_.key(0, i)) % candidates];
      memory_.members[static_cast<uint32_t>(front_) + i] = rank;
      memory_.open[rank] = taken;
    }
    __syncthreads();
  }

  const GroupMemory& memory_;
  GroupKeys keys_;
  const int searched_, size_, start_;
  int front_ = 0;
};

}  // namespace musc2::cuda
