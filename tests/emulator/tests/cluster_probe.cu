#include "cuda/cluster.h"
#include "emulator/tests/cluster_probe.h"

namespace musc2::cuda {
namespace {

__global__ void send_to_cluster(int64_t announced, bool same_place, float4* seen) {
  __shared__ Mbarrier barrier;
  MUSC2_DYNAMIC_SHARED(float4, places);
  const Cluster cluster;
  const int thread = static_cast<int>(threadIdx.x), blocks = cluster.blocks(),
            rank = cluster.rank();
  if (thread == 0) {
    init(barrier, 1);
    hopper::fence_mbarrier_init();
    hopper::arrive_expect_bytes(barrier, static_cast<int>(announced));
  }
  cluster.barrier();
  const auto own = static_cast<float>(rank);
  if (thread < blocks)
    send({own, own, own, own}, places + (same_place ? 0 : rank), barrier, thread);
  cluster.barrier();
  seen += 2 * rank * blocks;
  if (thread < blocks) seen[thread] = places[thread];
  __syncthreads();  // the first thread to wait has the messages delivered
  wait_for_messages(barrier, 0);
  if (thread < blocks) seen[blocks + thread] = places[thread];
}

}  // namespace

void probe_messages(int64_t blocks, int64_t announced, bool same_place, float* seen) {
  const auto count = static_cast<unsigned>(blocks);
  MUSC2_LAUNCH_CLUSTERS(send_to_cluster, count, count, warp_lanes,
                        blocks * static_cast<int64_t>(sizeof(float4)), nullptr, announced,
                        same_place, reinterpret_cast<float4*>(seen));
}

}  // namespace musc2::cuda
