#pragma once
// Clusters: up to eight blocks that run at the same time and can access each other's shared memory.
// GPUs older than compute capability 9.0 have none; there each block is a cluster of its own.
#include "cuda/device.h"

namespace musc2::cuda {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
class Cluster {
 public:
  __device__ int blocks() const { return blocks_; }
  __device__ int rank() const {
    return static_cast<int>(cooperative_groups::this_cluster().block_rank());
  }

  // The corresponding address in the shared memory of the block with this rank.
  template <class Value>
  __device__ Value* in_block(Value* address, int rank) const {
    if (blocks_ == 1) return address;
    return cooperative_groups::this_cluster().map_shared_rank(address, rank);
  }

  __device__ void barrier() const {
    if (blocks_ == 1) {
      __syncthreads();
    } else {
      cooperative_groups::this_cluster().sync();
    }
  }

 private:
  int blocks_ = static_cast<int>(cooperative_groups::this_cluster().num_blocks());
};
#else
class Cluster {
 public:
  __device__ int blocks() const { return 1; }
  __device__ int rank() const { return 0; }
  template <class Value>
  __device__ Value* in_block(Value* address, int) const {
    return address;
  }
  __device__ void barrier() const { __syncthreads(); }
};
#endif

// The most blocks that a cluster may have on the current device, up to `limit`.
inline int largest_cluster(int limit) {
  int device = 0, available = 0;
  check(cudaGetDevice(&device), "largest_cluster");
  check(cudaDeviceGetAttribute(&available, cudaDevAttrClusterLaunch, device), "largest_cluster");
  return available != 0 ? limit : 1;
}

}  // namespace musc2::cuda
