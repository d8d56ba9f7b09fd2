#pragma once
// Step 4 of group_points.h for one center, by a block. Points go by their ranks in the search set.
#include "cuda/device.h"
#include "cuda/places.h"
#include "cuda/smallest.h"

namespace musc2::cuda {

constexpr int group_threads = 128;
using GroupKeys = SmallestKeys<1, group_threads>;

// The shared memory of a block.
struct Parts {
  static constexpr int64_t sums = 12;
  double* terms;        // (3 * size + sums): for the curvature
  Key* keys;            // for GroupKeys
  Place* places;        // (search)
  Place* offsets;       // (search): places minus the center
  float* nearest;       // (search): of each candidate, the distance to the nearest member
  int32_t* points;      // (search): indices in the cloud
  int32_t* open;        // (search): the same, but `taken` of members
  int32_t* candidates;  // (search): the ranks of those not taken, in the order of their indices
  int32_t* members;     // (size): ranks; the group is its end
  int32_t* count;       // of the candidates

  static int64_t bytes(int64_t search, int64_t size) {
    const size_t words = sizeof(float) + 3 * sizeof(int32_t);
    return (3 * size + sums) * 8 + static_cast<int64_t>(GroupKeys::bytes(room_for(static_cast<uint32_t>(size)))) +
           search * static_cast<int64_t>(2 * sizeof(Place) + words) + (size + 1) * 4;
  }

  __device__ Parts(double* memory, int search, int size) {
    terms = memory;
    keys = reinterpret_cast<Key*>(terms + 3 * size + sums);
    places = reinterpret_cast<Place*>(keys + GroupKeys::bytes(room_for(static_cast<uint32_t>(size))) / sizeof(Key));
    offsets = places + search;
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
  // parts.points and parts.places are there.
  __device__ Growth(const Parts& parts, int searched, int size, int start)
      : parts_(parts),
        keys_(parts.keys, room_for(static_cast<uint32_t>(size))),
        searched_(searched),
        size_(size),
        start_(start) {}

  // The group is the first `count` of the search set. Returns its size, as grow() does.
  __device__ int begin(int count) {
    for (int i = thread(); i < count; i += group_threads) parts_.members[size_ - count + i] = i;
    front_ = size_ - count;
    __syncthreads();
    return count;
  }

  __device__ int grow(bool unique) {
    for (int i = thread(); i < searched_; i += group_threads) parts_.open[i] = i < start_ ? taken : parts_.points[i];
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

  // Items of SmallestKeys. A candidate by its distance to the nearest member:
  struct Points {
    const float* nearest;

    __device__ void operator()(uint32_t item, float (&distance)[1]) const { distance[0] = nearest[item]; }
  };
  // And a pair of a member and a candidate.
  struct Pairs {
    const Parts& parts;
    const int32_t* group;
    uint32_t candidates;

    __device__ void operator()(uint32_t item, float (&distance)[1]) const {
      const int32_t member = group[item / candidates], candidate = parts.candidates[item % candidates];
      distance[0] = squared_distance(parts.places[member], parts.places[candidate]);
    }
  };

  __device__ static int thread() { return static_cast<int>(threadIdx.x); }

  // Returns how many there are. A candidate's place is the number of candidates with a lower index.
  __device__ uint32_t list_candidates() {
    if (thread() == 0) *parts_.count = 0;
    __syncthreads();
    for (int i = thread(); i < searched_; i += group_threads) {
      if (parts_.open[i] == taken) continue;
      int place = 0;
      for (int other = 0; other < searched_; ++other) place += parts_.open[other] < parts_.open[i];
      parts_.candidates[place] = i;
      atomicAdd(parts_.count, 1);
    }
    __syncthreads();
    return static_cast<uint32_t>(*parts_.count);
  }

  // Both return how many they chose: the items of the first keys.
  __device__ uint32_t choose_points(uint32_t candidates, uint32_t room) {
    for (uint32_t i = threadIdx.x; i < candidates; i += group_threads) {
      const Place at = parts_.places[parts_.candidates[i]];
      float nearest = infinity;
      for (int m = front_; m < size_; ++m) {
        nearest = fminf(nearest, squared_distance(at, parts_.places[parts_.members[m]]));
      }
      parts_.nearest[i] = nearest;
    }
    __syncthreads();
    const uint32_t chosen = min(room, candidates);
    keys_.find(Points{parts_.nearest}, candidates, chosen);
    return chosen;
  }
  __device__ uint32_t choose_pairs(uint32_t candidates, uint32_t room) {
    const uint32_t pairs = static_cast<uint32_t>(size_ - front_) * candidates, chosen = min(room, pairs);
    keys_.find(Pairs{parts_, parts_.members + front_, candidates}, pairs, chosen);
    return chosen;
  }

  // The chosen go to the front of the group.
  __device__ void take(uint32_t candidates, uint32_t chosen) {
    front_ -= static_cast<int>(chosen);
    for (uint32_t i = threadIdx.x; i < chosen; i += group_threads) {
      const int32_t rank = parts_.candidates[index_of(keys_.key(0, i)) % candidates];
      parts_.members[static_cast<uint32_t>(front_) + i] = rank;
      parts_.open[rank] = taken;
    }
    __syncthreads();
  }

  const Parts& parts_;
  GroupKeys keys_;
  const int searched_, size_, start_;
  int front_ = 0;
};

}  // namespace musc2::cuda
