#include <algorithm>
#include <iterator>

#include "cuda/device.h"
#include "emulator/tests/mistakes.h"

namespace musc2::emulation {
namespace {

__device__ int own() { return static_cast<int>(threadIdx.x); }
__device__ int lane_of_own() { return own() % cuda::warp_lanes; }
__device__ int& mine(int* result) { return result[blockIdx.x * mistake_threads + threadIdx.x]; }

// Each thread takes what the opposite thread wrote, twice.
template <bool before_read, bool before_write>
__global__ void swap_with_opposite(int* result) {
  __shared__ int written[mistake_threads];
  int value = own();
  for (int round = 0; round < 2; ++round) {
    written[own()] = value;
    if (before_read) __syncthreads();
    value = written[mistake_threads - 1 - own()] + round;
    if (before_write) __syncthreads();
  }
  mine(result) = value;
}

template <bool with_barrier>
__global__ void swap_with_next_lane(int* result) {
  __shared__ int written[mistake_threads];
  written[own()] = own();
  if (with_barrier) __syncwarp();
  mine(result) = written[own() ^ 1];
}

__global__ void return_before_barrier(int* result) {
  if (own() == 7) return;
  __syncthreads();
  mine(result) = 0;
}

__global__ void wait_at_different_barriers(int* result) {
  if (own() < cuda::warp_lanes) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  mine(result) = 0;
}

__global__ void leave_lanes_out(int* result) {
  mine(result) = lane_of_own() < 16 ? __shfl_xor_sync(cuda::whole_warp, own(), 1) : 0;
}

__global__ void call_from_outside_the_mask(int* result) {
  mine(result) = __shfl_xor_sync(0x0000ffff, own(), 1);
}

__global__ void mix_operations(int* result) {
  mine(result) = lane_of_own() < 16 ? __shfl_xor_sync(cuda::whole_warp, own(), 1)
                                    : static_cast<int>(__ballot_sync(cuda::whole_warp, 1));
}

__global__ void read_an_absent_lane(int* result) {
  mine(result) = lane_of_own() < 16 ? __shfl_sync(0x0000ffff, own(), 20) : 0;
}

__global__ void read_unwritten_static(int* result) {
  __shared__ int written[mistake_threads];
  mine(result) = written[own()];
  written[own()] = 1;  // what the next block would read
}

template <int threads>
__global__ void read_unwritten_static_of_template(int* result) {
  __shared__ int written[threads];
  mine(result) = written[own()];
  written[own()] = 1;
}

__global__ void read_unwritten_dynamic(int* result) {
  MUSC2_DYNAMIC_SHARED(int, written);
  mine(result) = written[own()];
  written[own()] = 1;
}

__global__ void write_beyond_static(int* result) {
  __shared__ int written[mistake_threads];
  written[own() + result[0]] = 0;
  mine(result) = written[own()];
}

__global__ void write_beyond_dynamic(int* result) {
  MUSC2_DYNAMIC_SHARED(int, written);
  written[own() + 1] = 0;
  mine(result) = 0;
}

// Each thread takes what the same thread of the cluster's other block wrote.
template <bool before_read, bool before_end>
__global__ void swap_in_cluster(int* result) {
  __shared__ int written[mistake_threads];
  MUSC2_DYNAMIC_SHARED(int, dynamic);
  const auto cluster = cooperative_groups::this_cluster();
  written[own()] = dynamic[own()] = 100 * static_cast<int>(blockIdx.x) + own();
  if (before_read) cluster.sync();
  const unsigned other = 1 - cluster.block_rank();
  mine(result) = cluster.map_shared_rank(written, other)[own()] +
                 *cluster.map_shared_rank(dynamic + own(), other);
  if (before_end) cluster.sync();
}

__global__ void map_a_local_variable(int* result) {
  int local = own();
  mine(result) = *cooperative_groups::this_cluster().map_shared_rank(&local, 1 - blockIdx.x);
}

__global__ void leave_the_cluster(int* result) {
  if (blockIdx.x == 1) return;
  cooperative_groups::this_cluster().sync();
  mine(result) = 0;
}

// Each thread has its own mbarrier.
__device__ cuda::Mbarrier& initialized(int expected) {
  __shared__ cuda::Mbarrier barriers[mistake_threads];
  cuda::init(barriers[own()], expected);
  return barriers[own()];
}

__global__ void initialize_an_mbarrier_twice(int*) {
  initialized(1);
  initialized(1);
}

__global__ void arrive_without_initialization(int*) {
  __shared__ cuda::Mbarrier barrier;
  cuda::arrive(barrier);
}

__global__ void announce_twice(int*) {
  cuda::Mbarrier& barrier = initialized(2);
  cuda::hopper::arrive_expect_bytes(barrier, 16);
  cuda::hopper::arrive_expect_bytes(barrier, 16);
}

__global__ void arrive_while_copying(int*) {
  cuda::Mbarrier& barrier = initialized(1);
  cuda::hopper::arrive_expect_bytes(barrier, 16);
  cuda::arrive(barrier);
}

// A GPU tells phases apart only by whether their numbers are even.
__global__ void wait_for_the_phase_before_the_last(int*) {
  cuda::Mbarrier& barrier = initialized(1);
  cuda::arrive(barrier);
  cuda::arrive(barrier);
  cuda::wait(barrier, 0);
}

template <bool fenced, bool same_sums>
__global__ void multiply_by_warps(int*) {
  cuda::hopper::Sums sums[3] = {};
  const cuda::hopper::Descriptor operand = cuda::hopper::make_descriptor(0);
  if (fenced) cuda::hopper::fence_products();
  cuda::hopper::multiply_bfloat16(sums[0], sums[1], operand, operand);
  cuda::hopper::multiply_bfloat16(sums[0], sums[same_sums ? 1 : 2], operand, operand);
}

__global__ void do_nothing(int*) {}
__global__ void need_shared_memory() {}

struct Case {
  const char* name;
  void (*kernel)(int*);
  int64_t dynamic_bytes = 0;
  unsigned cluster = 1, threads = mistake_threads;
};

// Constant, because other variables here would count as shared memory (shared_memory.h).
constexpr Case cases[] = {
    {"swap with opposite", swap_with_opposite<true, true>},
    {"swap with opposite, no barrier before the read", swap_with_opposite<false, true>},
    {"swap with opposite, no barrier before the write", swap_with_opposite<true, false>},
    {"swap with next lane", swap_with_next_lane<true>},
    {"swap with next lane, no barrier", swap_with_next_lane<false>},
    {"return before barrier", return_before_barrier},
    {"wait at different barriers", wait_at_different_barriers},
    {"leave lanes out", leave_lanes_out},
    {"call from outside the mask", call_from_outside_the_mask},
    {"mix operations", mix_operations},
    {"read an absent lane", read_an_absent_lane},
    {"read unwritten static", read_unwritten_static},
    {"read unwritten static of template", read_unwritten_static_of_template<mistake_threads>},
    {"read unwritten dynamic", read_unwritten_dynamic, mistake_threads * sizeof(int)},
    {"write beyond static", write_beyond_static},
    {"write beyond dynamic", write_beyond_dynamic, mistake_threads * sizeof(int)},
    {"swap in cluster", swap_in_cluster<true, true>, mistake_threads * sizeof(int), mistake_blocks},
    {"swap in cluster, no barrier", swap_in_cluster<false, true>, mistake_threads * sizeof(int),
     mistake_blocks},
    {"end before the cluster", swap_in_cluster<true, false>, mistake_threads * sizeof(int),
     mistake_blocks},
    {"map a local variable", map_a_local_variable, 0, mistake_blocks},
    {"leave the cluster", leave_the_cluster, 0, mistake_blocks},
    {"initialize an mbarrier twice", initialize_an_mbarrier_twice},
    {"arrive without initialization", arrive_without_initialization},
    {"announce twice", announce_twice},
    {"arrive while copying", arrive_while_copying},
    {"wait for the phase before the last", wait_for_the_phase_before_the_last},
    {"multiply without fence", multiply_by_warps<false, true>},
    {"multiply into other sums", multiply_by_warps<true, false>},
    {"too much shared memory", do_nothing, 300 << 10},
    {"too many threads", do_nothing, 0, 1, 2048},
    {"a part of a cluster", do_nothing, 0, 3},
};

}  // namespace

void make_mistake(const std::string& name, int32_t* result) {
  const auto* const chosen = std::find_if(std::begin(cases), std::end(cases),
                                          [&](const Case& c) { return c.name == name; });
  if (chosen == std::end(cases)) throw std::invalid_argument("no kernel is called \"" + name + '"');
  MUSC2_LAUNCH_CLUSTERS(chosen->kernel, chosen->cluster, mistake_blocks, chosen->threads,
                        chosen->dynamic_bytes, nullptr, result);
}

void launch_unallowed(int64_t shared_bytes) {
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = configuration.blockDim = 1;
  configuration.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  cuda::check(cudaLaunchKernelEx(&configuration, need_shared_memory), "launch_unallowed");
}

}  // namespace musc2::emulation
