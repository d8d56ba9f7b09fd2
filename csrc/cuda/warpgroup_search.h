#pragma once
// The search of nearest_patches by Hopper GPUs' own instructions, in a file of its own because only sm_90a has them.
#include "cuda/patch_panel.h"

namespace musc2::cuda {

#ifdef MUSC2_HOPPER
// Whether the current device runs it and MUSC2_HOPPER=1 in the environment asks for it.
bool has_warpgroups();

// The panel is packed in tiles (PackedTiles) of bfloat16 numbers or, `half`, of float16.
void search_by_warpgroups(const Panel& panel, bool half, void* stream);
#else
inline bool has_warpgroups() { return false; }
inline void search_by_warpgroups(const Panel&, bool, void*) {}
#endif

}  // namespace musc2::cuda
