#pragma once
// What a search leaves to do: as soon as all tiles that a row (or column) of tiles has in common with a sample are
// searched, the block that searched the last of them measures the distances to the patches found, from the features as
// given. They were searched moments ago, so both are in the L2 cache; and other blocks keep the matrix cores busy.
#include "cuda/patch_panel.h"
#include "cuda/row_distance.h"

namespace musc2::cuda {

// |a - b|^2 of two rows of the features, by row_distance().
template <class Feature>
__device__ float distance2_of_rows(const void* a, int64_t row_a, const void* b, int64_t row_b, int channels,
                                   bool there) {
  using Stored = typename Feature::Stored;
  return row_distance<Feature>(static_cast<const Stored*>(a) + row_a * channels,
                               static_cast<const Stored*>(b) + row_b * channels, there ? channels : 0);
}

// Writes the results of a tile's patches of side `own` against a sample of side `other`, and clears their keys.
template <class Format, bool right_asks>
__device__ void measure(const Panel& panel, const Side& own, int tile, const Side& other, int sample) {
  for (int line = static_cast<int>(threadIdx.x) / 8; line < TileShape::lines; line += TileShape::threads / 8) {
    const int patch = own.first_patch(tile) + line;
    const bool asked = patch < own.patches() && panel.asks<right_asks>(patch / own.length, sample);
    const bool first = threadIdx.x % 8 == 0;
    unsigned found = 0;
    if (asked && first) {
      Key& key = own.nearest[static_cast<int64_t>(sample) * own.patches() + patch];
      found = index_of(__ldcg(&key));  // other blocks wrote it: the L1 cache may hold an older one
      key = nothing_found;
    }
    found = __shfl_sync(whole_warp, found, 0, 8);
    const int64_t row = asked ? patch : 0, there = static_cast<int64_t>(sample) * other.length + found;
    const float distance2 =
        panel.wide ? distance2_of_rows<Float32>(own.features, row, other.features, there, panel.channels, asked)
                   : distance2_of_rows<Format>(own.features, row, other.features, there, panel.channels, asked);
    if (asked && first) {
      const int64_t place = (own.first * own.length + patch) * panel.others + other.first + sample;
      panel.distance[place] = sqrtf(distance2);
      if (panel.index != nullptr) panel.index[place] = static_cast<int32_t>(found);
    }
  }
}

// Counts this tile as searched for one of its samples of side `other`, and says whether it was the last.
template <bool right_asks>
__device__ bool count_searched(const Panel& panel, const Side& own, int tile, const Side& other, int sample) {
  const int own_sample = right_asks ? own.last_sample(tile) : own.first_sample(tile);
  if (!panel.asks<right_asks>(own_sample, sample)) return false;
  unsigned& count = own.searched_tiles[static_cast<int64_t>(tile) * other.samples + sample];
  if (atomicAdd(&count, 1u) + 1 < static_cast<unsigned>(other.tiles_of(sample))) return false;
  count = 0;
  __threadfence();
  return true;
}

// All threads of the block together, after reduce_tile(): measures what this tile completed.
template <class Format>
__device__ void measure_completed(const Panel& panel, Place at, bool (&complete)[2][TileShape::lines]) {
  const Side &left = panel.left, &right = panel.right;
  const int first_right = right.first_sample(at.right), first_left = left.first_sample(at.left);
  const int right_samples = right.last_sample(at.right) - first_right + 1;
  const int left_samples = right.nearest == nullptr ? 0 : left.last_sample(at.left) - first_left + 1;
  __threadfence();
  __syncthreads();
  const int k = static_cast<int>(threadIdx.x) % TileShape::lines;
  if (threadIdx.x < TileShape::lines) {
    complete[0][k] = k < right_samples && count_searched<false>(panel, left, at.left, right, first_right + k);
  } else {
    complete[1][k] = k < left_samples && count_searched<true>(panel, right, at.right, left, first_left + k);
  }
  __syncthreads();
  for (int i = 0; i < right_samples; ++i) {
    if (complete[0][i]) measure<Format, false>(panel, left, at.left, right, first_right + i);
  }
  for (int i = 0; i < left_samples; ++i) {
    if (complete[1][i]) measure<Format, true>(panel, right, at.right, left, first_left + i);
  }
}

}  // namespace musc2::cuda
