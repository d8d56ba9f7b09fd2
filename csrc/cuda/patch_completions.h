#pragma once
// Tells the measuring warps what has been searched. The positions of the tile scheduler that a
// block searches are numbered, and pass through a ring buffer in shared memory.
#include "cuda/patch_distances.h"

namespace musc2::cuda {

// In shared memory.
template <int across>
struct CompletionRing {
  static constexpr int slots = 32;  // how far the consumers may be ahead of the measuring warps
  // What happens to a slot in each round: all consumer groups have searched its tiles, the first
  // measuring warp has counted them, all measuring warps are done with it.
  Mbarrier searched[slots], counted[slots], measured[slots];
  Completed<across> completed[slots];

  // Called by one thread, before a barrier of the block.
  __device__ void init(int groups, int measuring_warps) {
    for (int slot = 0; slot < slots; ++slot) {
      cuda::init(searched[slot], groups);
      cuda::init(counted[slot], 1);
      cuda::init(measured[slot], measuring_warps);
    }
  }

  // Called by one thread of each consumer group, after a barrier of the group.
  __device__ void push(int number) {
    const int slot = number % slots, round = number / slots;
    if (round > 0) wait(measured[slot], static_cast<unsigned>(round - 1));
    arrive(searched[slot]);
  }

  // Measures what the search of position `number` has completed. Called by all lanes of each of the
  // `workers` measuring warps.
  template <class Format>
  __device__ void measure(const SearchParams& params, Tile first, int number, int worker,
                          int workers) {
    const int slot = number % slots;
    const auto round = static_cast<unsigned>(number / slots);
    if (worker == 0) {
      wait(searched[slot], round);
      release_on_device();  // makes the keys of these tiles visible before the tiles are counted
      // And makes the keys of all tiles that were counted before visible to this block.
      if (completed[slot].count(params, first)) acquire_on_device();
      __syncwarp();
      if (TileShape::lane() == 0) arrive(counted[slot]);
    }
    wait(counted[slot], round);
    completed[slot].template measure<Format>(params, first, worker, workers);
    __syncwarp();
    if (TileShape::lane() == 0) arrive(measured[slot]);
  }
};

}  // namespace musc2::cuda
