// Why apart from nearest_patches.cu: these instructions exist for sm_90a alone, and a GPU takes code for sm_90a only
// when it is one. docs/gpu.md has the model of it.
#include <cstdlib>
#include <string_view>

#include "cuda/patch_search.h"
#include "cuda/warpgroup_product.h"
#include "cuda/warpgroup_search.h"

namespace musc2::cuda {
namespace {

bool is_hopper() {
  int device = 0, major = 0, minor = 0;
  check(cudaGetDevice(&device), "nearest_patches");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "nearest_patches");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "nearest_patches");
  return major == 9 && minor == 0;
}

}  // namespace

int warpgroup_blocks() {
  // Not the default before a GPU has shown that the documentation was understood (tests/cuda).
  const char* const said = std::getenv("MUSC2_HOPPER");
  if (said == nullptr || !is_hopper()) return 0;
  const std::string_view blocks(said);
  return blocks == "1" ? 1 : blocks == "2" ? 2 : blocks == "4" ? 4 : 0;
}

namespace {

template <class Format>
void search(const Panel& panel, int blocks, void* stream) {
  const auto launch = blocks == 1   ? launch_search<WarpgroupSearch<Format, 1>>
                      : blocks == 2 ? launch_search<WarpgroupSearch<Format, 2>>
                                    : launch_search<WarpgroupSearch<Format, 4>>;
  launch(panel, stream);
}

}  // namespace

void search_by_warpgroups(const Panel& panel, bool half, int blocks, void* stream) {
  (half ? search<Float16> : search<Bfloat16>)(panel, blocks, stream);
}

}  // namespace musc2::cuda
