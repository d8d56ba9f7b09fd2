#include "cuda/device.h"
#include "cuda/devices.h"

namespace musc2::cuda {

// Asks the driver only for the compute capability, which creates no context and takes no GPU
// memory.
std::string why_not() {
  int count = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess)
    return cudaGetErrorString(status);
  for (int device = 0; device < count; ++device) {
    int major = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "why_not");
    if (major >= 8) return "";
  }
  return count == 0 ? "there is no GPU" : "the GPU is older than compute capability 8.0";
}

}  // namespace musc2::cuda
