#pragma once
// The search with the instructions that only Hopper GPUs have.
#include "cuda/patch_panel.h"

namespace musc2::cuda {

#ifdef MUSC2_HOPPER
// Blocks per cluster, 1, 2 or 4, as the environment variable MUSC2_HOPPER says. 0 when it has no
// such value or the current device is not a Hopper GPU.
int warpgroup_blocks();

// Both panels are packed in tiles (PackedTiles) of this format: Bfloat16, Float16 or Int8.
template <class Format>
void search_by_warpgroups(const SearchParams& params, int blocks, void* stream);
#else
inline int warpgroup_blocks() { return 0; }
template <class Format>
void search_by_warpgroups(const SearchParams&, int, void*) {}
#endif

}  // namespace musc2::cuda
