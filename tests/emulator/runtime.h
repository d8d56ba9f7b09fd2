#pragma once
// The part of the CUDA runtime that csrc/cuda calls. The emulated machine has one GPU of compute
// capability 9.0 with two multiprocessors. A call that would fail on a GPU throws an Error instead
// of returning a status.
#include <cstddef>
#include <type_traits>

#include "emulator/scheduler.h"

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

template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int) {
  return cudaSuccess;  // a launch checks the size by itself
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
  ::musc2::emulation::run(
      {configuration->gridDim, configuration->blockDim, cluster, configuration->dynamicSmemBytes},
      [&] { kernel(arguments...); });
  return cudaSuccess;
}

template <class Kernel>
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, Kernel*, const cudaLaunchConfig_t*) {
  *clusters = 2;
  return cudaSuccess;
}
