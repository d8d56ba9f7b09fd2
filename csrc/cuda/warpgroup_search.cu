// Why apart from nearest_patches.cu: these instructions exist for sm_90a alone, and a GPU takes code for sm_90a only
// when it is one. docs/gpu.md has the model of it.
#include <cstdlib>
#include <string_view>

#include "cuda/patch_search.h"
#include "cuda/warpgroup_product.h"
#include "cuda/warpgroup_search.h"

namespace musc2::cuda {
namespace {

#ifdef MUSC2_EMULATE
bool is_hopper() { return true; }
#else
bool is_hopper() {
  int device = 0, major = 0, minor = 0;
  check(cudaGetDevice(&device), "nearest_patches");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "nearest_patches");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "nearest_patches");
  return major == 9 && minor == 0;
}
#endif

}  // namespace

bool has_warpgroups() {
  // Not the default before a GPU has shown that the documentation was understood (tests/cuda).
  const char* const said = std::getenv("MUSC2_HOPPER");
  return said != nullptr && std::string_view(said) == "1" && is_hopper();
}

void search_by_warpgroups(const Panel& panel, bool half, void* stream) {
  const auto search = half ? launch_search<WarpgroupProduct<Float16>> : launch_search<WarpgroupProduct<Bfloat16>>;
  search(panel, stream);
}

}  // namespace musc2::cuda
