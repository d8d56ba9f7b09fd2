#pragma once
// How kernels are launched: checked, on the caller's stream, without waiting for them.
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "cuda/devices.h"
#include "cuda/platform.h"

namespace musc2::cuda {

struct Launch {
  const char* op;
  dim3 grid, block;
  int64_t shared_bytes;  // dynamic
  void* stream;
  unsigned cluster = 1;  // blocks along x that share memory; above 1 on compute 9.0 or newer only
};

// The number of blocks for `items`, with `each` per block.
inline unsigned blocks_for(int64_t items, int64_t each) {
  const int64_t blocks = (items + each - 1) / each;
  if (blocks > std::numeric_limits<int32_t>::max())
    throw std::runtime_error("more blocks than a grid holds");
  return static_cast<unsigned>(blocks);
}

inline void check(cudaError_t status, const char* op) {
  if (status != cudaSuccess)
    throw std::runtime_error(std::string(op) + ": " + cudaGetErrorString(status));
}

// Of the current device.
inline unsigned multiprocessors() {
  int device = 0, count = 0;
  check(cudaGetDevice(&device), "multiprocessors");
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "multiprocessors");
  return static_cast<unsigned>(count);
}

// The most bytes of shared memory that a block may have on the current device.
inline int64_t shared_memory_limit() {
  int device = 0, bytes = 0;
  check(cudaGetDevice(&device), "shared_memory_limit");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "shared_memory_limit");
  return bytes;
}

// The launch configuration in CUDA's form. Not copyable, because it points into itself.
struct Configuration {
  cudaLaunchAttribute cluster{};
  cudaLaunchConfig_t of{};

  template <class... Parameters>
  Configuration(const Launch& config, void (*kernel)(Parameters...)) {
    allow_shared_memory(reinterpret_cast<const void*>(kernel), config.shared_bytes, config.op);
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim = {config.cluster, 1, 1};
    of.gridDim = config.grid;
    of.blockDim = config.block;
    of.dynamicSmemBytes = static_cast<size_t>(config.shared_bytes);
    of.stream = static_cast<cudaStream_t>(config.stream);
    of.attrs = &cluster;
    of.numAttrs = config.cluster > 1 ? 1 : 0;
  }
  Configuration(const Configuration&) = delete;
};

template <class... Parameters, class... Arguments>
void launch(const Launch& config, void (*kernel)(Parameters...), const Arguments&... arguments) {
  const Configuration configuration(config, kernel);
  check(cudaLaunchKernelEx(&configuration.of, kernel, static_cast<Parameters>(arguments)...),
        config.op);
}

// How many clusters of this launch run at a time. None do where a MIG slice has too few
// multiprocessors in a row, or an MPS server keeps them for others.
template <class... Parameters>
unsigned clusters_that_fit(Launch config, void (*kernel)(Parameters...)) {
  config.grid = config.cluster;
  int clusters = 0;
  const Configuration one(config, kernel);
  check(cudaOccupancyMaxActiveClusters(&clusters, kernel, &one.of), config.op);
  return static_cast<unsigned>(clusters);
}

// Sets the grid to as many blocks as run at a time with one per multiprocessor, in whole clusters:
// to 0 where no cluster fits.
template <class... Parameters>
Launch fill_device(Launch config, void (*kernel)(Parameters...)) {
  config.grid =
      config.cluster == 1 ? multiprocessors() : clusters_that_fit(config, kernel) * config.cluster;
  return config;
}

}  // namespace musc2::cuda

// MUSC2_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...), called in the function
// that has the name of the op. A kernel with several template arguments needs parentheses.
#define MUSC2_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  ::musc2::cuda::launch({__func__, grid, block, shared_bytes, stream}, kernel, __VA_ARGS__)
#define MUSC2_LAUNCH_CLUSTERS(kernel, cluster, grid, block, shared_bytes, stream, ...) \
  ::musc2::cuda::launch({__func__, grid, block, shared_bytes, stream, cluster}, kernel, __VA_ARGS__)
