#pragma once
// The part of the CUDA runtime that csrc/cuda calls. The emulated machine has one GPU of compute
// capability 9.0 with two multiprocessors. A call that would fail on a GPU throws an Error instead
// of returning a status.
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "emulator/scheduler.h"

namespace musc2::emulation {

// Dynamic shared memory that a kernel was allowed, in bytes.
struct Allowance {
  const void* kernel;
  int bytes;
};

void allow(const void* kernel, int bytes);
// Throws what a launch fails of that scheduler.h does not check.
void begin_launch(const void* kernel, unsigned cluster, size_t dynamic_bytes);

// For tests, since the process began: how many launches there were, and what was allowed.
int64_t launches();
std::vector<Allowance> allowances();

// Clusters of more blocks do not fit on the emulated GPU, as on a MIG slice.
unsigned largest_cluster();
void set_largest_cluster(unsigned blocks);

}  // namespace musc2::emulation

enum cudaError_t { cudaSuccess };
using cudaStream_t = struct CUstream_st*;

inline const char* cudaGetErrorString(cudaError_t) { return "no error"; }

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrMaxSharedMemoryPerBlockOptin,
  cudaDevAttrComputeCapabilityMajor,
  cudaDevAttrComputeCapabilityMinor,
  cudaDevAttrClusterLaunch,
};

inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  constexpr int multiprocessors = 2;
  constexpr int values[] = {multiprocessors,
                            static_cast<int>(::musc2::emulation::shared_memory_limit), 9, 0, 1};
  *value = values[attribute];
  return cudaSuccess;
}

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

inline cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int bytes) {
  ::musc2::emulation::allow(kernel, bytes);
  return cudaSuccess;  // a launch checks that a GPU has as much
}

enum cudaLaunchAttributeID { cudaLaunchAttributeClusterDimension };

struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    struct {
      unsigned x, y, z;
    } clusterDim;
  } val;
};

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* configuration,
                               void (*kernel)(Parameters...), Arguments... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...),
                "a kernel's arguments are copied as bytes");
  const unsigned cluster = configuration->numAttrs > 0 ? configuration->attrs->val.clusterDim.x : 1;
  ::musc2::emulation::begin_launch(reinterpret_cast<const void*>(kernel), cluster,
                                   configuration->dynamicSmemBytes);
  ::musc2::emulation::run(
      {configuration->gridDim, configuration->blockDim, cluster, configuration->dynamicSmemBytes},
      [&] { kernel(arguments...); });
  return cudaSuccess;
}

template <class Kernel>
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, Kernel*,
                                           const cudaLaunchConfig_t* configuration) {
  const unsigned blocks = configuration->attrs->val.clusterDim.x;
  *clusters = blocks <= ::musc2::emulation::largest_cluster() ? 2 : 0;
  return cudaSuccess;
}
