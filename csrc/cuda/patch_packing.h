#pragma once
// Kernels that prepare a search: center, round and pad features, compute their norms, clear scratch
// memory.
#include "cuda/formats.h"
#include "cuda/patch_tiles.h"

namespace musc2::cuda {

// The mean of every `stride`-th of `rows` rows. A block computes 32 channels.
static __global__ void average_rows(const float* features, int64_t rows, int64_t stride,
                                    int channels, float* mean) {
  __shared__ float sums[32][32];
  const int lane = static_cast<int>(threadIdx.x) % 32, group = static_cast<int>(threadIdx.x) / 32;
  const int channel = static_cast<int>(blockIdx.x) * 32 + lane;
  const int64_t count = (rows + stride - 1) / stride;
  float sum = 0;
  for (int64_t i = group; channel < channels && i < count; i += 32)
    sum += features[i * stride * channels + channel];
  sums[group][lane] = sum;
  __syncthreads();
  if (group > 0 || channel >= channels) return;
  for (int i = 1; i < 32; ++i) sum += sums[i][lane];
  mean[channel] = sum / static_cast<float>(count);
}

// A warp per row: packs its features minus `center` (unless null), rounded, with zeros up to
// `row_values`, and computes the squared norm of the result. Equal rows get equal norms. Without
// `packed` it computes only norms. Rows from `rows` on, up to `packed_rows`, are zeros without
// norms.
template <class Format, class Feature, class Packed>
__global__ void pack_rows(const typename Feature::Stored* features, int64_t rows,
                          int64_t packed_rows, int channels, const float* center,
                          typename Format::Stored* packed, int64_t row_values, float* norms) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
  if (row >= packed_rows) return;
  float norm = 0;
  for (int c = static_cast<int>(threadIdx.x) % 32; c < row_values; c += 32) {
    const bool in_bounds = row < rows && c < channels;
    float value = in_bounds ? Feature::widen(features[row * channels + c]) : 0;
    if (center != nullptr && in_bounds) value -= center[c];
    const auto rounded = Format::round(value);
    if (packed != nullptr) packed[Packed::offset(row, c, row_values)] = rounded;
    norm = fmaf(Format::widen(rounded), Format::widen(rounded), norm);
  }
  norm = over_warp(norm, Sum{});
  if (threadIdx.x % 32 == 0 && row < rows) norms[row] = norm;
}

// Sets all bits of the keys and zeroes the counts.
static __global__ void clear_scratch(Key* keys, int64_t key_count, unsigned* counts,
                                     int64_t count_count) {
  const int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = first; i < key_count; i += stride) keys[i] = ~Key{0};
  for (int64_t i = first; i < count_count; i += stride) counts[i] = 0;
}

// The results of each sample against itself: infinity and -1.
static __global__ void blank_diagonal(int64_t samples, int64_t patches, float* distance,
                                      int32_t* index) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row >= samples * patches) return;
  const int64_t result = row * samples + row / patches;
  distance[result] = infinity;
  if (index != nullptr) index[result] = -1;
}

}  // namespace musc2::cuda
