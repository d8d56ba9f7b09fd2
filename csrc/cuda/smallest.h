#pragma once
// The smallest of many distances, in order, for some lists at once: the work of a whole block.
//
// 1. The items are dealt to four times as many subsets as items are wanted. The smallest distances of the subsets fall
//    into bins by their first bits, and the bin at which there are enough of them bounds what is wanted: on
//    average 1.25 items for each one wanted are within it. The deal is scrambled, so that near items, which have near
//    numbers, spread over the subsets.
// 2. A second pass over the items collects those within the bound.
// 3. They are sorted (bitonic).
// Where many distances are equal more items may be within the bound than there is room for. Then the last key wanted is
// found digit by digit (radix selection, seven passes), and exactly the wanted items are collected. Any number wanted
// takes this path: there is no size from which on it is slow.
#include "cuda/bitonic.h"
#include "cuda/device.h"

namespace musc2::cuda {

constexpr int digit_bits = 10, digits = 1 << digit_bits;
constexpr int key_bits = 63;  // a distance without its sign, an item

// Keys that a list has room for, so that `wanted` may be chosen from it. A power of two.
__host__ __device__ inline uint32_t room_for(uint32_t wanted) {
  uint32_t room = 1024;
  while (room < 2 * wanted) room *= 2;
  return room;
}

// By a warp: the digit at which the counts reach `wanted`, and how many there are before it.
__device__ inline uint32_t find_digit(const uint32_t* counts, uint32_t wanted, uint32_t* before) {
  const uint32_t lane = threadIdx.x % warp_lanes;
  const auto through = [lane](uint32_t count) {  // the sum up to this lane
    for (uint32_t step = 1; step < 32; step *= 2) {
      const uint32_t below = __shfl_up_sync(whole_warp, count, step);
      if (lane >= step) count += below;
    }
    return count;
  };
  uint32_t own = 0;
  for (uint32_t i = 0; i < 32; ++i) own += counts[32 * lane + (i + lane) % 32];  // each lane on its own bank
  const uint32_t rows = through(own);
  const int row = __ffs(static_cast<int>(__ballot_sync(whole_warp, rows >= wanted))) - 1;
  const uint32_t start = __shfl_sync(whole_warp, rows - own, row);
  const uint32_t count = counts[32 * row + static_cast<int>(lane)];
  const uint32_t cells = start + through(count);
  const int column = __ffs(static_cast<int>(__ballot_sync(whole_warp, cells >= wanted))) - 1;
  *before = __shfl_sync(whole_warp, cells - count, column);
  return static_cast<uint32_t>(32 * row + column);
}

template <int lists, int threads>
class SmallestKeys {
 public:
  __host__ __device__ static constexpr size_t bytes(uint32_t room) {
    return sizeof(Choice) * lists + lists * room * sizeof(Key);
  }

  // `memory` is shared, bytes(room) of it.
  __device__ SmallestKeys(void* memory, uint32_t room)
      : choices_(static_cast<Choice*>(memory)), keys_(reinterpret_cast<Key*>(choices_ + lists)), room_(room) {}

  // The keys of the `wanted` smallest of `count` items, 1 <= wanted <= count: key(list, 0), key(list, 1), ... until the
  // next call. items(item, distances) computes the item's distance for each list. All threads call it.
  template <class Items>
  __device__ void find(const Items& items, uint32_t count, uint32_t wanted) {
    bound(items, count, wanted);
    float bounds[lists];
    for (int list = 0; list < lists; ++list) bounds[list] = choices_[list].bound;
    collect(items, count, [&](int list, float distance, uint32_t) { return !(distance >= bounds[list]); });
    if (most_found() > room_) {
      find_last(items, count, wanted);
      collect(items, count,
              [&](int list, float distance, uint32_t item) { return key_of(distance, item) <= choices_[list].last; });
    }
    sort(most_found());
  }

  __device__ Key key(int list, uint32_t i) const { return keys_[static_cast<uint32_t>(list) * room_ + i]; }

 private:
  struct Choice {
    Key last;       // the last key wanted, as far as its digits are known
    uint32_t rest;  // how many are wanted of the keys with these digits
    uint32_t found;
    float bound;  // above the distances of all that is wanted, or NaN
    uint32_t counts[digits];
  };

  __device__ void clear_counts() {
    for (uint32_t i = threadIdx.x; i < lists * digits; i += threads) choices_[i / digits].counts[i % digits] = 0;
    __syncthreads();
  }

  template <class Items>
  __device__ void bound(const Items& items, uint32_t count, uint32_t wanted) {
    constexpr int shift = 31 - digit_bits;
    static_assert(threads / warp_lanes >= lists && (threads & (threads - 1)) == 0);
    uint32_t subsets = threads;
    while (subsets < 4 * wanted) subsets *= 2;
    clear_counts();
    for (uint32_t subset = threadIdx.x; subset < subsets; subset += threads) {
      float nearest[lists], distances[lists];
      for (float& distance : nearest) distance = infinity;
      for (uint32_t first = 0; first < count; first += subsets) {
        const uint32_t scrambled = subset ^ ((first * 0x9e3779b1u >> 17) & (subsets - 1));
        if (first + scrambled >= count) continue;
        items(first + scrambled, distances);
        for (int list = 0; list < lists; ++list) nearest[list] = fminf(nearest[list], distances[list]);
      }
      for (int list = 0; list < lists; ++list) {
        atomicAdd(&choices_[list].counts[__float_as_uint(nearest[list]) >> shift], 1u);
      }
    }
    __syncthreads();
    if (threadIdx.x / warp_lanes < lists) {
      Choice& choice = choices_[threadIdx.x / warp_lanes];
      uint32_t before;
      const uint32_t digit = find_digit(choice.counts, wanted, &before);
      if (threadIdx.x % warp_lanes == 0) choice.bound = __uint_as_float((digit + 1) << shift);
    }
    __syncthreads();
  }

  // The keys of the items that accept(list, distance, item) wants, in no order. Where there is no room for more they
  // are only counted.
  template <class Items, class Accept>
  __device__ void collect(const Items& items, uint32_t count, const Accept& accept) {
    if (threadIdx.x < lists) choices_[threadIdx.x].found = 0;
    __syncthreads();
    float distances[lists];
    bool wanted[lists];
    for (uint32_t first = 0; first < count; first += threads) {
      const uint32_t item = first + threadIdx.x;
      items(min(item, count - 1), distances);
      bool any = false;
#pragma unroll
      for (int list = 0; list < lists; ++list) {
        any |= wanted[list] = item < count && accept(list, distances[list], item);
      }
      if (!__any_sync(whole_warp, any)) continue;
#pragma unroll
      for (int list = 0; list < lists; ++list) append(list, wanted[list], key_of(distances[list], item));
    }
    __syncthreads();
  }

  // NaN comes behind all distances, whatever its sign. (fabsf() would not do: compilers know that a square has none.)
  __device__ static Key key_of(float distance, uint32_t item) {
    return make_key(distance, item) & ((Key{1} << key_bits) - 1);
  }

  // The warp reserves room for all of its lanes at once.
  __device__ void append(int list, bool wanted, Key key) {
    const uint32_t lane = threadIdx.x % warp_lanes, voters = __ballot_sync(whole_warp, wanted);
    if (voters == 0) return;
    uint32_t place = lane == 0 ? atomicAdd(&choices_[list].found, static_cast<uint32_t>(__popc(voters))) : 0;
    place = __shfl_sync(whole_warp, place, 0) + static_cast<uint32_t>(__popc(voters & ((1u << lane) - 1)));
    if (wanted && place < room_) keys_[static_cast<uint32_t>(list) * room_ + place] = key;
  }

  // The same for all threads.
  __device__ uint32_t most_found() const {
    uint32_t most = 0;
    for (int list = 0; list < lists; ++list) most = max(most, choices_[list].found);
    return most;
  }

  // Radix selection of the last key wanted, from its first digit on.
  template <class Items>
  __device__ void find_last(const Items& items, uint32_t count, uint32_t wanted) {
    if (threadIdx.x < lists) choices_[threadIdx.x].last = 0, choices_[threadIdx.x].rest = wanted;
    for (int unknown = key_bits; unknown > 0;) {
      const int shift = max(unknown - digit_bits, 0);
      clear_counts();
      float distances[lists];
      for (uint32_t item = threadIdx.x; item < count; item += threads) {
        items(item, distances);
#pragma unroll
        for (int list = 0; list < lists; ++list) {
          const Key differs = key_of(distances[list], item) ^ choices_[list].last;
          if (differs >> unknown == 0) atomicAdd(&choices_[list].counts[differs >> shift], 1u);
        }
      }
      __syncthreads();
      if (threadIdx.x / warp_lanes < lists) {
        Choice& choice = choices_[threadIdx.x / warp_lanes];
        uint32_t before;
        const Key digit = find_digit(choice.counts, choice.rest, &before);
        if (threadIdx.x % warp_lanes == 0) choice.last |= digit << shift, choice.rest -= before;
      }
      unknown = shift;
      __syncthreads();
    }
  }

  __device__ void sort(uint32_t count) {
    const Rows rows{keys_, room_, bits_for(count)};
    for (uint32_t i = threadIdx.x; i < uint32_t{lists} << rows.bits; i += threads) {
      if (rows.column(i) >= choices_[i >> rows.bits].found) *rows.at(i) = ~Key{0};
    }
    __syncthreads();
    sort_rows<threads>(rows, lists);
  }

  Choice* choices_;
  Key* keys_;
  uint32_t room_;
};

}  // namespace musc2::cuda
