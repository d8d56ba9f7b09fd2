#pragma once
// What a search leaves to do: as soon as all tiles that a row (or column) of tiles has in common with a batch of
// samples are searched, the warps of the block that searched the last of them that have no part in the products measure
// the distances to the patches found, in float32, from the features as given. They were searched moments ago, so both
// are in the L2 cache.
#include <cstring>

#include "cuda/formats.h"
#include "cuda/patch_panel.h"

namespace musc2::cuda {

constexpr int patches_at_once = warp_lanes / batch_samples;

// Adds to `sums` this lane's part of |a - b|^2 of a row with each of some rows, which are `count` pieces long.
template <class Feature, class Piece>
__device__ void add_distances(const Piece* row, const Piece* const (&others)[batch_samples], int count,
                              float (&sums)[batch_samples]) {
  constexpr int depth = 3, values = sizeof(Piece) / sizeof(typename Feature::Stored);
  for (int first = TileShape::lane(); first < count; first += depth * warp_lanes) {
    Piece own[depth], found[batch_samples][depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      const int at = min(first + k * warp_lanes, count - 1);
      own[k] = __ldg(row + at);
#pragma unroll
      for (int s = 0; s < batch_samples; ++s) found[s][k] = __ldg(others[s] + at);
    }
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      const bool there = first + k * warp_lanes < count;  // not a branch: the compiler would load behind it
      typename Feature::Stored a[values], b[values];
      std::memcpy(a, &own[k], sizeof(Piece));
#pragma unroll
      for (int s = 0; s < batch_samples; ++s) {
        std::memcpy(b, &found[s][k], sizeof(Piece));
        float sum = sums[s];
#pragma unroll
        for (int i = 0; i < values; ++i) {
          const float apart = Feature::widen(a[i]) - Feature::widen(b[i]);
          sum = fmaf(apart, apart, sum);
        }
        sums[s] = there ? sum : sums[s];
      }
    }
  }
}

// |a - b|^2 of rows of the features: the lane s + 4 p gets that of row first + p of `a`, p < 8, with its own row
// `found` of `b`. Lanes that want none have -1. The same for (a, b) and (b, a).
template <class Feature, class Piece>
__device__ float distances2(const void* a, int64_t first, const void* b, int64_t found, int channels) {
  const auto* from_a = static_cast<const Piece*>(a);
  const auto* from_b = static_cast<const Piece*>(b);
  const int count = static_cast<int>(channels * sizeof(typename Feature::Stored) / sizeof(Piece));
  const unsigned wanted = __ballot_sync(whole_warp, found >= 0);
  float distance2 = 0;
  for (int p = 0; p < patches_at_once; ++p) {
    const int lane = p * batch_samples;
    if ((wanted >> lane & ((1u << batch_samples) - 1)) == 0) continue;
    const Piece* const row = from_a + (first + p) * count;
    const Piece* others[batch_samples];
#pragma unroll
    for (int s = 0; s < batch_samples; ++s) {
      const int64_t other = __shfl_sync(whole_warp, found, lane + s);
      others[s] = other < 0 ? row : from_b + other * count;
    }
    float sums[batch_samples] = {};
    add_distances<Feature>(row, others, count, sums);
#pragma unroll
    for (int s = 0; s < batch_samples; ++s) {
      const float sum = over_warp(sums[s], Sum{});
      if (TileShape::lane() == lane + s) distance2 = sum;
    }
  }
  return distance2;
}

template <class Feature>
__device__ float distances2(const Panel& panel, const Side& own, int64_t first, const Side& other, int64_t found) {
  return panel.whole ? distances2<Feature, uint4>(own.features, first, other.features, found, panel.channels)
                     : distances2<Feature, typename Feature::Stored>(own.features, first, other.features, found,
                                                                     panel.channels);
}

// Writes the results of a tile's patches of side `own` against a batch of side `other`, and clears their keys, as the
// `worker`-th of the warps that share the work.
template <class Format, bool right_asks>
__device__ void measure(const Panel& panel, const Side& own, int tile, const Side& other, int batch, int worker,
                        int workers) {
  const int lane = TileShape::lane(), sample = batch * batch_samples + lane % batch_samples;
  for (int part = worker; part < TileShape::lines / patches_at_once; part += workers) {
    const int first = own.first_patch(tile) + part * patches_at_once, patch = first + lane / batch_samples;
    const bool asked = patch < own.patches() && sample < other.samples && panel.asks<right_asks>(own, patch, sample);
    unsigned number = 0;
    int64_t found = -1;
    if (asked) {
      Key& key = own.nearest[static_cast<int64_t>(sample) * own.patches() + patch];
      number = index_of(__ldcg(&key));  // other blocks wrote it: the L1 cache may hold an older one
      key = nothing_found;
      found = static_cast<int64_t>(sample) * other.length + number;
    }
    if (panel.distance == nullptr) continue;
    const float distance2 = panel.wide ? distances2<Float32>(panel, own, first, other, found)
                                       : distances2<Format>(panel, own, first, other, found);
    if (!asked) continue;
    const int64_t place = (own.first * own.length + patch) * panel.others + other.first + sample;
    panel.distance[place] = sqrtf(distance2);
    if (panel.index != nullptr) panel.index[place] = static_cast<int32_t>(number);
  }
}

// Those samples of a batch of side `other` that patches of a tile of side `own` ask for.
template <bool right_asks>
__device__ Range asked_samples(const Panel& panel, const Side& own, int tile, const Side& other, int batch) {
  Range samples{batch * batch_samples, min((batch + 1) * batch_samples, other.samples)};
  if (panel.same && right_asks) samples.end = min(samples.end, own.last_sample(tile));
  if (panel.same && !right_asks) samples.first = max(samples.first, own.first_sample(tile) + 1);
  return samples;
}

// Counts the product of two tiles as searched, if a batch that the first asks for lies in the second, and says whether
// that was the last of the tiles in which the batch lies.
template <bool right_asks>
__device__ bool count_searched(const Panel& panel, const Side& own, int tile, const Side& other, int other_tile,
                               int batch) {
  const Range samples = asked_samples<right_asks>(panel, own, tile, other, batch);
  if (samples.is_empty()) return false;
  const int first = samples.first * other.length / TileShape::lines;
  const int last = (samples.end * other.length - 1) / TileShape::lines;
  if (other_tile < first || other_tile > last) return false;
  unsigned& count = own.searched_tiles[tile * batches_of(other.samples) + batch];
  if (atomicAdd(&count, 1u) + 1 < static_cast<unsigned>(last - first + 1)) return false;
  count = 0;
  return true;
}

// What the search of `across` tiles side by side has completed: the batches of the right side that lie in
// each tile, then those of the left side, a bit for each from the tile's first batch on.
template <int across>
struct Completed {
  uint64_t batches[2 * across];

  static_assert(TileShape::lines / batch_samples < 64, "a tile of samples of one patch has more batches than bits");

  __device__ static int first_batch(const Side& side, int tile) { return side.first_sample(tile) / batch_samples; }

  // By one warp; says whether it is anything.
  __device__ bool count(const Panel& panel, Place at) {
    constexpr int kinds = 2 * across, lanes = warp_lanes / kinds;
    const int kind = TileShape::lane() / lanes;
    const bool right_asks = kind >= across;
    const Place tile{at.left, at.right + kind % across};
    const bool wanted = panel.wants(tile) && (!right_asks || panel.right.nearest != nullptr);
    const Side& other = right_asks ? panel.left : panel.right;
    const int other_tile = right_asks ? tile.left : tile.right;
    const int first = wanted ? first_batch(other, other_tile) : 0;
    const int in_tile = wanted ? other.last_sample(other_tile) / batch_samples - first + 1 : 0;
    uint64_t all = 0;
    for (int k = TileShape::lane() % lanes; __any_sync(whole_warp, k < in_tile); k += lanes) {
      bool complete = false;
      if (k < in_tile) {
        complete = right_asks ? count_searched<true>(panel, panel.right, tile.right, other, other_tile, first + k)
                              : count_searched<false>(panel, panel.left, tile.left, other, other_tile, first + k);
      }
      const unsigned votes = __ballot_sync(whole_warp, complete) >> kind * lanes & ((1u << lanes) - 1);
      all |= uint64_t{votes} << (k - TileShape::lane() % lanes);
    }
    if (TileShape::lane() % lanes == 0) batches[kind] = all;
    return __any_sync(whole_warp, all != 0);
  }

  // As the `worker`-th of `workers` warps.
  template <class Format>
  __device__ void measure(const Panel& panel, Place at, int worker, int workers) const {
    for (int k = 0; k < across; ++k) {
      measure_all<Format, false>(batches[k], panel, panel.left, at.left, panel.right, at.right + k, worker, workers);
      measure_all<Format, true>(batches[across + k], panel, panel.right, at.right + k, panel.left, at.left, worker,
                                workers);
    }
  }

 private:
  template <class Format, bool right_asks>
  __device__ static void measure_all(uint64_t complete, const Panel& panel, const Side& own, int tile,
                                     const Side& other, int other_tile, int worker, int workers) {
    for (; complete != 0; complete &= complete - 1) {
      const int batch = first_batch(other, other_tile) + __ffsll(static_cast<int64_t>(complete)) - 1;
      cuda::measure<Format, right_asks>(panel, own, tile, other, batch, worker, workers);
    }
  }
};

}  // namespace musc2::cuda
