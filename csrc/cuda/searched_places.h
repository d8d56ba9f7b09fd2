#pragma once
// How the warps that measure learn what has been searched: the places that a block searches are numbered, and the
// numbers pass through a ring of slots in shared memory.
#include "cuda/device.h"
#include "cuda/patch_distances.h"

namespace musc2::cuda {

// In shared memory.
template <int across>
struct SearchedPlaces {
  static constexpr int slots = 32;  // so many places the search may be ahead of the measuring
  // Each slot by turns: searched, then counted by the first of the warps that measure, then done with by all of them.
  Arrival searched[slots], counted[slots], measured[slots];
  Completed<across> completed[slots];

  // By one thread, before a barrier of the block.
  __device__ void begin(int groups, int measuring_warps) {
    for (int slot = 0; slot < slots; ++slot) {
      begin_arrivals(searched[slot], groups);
      begin_arrivals(counted[slot], 1);
      begin_arrivals(measured[slot], measuring_warps);
    }
  }

  // By one thread of each group, after a barrier of those that searched its part of the place.
  __device__ void add(int number) {
    const int slot = number % slots, turn = number / slots;
    if (turn > 0) await(measured[slot], static_cast<unsigned>(turn - 1));
    arrive(searched[slot]);
  }

  // By all lanes of the `worker`-th of `workers` warps: measures what the search of a place, `number`, has completed.
  template <class Format>
  __device__ void measure(const Panel& panel, Place at, int number, int worker, int workers) {
    const int slot = number % slots;
    const auto turn = static_cast<unsigned>(number / slots);
    if (worker == 0) {
      await(searched[slot], turn);
      fence_on_device();                                        // its keys are there before it is counted
      if (completed[slot].count(panel, at)) fence_on_device();  // those of the places counted before are there now
      __syncwarp();
      if (TileShape::lane() == 0) arrive(counted[slot]);
    }
    await(counted[slot], turn);
    completed[slot].template measure<Format>(panel, at, worker, workers);
    __syncwarp();
    if (TileShape::lane() == 0) arrive(measured[slot]);
  }
};

}  // namespace musc2::cuda
