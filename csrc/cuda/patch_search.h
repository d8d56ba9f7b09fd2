#pragma once
// The kernel that searches one panel against another, whatever instructions multiply the tiles.
//
// The files of nearest_patches on a GPU; each includes those below it:
//
//   nearest_patches.cu          the op: cuts samples into panels, packs them, launches the searches
//   |- patch_plan.h             panel sizes, and the layout of scratch memory
//   |- patch_packing.h          kernels: center, round and pad features; norms; clear scratch
//   |- patch_windows.h          kernel: the search in a window, without matrix cores
//   |- warpgroup_search.h/.cu   the search for Hopper GPUs, compiled for sm_90a
//   |  `- warpgroup_mainloop.h  its policy: ring buffer, producer, wgmma mainloop
//   |- tile_mainloop.h          the policy for all GPUs: cp.async stages, mma.sync mainloop
//   `- patch_search.h           the search kernel, which both policies fill in (this file)
//      |- patch_minima.h        the epilogue: accumulators -> one key per line and sample
//      |  `- patch_sums.h       what the accumulators start at and end as
//      `- patch_completions.h   a ring buffer from the consumer warps to the measuring warps
//         `- patch_distances.h  exact distances of the patches found
//            `- patch_panel.h, patch_tiles.h, formats.h
//
// Warps of a block. All go through the same tiles (TileScheduler), each role at its own pace:
//
//   role       portable  Hopper  what they do                                    reads
//   producer   -         1       starts bulk copies to the operands' ring        global memory
//   consumers  8         8       mainloop, then epilogue: keys to global memory  operands' ring
//   measuring  4         3       exact distances of what a tile completes        completion ring
//
// In the portable search the consumers also load their operands, by asynchronous copies that are
// two stages ahead. On Hopper the consumers are two warpgroups, and the third warpgroup produces
// and measures.
#include "cuda/patch_completions.h"
#include "cuda/patch_minima.h"

namespace musc2::cuda {
namespace {

// A Policy says how tiles are multiplied and by which threads. The first `groups` x Sums::threads
// threads are consumers; each group has its own rows of the `down` by `across` tiles at a position
// of the scheduler. The warps from `first_measuring_warp` on measure. Warps in between, if any,
// produce. The mainloop adds up Products. They are Sums or, in formats of integers, become Sums
// before the epilogue.

template <class Policy>
struct SearchMemory {
  Minima<typename Policy::Sums, is_scaled<typename Policy::Format>> minima[Policy::groups];
  CompletionRing<Policy::across> completions;
  typename Policy::Shared own;
};

// The patches that the calling thread's group multiplies.
template <class Policy>
__device__ GroupTile group_tile(const SearchParams& params, Tile first) {
  using Sums = typename Policy::Sums;
  const int group = static_cast<int>(threadIdx.x) / Sums::threads;
  return {params.left.patches_from(first.left * TileShape::lines + group * Sums::rows, Sums::rows),
          params.right.patches_from(first.right * TileShape::lines, Sums::columns)};
}

template <class Policy>
__device__ void run_consumer(const SearchParams& params, const Policy& policy,
                             SearchMemory<Policy>& shared) {
  using Sums = typename Policy::Sums;
  using Norms = TileNorms<Sums, is_scaled<typename Policy::Format>>;
  auto& minima = shared.minima[threadIdx.x / Sums::threads];
  auto scheduler = policy.scheduler();
  if (scheduler.is_over()) return;
  auto mainloop = policy.mainloop();
  mainloop.prefetch(scheduler.tile());
  Norms norms(params, group_tile<Policy>(params, policy.own(scheduler.tile())));
  for (int number = 0; !scheduler.is_over(); ++number) {
    norms.store(minima);
    typename Policy::Products products;
    begin_sums(products, minima);
    mainloop.run(products);
    // Anew, not kept meanwhile: the product needs all registers.
    const GroupTile finished = group_tile<Policy>(params, policy.own(scheduler.tile()));
    scheduler.advance();
    if (!scheduler.is_over()) {
      mainloop.prefetch(scheduler.tile());
      norms = Norms(params, group_tile<Policy>(params, policy.own(scheduler.tile())));
    }
    if (!finished.rows.is_empty()) {
      epilogue(params, finished, finished_sums(products, minima), minima);
    }
    Sums::barrier();
    if (Sums::thread() == 0) shared.completions.push(number);
  }
}

template <class Policy>
__device__ void run_measuring(const SearchParams& params, const Policy& policy,
                              SearchMemory<Policy>& shared) {
  const int worker = TileShape::warp() - Policy::first_measuring_warp;
  int number = 0;
  for (auto scheduler = policy.scheduler(); !scheduler.is_over(); scheduler.advance(), ++number) {
    const Tile first = policy.own(scheduler.tile());
    shared.completions.template measure<typename Policy::Format>(params, first, number, worker,
                                                                 Policy::measuring_warps);
  }
}

template <class Policy>
__global__ void __launch_bounds__(Policy::threads, 1)
    search_panel(const __grid_constant__ SearchParams params) {
  MUSC2_DYNAMIC_SHARED(unsigned char, stages);
  __shared__ SearchMemory<Policy> shared;
  if (threadIdx.x == 0) {
    shared.completions.init(Policy::groups, Policy::measuring_warps);
    Policy::init(shared.own);
  }
  Policy::barrier();
  const Policy policy(params, stages, shared.own);
  if (threadIdx.x < Policy::groups * Policy::Sums::threads) {
    Policy::begin_consumer();
    run_consumer(params, policy, shared);
  } else {
    Policy::begin_other();
    if (TileShape::warp() < Policy::first_measuring_warp) {
      policy.produce();
    } else {
      run_measuring(params, policy, shared);
    }
    __syncwarp();
  }
  Policy::barrier();
}

// Returns whether it was launched: it is not where no cluster of the policy's size fits.
template <class Policy>
bool launch_search(SearchParams params, void* stream) {
  const int rows = (params.left.tiles() + Policy::down - 1) / Policy::down;
  const int bands = (rows + 15) / 16;
  params.band = (rows + bands - 1) / bands;
  const Launch config{"nearest_patches",    0,      Policy::threads,
                      Policy::shared_bytes, stream, Policy::cluster_blocks};
  const Launch filled = fill_device(config, search_panel<Policy>);
  if (filled.grid.x == 0) return false;
  launch(filled, search_panel<Policy>, params);
  return true;
}

}  // namespace
}  // namespace musc2::cuda
