#pragma once
// The search of nearest_patches by Hopper GPUs' own instructions, in a file of its own because only sm_90a has them.
#include "cuda/patch_panel.h"

namespace musc2::cuda {

#ifdef MUSC2_HOPPER
// How many blocks make a cluster: 1, 2 or 4, as MUSC2_HOPPER in the environment says. 0 when it says nothing else, or
// the current device does not run it.
int warpgroup_blocks();

// The panel is packed in tiles (PackedTiles) of bfloat16 numbers or, `half`, of float16.
void search_by_warpgroups(const Panel& panel, bool half, int blocks, void* stream);
#else
inline int warpgroup_blocks() { return 0; }
inline void search_by_warpgroups(const Panel&, bool, int, void*) {}
#endif

}  // namespace musc2::cuda
