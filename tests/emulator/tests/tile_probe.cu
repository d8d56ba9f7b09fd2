#include "cuda/device.h"
#include "emulator/tests/tile_probe.h"

namespace musc2::cuda {
namespace {

constexpr int chunk_cells = 4, groups = 3;

__global__ void multiply(int64_t kind, const uint32_t* a, const uint32_t* b, float* sums) {
  const auto lane = threadIdx.x;
  const uint32_t left[4] = {a[lane * 4], a[lane * 4 + 1], a[lane * 4 + 2], a[lane * 4 + 3]};
  const uint32_t right[2] = {b[lane * 2], b[lane * 2 + 1]};
  tile::Sums held;
  for (unsigned i = 0; i < 4; ++i) held[i] = sums[lane * 4 + i];
  if (kind == 0) tile::multiply_tf32(held, left, right);
  if (kind == 1) tile::multiply_bfloat16(held, left, right);
  if (kind == 2) tile::multiply_float16(held, left, right);
  for (unsigned i = 0; i < 4; ++i) sums[lane * 4 + i] = held[i];
}

__global__ void load(const uint32_t* matrices, uint32_t* cells) {
  alignas(16) __shared__ uint32_t shared[warp_lanes * chunk_cells];
  for (unsigned i = threadIdx.x; i < warp_lanes * chunk_cells; i += warp_lanes)
    shared[i] = matrices[i];
  __syncthreads();
  const tile::Matrices read = tile::load_matrices(shared + threadIdx.x * chunk_cells);
  for (unsigned i = 0; i < 4; ++i) cells[threadIdx.x * 4 + i] = read.cells[i];
}

__global__ void copy(int64_t last, const uint32_t* cells, uint32_t* seen) {
  alignas(16) __shared__ uint32_t shared[warp_lanes][groups][chunk_cells];
  auto& own = shared[threadIdx.x];
  const uint32_t* from = cells + threadIdx.x * groups * chunk_cells;
  for (int group = 0; group < groups; ++group) {
    tile::copy_async(own[group], from + group * chunk_cells, group < groups - 1);
    tile::commit_copies();
  }
  if (last == 0) tile::wait_copies<0>();
  if (last == 1) tile::wait_copies<1>();
  if (last == 2) tile::wait_copies<2>();
  for (int i = 0; i < groups * chunk_cells; ++i) {
    seen[threadIdx.x * groups * chunk_cells + i] = own[i / chunk_cells][i % chunk_cells];
  }
  tile::wait_copies<0>();
}

__global__ void copy_twice(const uint32_t* cells) {
  alignas(16) __shared__ uint32_t shared[chunk_cells];
  if (threadIdx.x > 0) return;
  tile::copy_async(shared, cells, true);
  tile::commit_copies();
  tile::copy_async(shared, cells, true);
  tile::commit_copies();
  tile::wait_copies<0>();
}

}  // namespace

void probe_multiply(int64_t kind, const uint32_t* a, const uint32_t* b, float* sums) {
  MUSC2_LAUNCH(multiply, 1, warp_lanes, 0, nullptr, kind, a, b, sums);
}

void probe_load_matrices(const uint32_t* matrices, uint32_t* cells) {
  MUSC2_LAUNCH(load, 1, warp_lanes, 0, nullptr, matrices, cells);
}

void probe_copies(int64_t last, const uint32_t* cells, uint32_t* seen) {
  MUSC2_LAUNCH(copy, 1, warp_lanes, 0, nullptr, last, cells, seen);
}

void probe_copying_twice(const uint32_t* cells) {
  MUSC2_LAUNCH(copy_twice, 1, warp_lanes, 0, nullptr, cells);
}

}  // namespace musc2::cuda
