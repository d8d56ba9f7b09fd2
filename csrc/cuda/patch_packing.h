#pragma once
// Kernels that prepare a search: center, round and pad features, compute their norms, clear scratch
// memory.
#include "cuda/formats.h"
#include "cuda/patch_tiles.h"

namespace musc2::cuda {

// The mean of every `stride`-th of `rows` rows. A block computes 32 channels.
template <class Feature>
__global__ void average_rows(const typename Feature::Stored* features, int64_t rows, int64_t stride,
                             int channels, float* mean) {
  __shared__ float sums[32][32];
  const int lane = static_cast<int>(threadIdx.x) % 32, group = static_cast<int>(threadIdx.x) / 32;
  const int channel = static_cast<int>(blockIdx.x) * 32 + lane;
  const int64_t count = (rows + stride - 1) / stride;
  float sum = 0;
  for (int64_t i = group; channel < channels && i < count; i += 32)
    sum += Feature::widen(features[i * stride * channels + channel]);
  sums[group][lane] = sum;
  __syncthreads();
  if (group > 0 || channel >= channels) return;
  for (int i = 1; i < 32; ++i) sum += sums[i][lane];
  mean[channel] = sum / static_cast<float>(count);
}

// A channel of a row of features minus `center` (unless null): 0 outside of the row.
template <class Feature>
__device__ float centered(const typename Feature::Stored* row, int channel, int channels,
                          const float* center) {
  if (channel >= channels) return 0;
  const float value = Feature::widen(row[channel]);
  return center != nullptr ? value - center[channel] : value;
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
    const float value =
        row < rows ? centered<Feature>(features + row * channels, c, channels, center) : 0;
    const auto rounded = Format::round(value);
    if (packed != nullptr) {
      packed[Packed::template offset<typename Format::Stored>(row, c, row_values)] = rounded;
    }
    norm = fmaf(Format::widen(rounded), Format::widen(rounded), norm);
  }
  norm = over_warp(norm, Sum{});
  if (threadIdx.x % 32 == 0 && row < rows) norms[row] = norm;
}

// The nearest integer to `value` * `inverse`, ties away from zero; 0 for NaN.
__device__ inline int to_integer(float value, float inverse) {
  const float scaled = __fmul_rn(value, inverse);
  if (!(fabsf(scaled) <= Int8::largest + 0.5f)) return 0;
  return static_cast<int>(scaled + (scaled < 0 ? -0.5f : 0.5f));
}

// Likewise: packs integers, with a scale for each row. A row with a value that is not finite, or a
// norm beyond float32, has the scale 0 and is at an infinite distance from all others.
template <class Feature, class Packed>
__global__ void pack_integers(const typename Feature::Stored* features, int64_t rows,
                              int64_t packed_rows, int channels, const float* center,
                              Int8::Stored* packed, int64_t row_values, float* norms,
                              float* scales) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
  if (row >= packed_rows) return;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const typename Feature::Stored* const own = features + min(row, rows - 1) * channels;
  const int end = row < rows ? channels : 0;
  unsigned bits = 0;  // those of magnitudes sort as they do, infinity and NaN last
  for (int c = lane; c < end; c += 32) {
    bits = max(bits, __float_as_uint(fabsf(centered<Feature>(own, c, end, center))));
  }
  const float largest = __uint_as_float(over_warp(bits, Largest{}));
  // The inverse of a denormal number may be infinite: such a row is packed as zeros.
  const float inverse = largest > 1e-36f ? Int8::largest / largest : 0;
  constexpr int at_once = 4;
  int norm = 0;
  for (int first = lane * at_once; first < row_values; first += 32 * at_once) {
    unsigned cell = 0;
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      const int integer = to_integer(centered<Feature>(own, first + i, end, center), inverse);
      cell |= (static_cast<unsigned>(integer) & 0xff) << 8 * i;
      norm += integer * integer;
    }
    auto* const to = packed + Packed::template offset<Int8::Stored>(row, first, row_values);
    *reinterpret_cast<unsigned*>(to) = cell;
  }
  norm = over_warp(norm, Sum{});
  if (lane > 0 || row >= rows) return;
  const float scale = largest / Int8::largest;
  const float norm2 = scale * scale * static_cast<float>(norm);
  const bool is_finite = norm2 < infinity;
  norms[row] = is_finite ? norm2 : infinity;
  scales[row] = is_finite ? scale : 0;
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
