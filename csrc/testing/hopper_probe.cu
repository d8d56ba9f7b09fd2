#include "cuda/hopper.h"
#include "testing/hopper_probe.h"

namespace musc2::cuda {
namespace {

constexpr int warpgroup = 128, copied = 32, cells_seen = 16;

__global__ void multiply(int64_t kind, const uint16_t* left, const uint16_t* right, int64_t step, bool add,
                         bool unwaited, int64_t shift, float* sums) {
  MUSC2_DYNAMIC_SHARED(unsigned char, shared);
  constexpr int left_values = hopper::left_rows * hopper::row_values;
  constexpr int right_values = hopper::right_rows * hopper::row_values;
  auto* const sides = reinterpret_cast<uint16_t*>(shared);
  for (int i = static_cast<int>(threadIdx.x); i < left_values + right_values; i += warpgroup) {
    sides[i] = i < left_values ? left[i] : right[i - left_values];
  }
  __syncthreads();
  hopper::Sums first, second;
  float* const own = sums + threadIdx.x * 128;
  for (int i = 0; i < 64; ++i) first[i] = own[i], second[i] = own[64 + i];
  const auto rows = [&](const uint16_t* side) {
    return hopper::describe_rows(hopper::shared_address(side) + static_cast<uint32_t>(shift)) +
           static_cast<hopper::Rows>(step) * hopper::along;
  };
  hopper::begin_products();
  if (kind == 1) hopper::multiply_bfloat16(first, second, rows(sides), rows(sides + left_values), add);
  if (kind == 2) hopper::multiply_float16(first, second, rows(sides), rows(sides + left_values), add);
  hopper::end_products();
  if (!unwaited) hopper::wait_products<0>();
  for (int i = 0; i < 64; ++i) own[i] = first[i], own[64 + i] = second[i];
  hopper::wait_products<0>();
}

__global__ void arrive(int64_t copies, int64_t announced, int64_t apart, const uint32_t* cells, uint32_t* seen) {
  alignas(16) __shared__ uint32_t shared[cells_seen];
  __shared__ hopper::Arrival arrival;
  if (threadIdx.x == 0) {
    for (uint32_t& cell : shared) cell = 0;
    hopper::begin_arrivals(arrival);
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    hopper::announce(arrival, static_cast<int>(announced));
    for (int64_t i = 0; i < copies; ++i) hopper::copy(shared + i * apart / 4, cells + i * 8, copied, arrival);
  }
  __syncthreads();
  if (threadIdx.x < cells_seen) seen[threadIdx.x] = shared[threadIdx.x];
  __syncthreads();  // the first to wait has the copies made
  hopper::await(arrival, 0);
  if (threadIdx.x < cells_seen) seen[cells_seen + threadIdx.x] = shared[threadIdx.x];
}

}  // namespace

void probe_warpgroup(int64_t kind, const uint16_t* left, const uint16_t* right, int64_t step, bool add, bool unwaited,
                     int64_t shift, float* sums) {
  constexpr int bytes = (hopper::left_rows + hopper::right_rows) * hopper::row_bytes;
  MUSC2_LAUNCH(multiply, 1, warpgroup, bytes, nullptr, kind, left, right, step, add, unwaited, shift, sums);
}

void probe_arrivals(int64_t copies, int64_t announced, int64_t apart, const uint32_t* cells, uint32_t* seen) {
  MUSC2_LAUNCH(arrive, 1, warpgroup, 0, nullptr, copies, announced, apart, cells, seen);
}

}  // namespace musc2::cuda
