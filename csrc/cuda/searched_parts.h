#pragma once
// How the warps that measure learn what has been searched: the parts of the product that a block searches are numbered,
// the groups of its threads taking turns, and the numbers pass through a ring of slots in shared memory.
#include "cuda/arrival.h"
#include "cuda/patch_distances.h"

namespace musc2::cuda {

// In shared memory.
template <int across>
struct SearchedParts {
  static constexpr int slots = 32;  // so many parts the search may be ahead of the measuring
  // Each slot by turns: searched, then counted by the first of the warps that measure, then done with by all of them.
  Arrival searched[slots], counted[slots], measured[slots];
  Completed<across> completed[slots];

  // By one thread, before a barrier of the block.
  __device__ void begin(int measuring_warps) {
    for (int slot = 0; slot < slots; ++slot) {
      begin_arrivals(searched[slot], 1);
      begin_arrivals(counted[slot], 1);
      begin_arrivals(measured[slot], measuring_warps);
    }
  }

  // By one thread, after a barrier of the threads that searched the part.
  __device__ void add(int number) {
    const int slot = number % slots, turn = number / slots;
    if (turn > 0) await(measured[slot], static_cast<unsigned>(turn - 1));
    arrive(searched[slot]);
  }

  // By all lanes of the `worker`-th of `workers` warps: measures what part `number`, at that place, has completed.
  // `parts`: in which a tile is searched.
  template <class Format>
  __device__ void measure(const Panel& panel, Place at, int parts, int number, int worker, int workers) {
    const int slot = number % slots;
    const auto turn = static_cast<unsigned>(number / slots);
    if (worker == 0) {
      await(searched[slot], turn);
      __threadfence();  // its keys are there before it is counted
      completed[slot].count(panel, at, parts);
      __threadfence();  // and those of the parts counted before are there now
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
