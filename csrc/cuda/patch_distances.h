#pragma once
// Exact distances. As soon as all tiles that a row (or column) of tiles shares with a batch of
// samples have been searched, the measuring warps of the block that searched the last of them
// measure the distances to the patches found, in float32, from the features as given. The search
// read both moments before, so they are in the L2 cache.
#include <cstring>

#include "cuda/formats.h"
#include "cuda/patch_panel.h"

namespace musc2::cuda {

constexpr int patches_at_once = warp_lanes / batch_samples;

// Adds this lane's share of |a - b|^2 to sums[s], for a row a and each of the rows b = others[s].
// Rows are `count` pieces long.
template <class Feature, class Piece>
__device__ void add_distances(const Piece* row, const Piece* const (&others)[batch_samples],
                              int count, float (&sums)[batch_samples]) {
  constexpr int depth = 3, values = sizeof(Piece) / sizeof(typename Feature::Stored);
  for (int first = TileShape::lane(); first < count; first += depth * warp_lanes) {
    Piece own[depth], theirs[batch_samples][depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      const int piece = min(first + k * warp_lanes, count - 1);
      own[k] = __ldg(row + piece);
#pragma unroll
      for (int s = 0; s < batch_samples; ++s) theirs[s][k] = __ldg(others[s] + piece);
    }
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      // Not a branch, because the compiler would load behind it.
      const bool in_bounds = first + k * warp_lanes < count;
      typename Feature::Stored a[values], b[values];
      std::memcpy(a, &own[k], sizeof(Piece));
#pragma unroll
      for (int s = 0; s < batch_samples; ++s) {
        std::memcpy(b, &theirs[s][k], sizeof(Piece));
        float sum = sums[s];
#pragma unroll
        for (int i = 0; i < values; ++i) {
          const float difference = Feature::widen(a[i]) - Feature::widen(b[i]);
          sum = fmaf(difference, difference, sum);
        }
        sums[s] = in_bounds ? sum : sums[s];
      }
    }
  }
}

// |a - b|^2 of rows of the features: lane s + 4 p gets that of row first + p of `a`, p < 8, with
// row `nearest` of `b`, which is the lane's own and -1 where it has none. The same for (a, b) and
// (b, a).
template <class Feature, class Piece>
__device__ float distances2(const void* a, int64_t first, const void* b, int64_t nearest,
                            int channels) {
  const auto* rows_a = static_cast<const Piece*>(a);
  const auto* rows_b = static_cast<const Piece*>(b);
  const int count = static_cast<int>(channels * sizeof(typename Feature::Stored) / sizeof(Piece));
  const unsigned active = __ballot_sync(whole_warp, nearest >= 0);
  float distance2 = 0;
  for (int p = 0; p < patches_at_once; ++p) {
    const int lane = p * batch_samples;
    if ((active >> lane & ((1u << batch_samples) - 1)) == 0) continue;
    const Piece* const row = rows_a + (first + p) * count;
    const Piece* others[batch_samples];
#pragma unroll
    for (int s = 0; s < batch_samples; ++s) {
      const int64_t other = __shfl_sync(whole_warp, nearest, lane + s);
      others[s] = other < 0 ? row : rows_b + other * count;
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
__device__ float distances2(const SearchParams& params, const Panel& own, int64_t first,
                            const Panel& other, int64_t nearest) {
  return params.whole ? distances2<Feature, uint4>(own.features, first, other.features, nearest,
                                                   params.channels)
                      : distances2<Feature, typename Feature::Stored>(
                            own.features, first, other.features, nearest, params.channels);
}

// Writes the results of a tile's patches of panel `own` against a batch of panel `other`, and
// resets their keys. The work is shared by `workers` warps.
template <class Format, bool from_right>
__device__ void measure_batch(const SearchParams& params, const Panel& own, int tile,
                              const Panel& other, int batch, int worker, int workers) {
  const int lane = TileShape::lane(), sample = batch * batch_samples + lane % batch_samples;
  for (int group = worker; group < TileShape::lines / patches_at_once; group += workers) {
    const int first = own.first_patch(tile) + group * patches_at_once;
    const int patch = first + lane / batch_samples;
    const bool is_query = patch < own.patches() && sample < other.samples &&
                          params.is_query<from_right>(own, patch, sample);
    unsigned number = 0;
    int64_t nearest = -1;
    if (is_query) {
      Key& key = own.nearest[static_cast<int64_t>(sample) * own.patches() + patch];
      // Other blocks wrote the key, and the L1 cache may hold an older one.
      number = index_of(__ldcg(&key));
      key = no_patch;
      nearest = static_cast<int64_t>(sample) * other.length + number;
    }
    if (params.distance == nullptr) continue;
    const float distance2 =
        params.wide ? distances2<Float32>(params, own, first, other, nearest)
                    : distances2<typename Format::Narrow>(params, own, first, other, nearest);
    if (!is_query) continue;
    const int64_t result = (own.first * own.length + patch) * params.others + other.first + sample;
    params.distance[result] = sqrtf(distance2);
    if (params.index != nullptr) params.index[result] = static_cast<int32_t>(number);
  }
}

// The samples of a batch of panel `other` for which a tile of panel `own` holds queries.
template <bool from_right>
__device__ Range queried_samples(const SearchParams& params, const Panel& own, int tile,
                                 const Panel& other, int batch) {
  Range samples{batch * batch_samples, min((batch + 1) * batch_samples, other.samples)};
  if (params.same && from_right) samples.end = min(samples.end, own.last_sample(tile));
  if (params.same && !from_right) samples.first = max(samples.first, own.first_sample(tile) + 1);
  return samples;
}

// Counts a tile of the product as searched, if it overlaps a batch that it holds queries for.
// Returns whether it was the last of the tiles that overlap the batch.
template <bool from_right>
__device__ bool count_searched(const SearchParams& params, const Panel& own, int tile,
                               const Panel& other, int other_tile, int batch) {
  const Range samples = queried_samples<from_right>(params, own, tile, other, batch);
  if (samples.is_empty()) return false;
  const int first = samples.first * other.length / TileShape::lines;
  const int last = (samples.end * other.length - 1) / TileShape::lines;
  if (other_tile < first || other_tile > last) return false;
  unsigned& count = own.searched_tiles[tile * batches_of(other.samples) + batch];
  if (atomicAdd(&count, 1u) + 1 < static_cast<unsigned>(last - first + 1)) return false;
  count = 0;
  return true;
}

// What the search of `across` tiles side by side has completed: for each tile the batches of the
// right panel that overlap it, then those of the left panel. A bit per batch, from the tile's first
// one on.
template <int across>
struct Completed {
  uint64_t batches[2 * across];

  static_assert(TileShape::lines / batch_samples < 64,
                "a tile of samples of one patch has more batches than bits");

  __device__ static int first_batch(const Panel& panel, int tile) {
    return panel.first_sample(tile) / batch_samples;
  }

  // Called by one warp. Returns whether anything has been completed.
  __device__ bool count(const SearchParams& params, Tile first_tile) {
    constexpr int kinds = 2 * across, lanes = warp_lanes / kinds;
    const int kind = TileShape::lane() / lanes;
    const bool from_right = kind >= across;
    const Tile tile{first_tile.left, first_tile.right + kind % across};
    const bool counts =
        params.is_searched(tile) && (!from_right || params.right.nearest != nullptr);
    const Panel& other = from_right ? params.left : params.right;
    const int other_tile = from_right ? tile.left : tile.right;
    const int first = counts ? first_batch(other, other_tile) : 0;
    const int in_tile = counts ? other.last_sample(other_tile) / batch_samples - first + 1 : 0;
    uint64_t all = 0;
    for (int k = TileShape::lane() % lanes; __any_sync(whole_warp, k < in_tile); k += lanes) {
      bool complete = false;
      if (k < in_tile) {
        complete = from_right ? count_searched<true>(params, params.right, tile.right, other,
                                                     other_tile, first + k)
                              : count_searched<false>(params, params.left, tile.left, other,
                                                      other_tile, first + k);
      }
      const unsigned votes =
          __ballot_sync(whole_warp, complete) >> kind * lanes & ((1u << lanes) - 1);
      all |= uint64_t{votes} << (k - TileShape::lane() % lanes);
    }
    if (TileShape::lane() % lanes == 0) batches[kind] = all;
    return __any_sync(whole_warp, all != 0);
  }

  // Called by each of `workers` warps.
  template <class Format>
  __device__ void measure(const SearchParams& params, Tile first, int worker, int workers) const {
    for (int k = 0; k < across; ++k) {
      measure_all<Format, false>(batches[k], params, params.left, first.left, params.right,
                                 first.right + k, worker, workers);
      measure_all<Format, true>(batches[across + k], params, params.right, first.right + k,
                                params.left, first.left, worker, workers);
    }
  }

 private:
  template <class Format, bool from_right>
  __device__ static void measure_all(uint64_t complete, const SearchParams& params,
                                     const Panel& own, int tile, const Panel& other, int other_tile,
                                     int worker, int workers) {
    for (; complete != 0; complete &= complete - 1) {
      const int batch =
          first_batch(other, other_tile) + __ffsll(static_cast<int64_t>(complete)) - 1;
      measure_batch<Format, from_right>(params, own, tile, other, batch, worker, workers);
    }
  }
};

}  // namespace musc2::cuda
