#pragma once
// Clusters: up to eight blocks that run at the same time and can access each other's shared memory.
// GPUs older than compute capability 9.0 have none; there each block is a cluster of its own.
#include "cuda/device.h"

namespace musc2::cuda {

// Whether the compiler knows the instructions of Inbox.
#if defined(__CUDACC_VER_MAJOR__) && __CUDACC_VER_MAJOR__ < 13
constexpr bool has_inboxes = false;
#else
constexpr bool has_inboxes = true;
#endif

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

// What all blocks of a cluster tell each other in each of many steps, without a barrier: each of
// the `senders` sends 16 bytes to every block of the cluster, itself included, receives those of
// all, and does not send again before it has read them. Two turns of places are enough: a message
// of step s + 2 is sent after that of step s + 1 has come from all senders, which had read step s.
//
// The bytes of a step are announced before it: for two steps ahead by a thread that has received a
// step and whose warp has not sent the next one. After the last receive() nothing is on its way to
// a block any more, so that it may end.
template <int senders>
class Inbox {
 public:
  static constexpr int bytes = 2 * senders * static_cast<int>(sizeof(float4));

  // `places`: as many bytes of shared memory. To be followed by a barrier of the cluster.
  __device__ explicit Inbox(float4* places) : places_(places) {
    if (threadIdx.x != 0) return;
    for (int turn = 0; turn < 2; ++turn) init(barrier(turn), 1);
    hopper::fence_mbarrier_init();
    for (int turn = 0; turn < 2; ++turn) announce(turn);
  }

  __device__ void send(float4 message, int sender, int step, int rank) const {
    cuda::send(message, places_ + step % 2 * senders + sender, barrier(step % 2), rank);
  }

  // Waits for the messages of a step, and returns them.
  __device__ const float4* receive(int step) const {
    const int turn = step % 2;
    wait_for_messages(barrier(turn), static_cast<unsigned>(step / 2));
    if (threadIdx.x == 0) announce(turn);
    return places_ + turn * senders;
  }

 private:
  __device__ static Mbarrier& barrier(int turn) {
    __shared__ Mbarrier barriers[2];
    return barriers[turn];
  }
  __device__ static void announce(int turn) {
    hopper::arrive_expect_bytes(barrier(turn), bytes / 2);
  }

  float4* places_;
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

// Compiled, but never used.
template <int senders>
struct Inbox {
  static constexpr int bytes = 2 * senders * static_cast<int>(sizeof(float4));
  __device__ explicit Inbox(float4* places) : places_(places) {}
  __device__ void send(float4, int, int, int) const {}
  __device__ const float4* receive(int) const { return places_; }
  float4* places_;
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
