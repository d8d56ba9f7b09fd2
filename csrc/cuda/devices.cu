#include <map>
#include <mutex>
#include <utility>

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

void allow_shared_memory(const void* kernel, int64_t bytes, const char* op) {
  constexpr int64_t always_allowed = 48 << 10;
  if (bytes <= always_allowed) return;
  static std::mutex mutex;
  static std::map<std::pair<const void*, int>, int64_t> limits;
  int device = 0;
  check(cudaGetDevice(&device), op);
  const std::lock_guard<std::mutex> lock(mutex);
  int64_t& limit = limits[{kernel, device}];
  if (bytes <= limit) return;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(bytes)),
        op);
  limit = bytes;
}

}  // namespace musc2::cuda
