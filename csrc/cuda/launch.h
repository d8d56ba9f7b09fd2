#pragma once
// How kernels are launched: checked, on the caller's stream, without waiting for them.
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "cuda/platform.h"

namespace musc2::cuda {

struct Launch {
  const char* op;
  dim3 grid, block;
  int64_t shared_bytes;  // dynamic
  void* stream;
  unsigned cluster = 1;  // blocks along x that may read each other's shared memory; more needs compute 9.0
};

// Blocks for `items`, `each` to a block.
inline unsigned blocks_for(int64_t items, int64_t each) {
  const int64_t blocks = (items + each - 1) / each;
  if (blocks > std::numeric_limits<int32_t>::max()) throw std::runtime_error("more blocks than a grid holds");
  return static_cast<unsigned>(blocks);
}

inline void check(cudaError_t status, const char* op) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(op) + ": " + cudaGetErrorString(status));
}

// Of the current device.
inline unsigned multiprocessors() {
  int device = 0, count = 0;
  check(cudaGetDevice(&device), "multiprocessors");
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "multiprocessors");
  return static_cast<unsigned>(count);
}

// Bytes of shared memory that a block may have on the current device.
inline int64_t shared_memory_limit() {
  int device = 0, bytes = 0;
  check(cudaGetDevice(&device), "shared_memory_limit");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "shared_memory_limit");
  return bytes;
}

// The configuration that `how` describes, for as long as both live.
struct Configuration {
  cudaLaunchAttribute cluster{};
  cudaLaunchConfig_t of{};

  template <class... Parameters>
  Configuration(const Launch& how, void (*kernel)(Parameters...)) {
    constexpr int64_t without_asking = 48 << 10;
    if (how.shared_bytes > without_asking) {
      const auto most = cudaFuncAttributeMaxDynamicSharedMemorySize;
      check(cudaFuncSetAttribute(kernel, most, static_cast<int>(how.shared_bytes)), how.op);
    }
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim = {how.cluster, 1, 1};
    of.gridDim = how.grid;
    of.blockDim = how.block;
    of.dynamicSmemBytes = static_cast<size_t>(how.shared_bytes);
    of.stream = static_cast<cudaStream_t>(how.stream);
    of.attrs = &cluster;
    of.numAttrs = how.cluster > 1 ? 1 : 0;
  }
  Configuration(const Configuration&) = delete;
};

template <class... Parameters, class... Arguments>
void launch(const Launch& how, void (*kernel)(Parameters...), const Arguments&... arguments) {
  const Configuration configuration(how, kernel);
  check(cudaLaunchKernelEx(&configuration.of, kernel, static_cast<Parameters>(arguments)...), how.op);
}

// As many blocks as there are at a time when all multiprocessors take one, in whole clusters.
template <class... Parameters>
Launch fill_device(Launch how, void (*kernel)(Parameters...)) {
  how.grid = multiprocessors();
  if (how.cluster == 1) return how;
  how.grid = how.cluster;
  int clusters = 0;
  const Configuration one(how, kernel);
  check(cudaOccupancyMaxActiveClusters(&clusters, kernel, &one.of), how.op);
  if (clusters == 0) throw std::runtime_error(std::string(how.op) + ": no cluster of blocks fits on this device");
  how.grid = static_cast<unsigned>(clusters) * how.cluster;
  return how;
}

}  // namespace musc2::cuda

// MUSC2_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...) in the function that is named as the op. A
// kernel with several template arguments needs parentheses.
#define MUSC2_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  ::musc2::cuda::launch({__func__, grid, block, shared_bytes, stream}, kernel, __VA_ARGS__)
#define MUSC2_LAUNCH_CLUSTERS(kernel, cluster, grid, block, shared_bytes, stream, ...) \
  ::musc2::cuda::launch({__func__, grid, block, shared_bytes, stream, cluster}, kernel, __VA_ARGS__)
