#include "cuda/device.h"
#include "cuda/devices.h"

namespace musc2::cuda {

// Asks the driver for the compute capability alone, which makes no context and takes no memory on the GPU.
std::string why_not() {
  int count = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess) return cudaGetErrorString(status);
  for (int device = 0; device < count; ++device) {
    int major = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "why_not");
    if (major >= 8) return "";
  }
  return count == 0 ? "there is no GPU" : "the GPU is older than compute capability 8.0";
}

}  // namespace musc2::cuda
