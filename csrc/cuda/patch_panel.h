#pragma once
// The work of one launch of nearest_patches: some samples against some samples, in tiles of 128 x 128 patches. Tiles
// are cut from the rows of all samples in a row, so they span borders between samples wherever those fall.
#include "cuda/patch_tiles.h"

namespace musc2::cuda {

constexpr Key nothing_found = ~Key{0};

// The samples of one side of a panel. Patches are numbered through all of them.
struct Side {
  Matrix searched;  // their patches as the search sees them
  const float* norms;
  const void* features;  // their patches as given
  int length, samples;   // patches of a sample, and samples
  int64_t first;         // the panel's first sample among all samples of this side
  // [other samples][patches]: distance^2 and number of the nearest patch so far, as a key; nothing_found between
  // panels. Null when nobody asks for this side's nearest.
  Key* nearest;
  unsigned* searched_tiles;  // [tiles of this side][other samples]: how many tiles have been searched; 0 between panels

  __host__ __device__ int patches() const { return length * samples; }
  __host__ __device__ int tiles() const { return (patches() + TileShape::lines - 1) / TileShape::lines; }
  __device__ int first_patch(int tile) const { return tile * TileShape::lines; }
  __device__ int end_patch(int tile) const { return min(patches(), first_patch(tile) + TileShape::lines); }
  __device__ int first_sample(int tile) const { return first_patch(tile) / length; }
  __device__ int last_sample(int tile) const { return (end_patch(tile) - 1) / length; }

  // How many tiles a sample lies in.
  __device__ int tiles_of(int sample) const {
    return ((sample + 1) * length - 1) / TileShape::lines - sample * length / TileShape::lines + 1;
  }
};

// A tile of the product: the numbers of the tiles of either side.
struct Place {
  int left, right;
};

struct Panel {
  Side left, right;
  bool same;  // both sides are the same samples: only pairs whose left sample comes first are searched
  bool wide;  // features are float32; else they are in the format that is searched
  int channels;
  float* distance;  // (patches of all samples, others)
  int32_t* index;
  int64_t others;
  int band;  // left tiles of a band, see Walk

  // Whether patches of sample `own` ask for their nearest in sample `other`, both numbered in this panel. A side's
  // samples come before (left) or after (right) the other's when both are the same.
  template <bool right_asks>
  __device__ bool asks(int own, int other) const {
    return !same || (right_asks ? other < own : own < other);
  }

  // Whether there is such a tile, with patches that ask.
  __device__ bool wants(Place at) const {
    if (at.left >= left.tiles() || at.right >= right.tiles()) return false;
    return !same || (at.left <= at.right && left.first_sample(at.left) < right.last_sample(at.right));
  }
};

// The tiles that a block searches: through bands of at most 16 left tiles, column by column, each block taking its
// turn, with `across` tiles side by side at a time, of which the last one, or the first, may not be wanted. Blocks that
// work at the same time then share rows of both sides, and what has been searched is measured while it is in the cache.
// The tiles that a block passes over, because they hold no pair of different samples, are spread evenly.
template <int across>
class Walk {
 public:
  __device__ explicit Walk(const Panel& panel) : panel_(panel), inside_(static_cast<int>(blockIdx.x)) { settle(); }

  __device__ bool is_over() const { return first_ >= panel_.left.tiles(); }
  __device__ Place place() const { return {first_ + inside_ % panel_.band, inside_ / panel_.band * across}; }

  __device__ void advance() {
    inside_ += static_cast<int>(gridDim.x);
    settle();
  }

 private:
  __device__ void settle() {
    const int of_band = panel_.band * ((panel_.right.tiles() + across - 1) / across);
    while (true) {
      for (; inside_ >= of_band; inside_ -= of_band) first_ += panel_.band;
      if (is_over() || is_wanted()) return;
      inside_ += static_cast<int>(gridDim.x);
    }
  }

  // Where a tile is wanted, so are those to its right.
  __device__ bool is_wanted() const {
    const Place at = place();
    return panel_.wants({at.left, min(at.right + across, panel_.right.tiles()) - 1});
  }

  const Panel& panel_;
  int first_ = 0, inside_;  // the band's first left tile, and the number of the tile in the band
};

}  // namespace musc2::cuda
