#pragma once
// Selects and sorts the smallest of many distances, for some lists at once. A whole block works on
// it.
//
// 1. The items are distributed over four times as many subsets as items are selected. The minima of
//    the subsets are counted in bins by their first bits. The bin at which enough of them have been
//    counted gives a bound; on average 1.25 times as many items as needed are within it. The
//    distribution is scrambled, so that items that are close, and so have close numbers, go to
//    different subsets.
// 2. A second pass over the items collects those within the bound.
// 3. They are sorted (bitonic).
// Where many distances are equal, there may be more items within the bound than there is room for.
// Then radix selection, in seven passes, finds the last key digit by digit, and exactly the
// selected items are collected. Every count takes this path, so there is no size from which on it
// is slow.
#include "cuda/bitonic.h"
#include "cuda/device.h"

namespace musc2::cuda {

constexpr int digit_bits = 10, digits = 1 << digit_bits;
constexpr int key_bits = 63;  // of a distance without its sign, and an item

// The room for keys that a list needs to select `count` of them. A power of two.
__host__ __device__ inline uint32_t room_for(uint32_t count) {
  uint32_t room = 1024;
  while (room < 2 * count) room *= 2;
  return room;
}

// The digit at which the running sum of counts reaches `target`, and the sum before it. Called by a
// warp.
__device__ inline uint32_t find_digit(const uint32_t* counts, uint32_t target, uint32_t* before) {
  const uint32_t lane = threadIdx.x % warp_lanes;
  const auto running_sum = [lane](uint32_t count) {  // up to this lane
    for (uint32_t step = 1; step < 32; step *= 2) {
      const uint32_t below = __shfl_up_sync(whole_warp, count, step);
      if (lane >= step) count += below;
    }
    return count;
  };
  uint32_t own = 0;
  for (uint32_t i = 0; i < 32; ++i)
    own += counts[32 * lane + (i + lane) % 32];  // each lane reads another bank
  const uint32_t rows = running_sum(own);
  const int row = __ffs(static_cast<int>(__ballot_sync(whole_warp, rows >= target))) - 1;
  const uint32_t start = __shfl_sync(whole_warp, rows - own, row);
  const uint32_t count = counts[32 * row + static_cast<int>(lane)];
  const uint32_t cells = start + running_sum(count);
  const int column = __ffs(static_cast<int>(__ballot_sync(whole_warp, cells >= target))) - 1;
  *before = __shfl_sync(whole_warp, cells - count, column);
  return static_cast<uint32_t>(32 * row + column);
}

template <int lists, int threads>
class SmallestKeys {
 public:
  __host__ __device__ static constexpr size_t bytes(uint32_t room) {
    return sizeof(Selection) * lists + lists * room * sizeof(Key);
  }

  // memory: bytes(room) of shared memory.
  __device__ SmallestKeys(void* memory, uint32_t room)
      : selections_(static_cast<Selection*>(memory)),
        keys_(reinterpret_cast<Key*>(selections_ + lists)),
        room_(room) {}

  // Selects the `selected` smallest of `count` items, 1 <= selected <= count. Their keys are
  // key(list, 0), key(list, 1), ... until the next call. items(item, distances) computes the item's
  // distance for each list. Called by all threads.
  template <class Items>
  __device__ void find(const Items& items, uint32_t count, uint32_t selected) {
    bound(items, count, selected);
    float bounds[lists];
    load_bounds(bounds);
    collect(items, count,
            [&](int list, float distance, uint32_t) { return !(distance >= bounds[list]); });
    if (largest_count() > room_) {
      find_last(items, count, selected);
      collect(items, count, [&](int list, float distance, uint32_t item) {
        return key_of(distance, item) <= selections_[list].last;
      });
    }
    sort(largest_count());
  }

  // The same with less work where `some` of the items are near: items some(i), i < some_count, of
  // which there are at least `selected`. Of all items, 32 consecutive ones at a time are looked at,
  // if may_hold(their number, bounds) says that one of them may be within the bound of a list.
  template <class Some, class Items, class MayHold>
  __device__ void find_near(const Some& some, uint32_t some_count, const Items& items,
                            uint32_t count, uint32_t selected, const MayHold& may_hold) {
    bound(some, some_count, selected);
    float bounds[lists];
    load_bounds(bounds);
    collect_near(items, count, bounds, may_hold);
    if (largest_count() > room_) {
      find(items, count, selected);
    } else {
      sort(largest_count());
    }
  }

  __device__ Key key(int list, uint32_t i) const {
    return keys_[static_cast<uint32_t>(list) * room_ + i];
  }

 private:
  struct Selection {
    Key last;       // the last key to select, as far as its digits are known
    uint32_t rest;  // how many keys with these digits to select
    uint32_t collected;
    float bound;  // above the distances of all selected items, or NaN
    uint32_t counts[digits];
  };

  __device__ void clear_counts() {
    for (uint32_t i = threadIdx.x; i < lists * digits; i += threads)
      selections_[i / digits].counts[i % digits] = 0;
    __syncthreads();
  }

  template <class Items>
  __device__ void bound(const Items& items, uint32_t count, uint32_t selected) {
    constexpr int shift = 31 - digit_bits;
    static_assert(threads / warp_lanes >= lists && (threads & (threads - 1)) == 0);
    uint32_t subsets = threads;
    while (subsets < 4 * selected) subsets *= 2;
    clear_counts();
    for (uint32_t subset = threadIdx.x; subset < subsets; subset += threads) {
      float nearest[lists], distances[lists];
      for (float& distance : nearest) distance = infinity;
      for (uint32_t first = 0; first < count; first += subsets) {
        const uint32_t scrambled = subset ^ ((first * 0x9e3779b1u >> 17) & (subsets - 1));
        if (first + scrambled >= count) continue;
        items(first + scrambled, distances);
        for (int list = 0; list < lists; ++list)
          nearest[list] = fminf(nearest[list], distances[list]);
      }
      for (int list = 0; list < lists; ++list) {
        atomicAdd(&selections_[list].counts[__float_as_uint(nearest[list]) >> shift], 1u);
      }
    }
    __syncthreads();
    if (threadIdx.x / warp_lanes < lists) {
      Selection& selection = selections_[threadIdx.x / warp_lanes];
      uint32_t before;
      const uint32_t digit = find_digit(selection.counts, selected, &before);
      if (threadIdx.x % warp_lanes == 0) selection.bound = __uint_as_float((digit + 1) << shift);
    }
    __syncthreads();
  }

  __device__ void load_bounds(float (&bounds)[lists]) const {
    for (int list = 0; list < lists; ++list) bounds[list] = selections_[list].bound;
  }

  // Collects the keys of the items within the bounds, as collect() does. A lane asks about 32 items,
  // then the lanes of the warp look at those that may be within together.
  template <class Items, class MayHold>
  __device__ void collect_near(const Items& items, uint32_t count, const float (&bounds)[lists],
                               const MayHold& may_hold) {
    if (threadIdx.x < lists) selections_[threadIdx.x].collected = 0;
    __syncthreads();
    const uint32_t lane = threadIdx.x % warp_lanes;
    float distances[lists];
    for (uint32_t first = threadIdx.x - lane; first * warp_lanes < count; first += threads) {
      const uint32_t own = first + lane;
      uint32_t open = __ballot_sync(whole_warp, own * warp_lanes < count && may_hold(own, bounds));
      for (; open != 0; open &= open - 1) {
        const uint32_t row = first + static_cast<uint32_t>(__ffs(static_cast<int>(open))) - 1,
                       item = row * warp_lanes + lane;
        items(min(item, count - 1), distances);
#pragma unroll
        for (int list = 0; list < lists; ++list) {
          append(list, item < count && !(distances[list] >= bounds[list]),
                 key_of(distances[list], item));
        }
      }
    }
    __syncthreads();
  }

  // Collects the keys of the items that accept(list, distance, item) accepts, in no order. Keys
  // beyond the room are only counted.
  template <class Items, class Accept>
  __device__ void collect(const Items& items, uint32_t count, const Accept& accept) {
    if (threadIdx.x < lists) selections_[threadIdx.x].collected = 0;
    __syncthreads();
    float distances[lists];
    bool accepted[lists];
    for (uint32_t first = 0; first < count; first += threads) {
      const uint32_t item = first + threadIdx.x;
      items(min(item, count - 1), distances);
      bool any = false;
#pragma unroll
      for (int list = 0; list < lists; ++list) {
        any |= accepted[list] = item < count && accept(list, distances[list], item);
      }
      if (!__any_sync(whole_warp, any)) continue;
#pragma unroll
      for (int list = 0; list < lists; ++list)
        append(list, accepted[list], key_of(distances[list], item));
    }
    __syncthreads();
  }

  // NaN sorts behind all distances, whatever its sign. (fabsf() would not do: compilers assume that
  // a square is not negative.)
  __device__ static Key key_of(float distance, uint32_t item) {
    return make_key(distance, item) & ((Key{1} << key_bits) - 1);
  }

  // Appends the keys of a warp's lanes; one atomic operation reserves their room.
  __device__ void append(int list, bool accepted, Key key) {
    const uint32_t lane = threadIdx.x % warp_lanes, voters = __ballot_sync(whole_warp, accepted);
    if (voters == 0) return;
    uint32_t position =
        lane == 0 ? atomicAdd(&selections_[list].collected, static_cast<uint32_t>(__popc(voters)))
                  : 0;
    position = __shfl_sync(whole_warp, position, 0) +
               static_cast<uint32_t>(__popc(voters & ((1u << lane) - 1)));
    if (accepted && position < room_) keys_[static_cast<uint32_t>(list) * room_ + position] = key;
  }

  // Of all lists.
  __device__ uint32_t largest_count() const {
    uint32_t most = 0;
    for (int list = 0; list < lists; ++list) most = max(most, selections_[list].collected);
    return most;
  }

  // Finds the last key to select by radix selection.
  template <class Items>
  __device__ void find_last(const Items& items, uint32_t count, uint32_t selected) {
    if (threadIdx.x < lists)
      selections_[threadIdx.x].last = 0, selections_[threadIdx.x].rest = selected;
    for (int unknown = key_bits; unknown > 0;) {
      const int shift = max(unknown - digit_bits, 0);
      clear_counts();
      float distances[lists];
      for (uint32_t item = threadIdx.x; item < count; item += threads) {
        items(item, distances);
#pragma unroll
        for (int list = 0; list < lists; ++list) {
          const Key differs = key_of(distances[list], item) ^ selections_[list].last;
          if (differs >> unknown == 0) atomicAdd(&selections_[list].counts[differs >> shift], 1u);
        }
      }
      __syncthreads();
      if (threadIdx.x / warp_lanes < lists) {
        Selection& selection = selections_[threadIdx.x / warp_lanes];
        uint32_t before;
        const Key digit = find_digit(selection.counts, selection.rest, &before);
        if (threadIdx.x % warp_lanes == 0)
          selection.last |= digit << shift, selection.rest -= before;
      }
      unknown = shift;
      __syncthreads();
    }
  }

  __device__ void sort(uint32_t count) {
    const KeyRows rows{keys_, room_, bits_for(count)};
    for (uint32_t i = threadIdx.x; i < uint32_t{lists} << rows.bits; i += threads) {
      if (rows.column(i) >= selections_[i >> rows.bits].collected) *rows.at(i) = ~Key{0};
    }
    __syncthreads();
    sort_rows<threads>(rows, lists);
  }

  Selection* selections_;
  Key* keys_;
  uint32_t room_;
};

}  // namespace musc2::cuda
