// A file apart from nearest_patches.cu, because its instructions exist for sm_90a alone and code
// for sm_90a runs on no other GPU. docs/dev/gpu.md models the performance.
#include <cstdlib>
#include <string_view>

#include "cuda/patch_search.h"
#include "cuda/warpgroup_mainloop.h"
#include "cuda/warpgroup_search.h"

namespace musc2::cuda {
namespace {

bool is_hopper() {
  int device = 0, major = 0, minor = 0;
  check(cudaGetDevice(&device), "nearest_patches");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
        "nearest_patches");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device),
        "nearest_patches");
  return major == 9 && minor == 0;
}

}  // namespace

int warpgroup_blocks() {
  // Off by default until a GPU has confirmed the reading of the documentation (tests/cuda).
  const char* const setting = std::getenv("MUSC2_HOPPER");
  if (setting == nullptr || !is_hopper()) return 0;
  const std::string_view blocks(setting);
  return blocks == "1" ? 1 : blocks == "2" ? 2 : blocks == "4" ? 4 : 0;
}

// In clusters of at most so many blocks, as many as fit on the device.
template <class Format>
void search_by_warpgroups(const SearchParams& params, int blocks, void* stream) {
  if (blocks >= 4 && launch_search<WarpgroupSearch<Format, 4>>(params, stream)) return;
  if (blocks >= 2 && launch_search<WarpgroupSearch<Format, 2>>(params, stream)) return;
  launch_search<WarpgroupSearch<Format, 1>>(params, stream);
}

template void search_by_warpgroups<Bfloat16>(const SearchParams&, int, void*);
template void search_by_warpgroups<Float16>(const SearchParams&, int, void*);
template void search_by_warpgroups<Int8>(const SearchParams&, int, void*);

}  // namespace musc2::cuda
