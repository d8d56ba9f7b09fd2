#include <type_traits>

#include "cuda/device.h"
#include "emulator/tests/hopper_probe.h"

namespace musc2::cuda {
namespace {

constexpr int warpgroup = 128, copied = 32, cells_seen = 16;

template <class Sum>
__global__ void multiply(int64_t kind, const unsigned char* left, const unsigned char* right,
                         int64_t step, bool unwaited, int64_t shift, Sum* sums) {
  MUSC2_DYNAMIC_SHARED(unsigned char, operands);
  constexpr int left_bytes = hopper::left_rows * hopper::row_bytes;
  constexpr int right_bytes = hopper::right_rows * hopper::row_bytes;
  for (int i = static_cast<int>(threadIdx.x); i < left_bytes + right_bytes; i += warpgroup) {
    operands[i] = i < left_bytes ? left[i] : right[i - left_bytes];
  }
  __syncthreads();
  Sum first[64], second[64];
  Sum* const own = sums + threadIdx.x * 128;
  for (int i = 0; i < 64; ++i) first[i] = own[i], second[i] = own[64 + i];
  const auto rows = [&](const unsigned char* operand) {
    return hopper::make_descriptor(shared_address(operand) + static_cast<uint32_t>(shift)) +
           static_cast<hopper::Descriptor>(step) * hopper::next_channels;
  };
  hopper::fence_products();
  if constexpr (std::is_same_v<Sum, int32_t>) {
    hopper::multiply_int8(first, second, rows(operands), rows(operands + left_bytes));
  } else if (kind == 1) {
    hopper::multiply_bfloat16(first, second, rows(operands), rows(operands + left_bytes));
  } else {
    hopper::multiply_float16(first, second, rows(operands), rows(operands + left_bytes));
  }
  hopper::commit_products();
  if (unwaited) {
    hopper::wait_products<1>();
  } else {
    hopper::wait_products<0>();
  }
  for (int i = 0; i < 64; ++i) own[i] = first[i], own[64 + i] = second[i];
  hopper::wait_products<0>();
}

__global__ void copy_and_wait(int64_t copies, int64_t announced, int64_t apart,
                              const uint32_t* cells, uint32_t* seen) {
  alignas(16) __shared__ uint32_t shared[cells_seen];
  __shared__ Mbarrier barrier;
  if (threadIdx.x == 0) {
    for (uint32_t& cell : shared) cell = 0;
    init(barrier, 1);
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    hopper::arrive_expect_bytes(barrier, static_cast<int>(announced));
    for (int64_t i = 0; i < copies; ++i)
      hopper::bulk_copy(shared + i * apart / 4, cells + i * 8, copied, barrier);
  }
  __syncthreads();
  if (threadIdx.x < cells_seen) seen[threadIdx.x] = shared[threadIdx.x];
  __syncthreads();  // the first thread to wait makes the copies
  wait(barrier, 0);
  if (threadIdx.x < cells_seen) seen[cells_seen + threadIdx.x] = shared[threadIdx.x];
}

__global__ void copy_to_cluster(int blocks, int announced, bool all_arrive, const uint32_t* cells,
                                uint32_t* seen) {
  MUSC2_DYNAMIC_SHARED(uint32_t, shared);
  __shared__ Mbarrier full, empty;
  const int rank = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  if (thread == 0) {
    init(full, 1);
    init(empty, blocks);
    hopper::fence_mbarrier_init();
  }
  cooperative_groups::this_cluster().sync();
  constexpr int share = copied / 4;
  if (thread == 0) {
    hopper::arrive_expect_bytes(full, announced);
    hopper::bulk_copy_multicast(shared + rank * share, cells + rank * share, copied, full, blocks);
  }
  wait(full, 0);
  for (int i = thread; i < blocks * share; i += warp_lanes)
    seen[rank * blocks * share + i] = shared[i];
  __syncwarp();
  if (thread < blocks && (all_arrive || rank < blocks - 1)) hopper::arrive(empty, thread);
  wait(empty, 0);
  cooperative_groups::this_cluster().sync();
}

template <int taken, int left>
__global__ void change_registers() {
  if (threadIdx.x < 2 * warpgroup) {
    hopper::increase_registers<taken>();
  } else {
    hopper::decrease_registers<left>();
  }
}

__global__ void meet_in_groups(int waiting, uint32_t* seen) {
  constexpr unsigned group_threads = 64;
  __shared__ uint32_t numbers[2 * group_threads];
  const unsigned group = threadIdx.x / group_threads, in_group = threadIdx.x % group_threads;
  numbers[threadIdx.x] = threadIdx.x;
  if (group == 0 || static_cast<int>(in_group) < waiting)
    named_barrier<group_threads>(static_cast<int>(group) + 1);
  seen[threadIdx.x] = numbers[group * group_threads + (in_group + 1) % group_threads];
}

}  // namespace

void probe_warpgroup(int64_t kind, const void* left, const void* right, int64_t step, bool unwaited,
                     int64_t shift, void* sums) {
  constexpr int bytes = (hopper::left_rows + hopper::right_rows) * hopper::row_bytes;
  const auto* const left_rows = static_cast<const unsigned char*>(left);
  const auto* const right_rows = static_cast<const unsigned char*>(right);
  if (kind == 3) {
    MUSC2_LAUNCH(multiply<int32_t>, 1, warpgroup, bytes, nullptr, kind, left_rows, right_rows, step,
                 unwaited, shift, static_cast<int32_t*>(sums));
  } else {
    MUSC2_LAUNCH(multiply<float>, 1, warpgroup, bytes, nullptr, kind, left_rows, right_rows, step,
                 unwaited, shift, static_cast<float*>(sums));
  }
}

void probe_arrivals(int64_t copies, int64_t announced, int64_t apart, const uint32_t* cells,
                    uint32_t* seen) {
  MUSC2_LAUNCH(copy_and_wait, 1, warpgroup, 0, nullptr, copies, announced, apart, cells, seen);
}

void probe_cluster(int64_t blocks, int64_t announced, bool all_arrive, const uint32_t* cells,
                   uint32_t* seen) {
  const auto count = static_cast<unsigned>(blocks);
  MUSC2_LAUNCH_CLUSTERS(copy_to_cluster, count, count, warp_lanes, blocks * copied, nullptr,
                        static_cast<int>(blocks), static_cast<int>(announced), all_arrive, cells,
                        seen);
}

void probe_registers(bool too_many) {
  launch({"probe_registers", 1, 3 * warpgroup, 0, nullptr},
         too_many ? change_registers<208, 96> : change_registers<192, 120>);
}

void probe_groups(int64_t waiting, uint32_t* seen) {
  MUSC2_LAUNCH(meet_in_groups, 1, warpgroup, 0, nullptr, static_cast<int>(waiting), seen);
}

}  // namespace musc2::cuda
