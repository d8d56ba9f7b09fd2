#pragma once
// The work of one launch of nearest_patches: some samples against some samples, in tiles of 128 x 128 patches. Tiles
// are cut from the rows of all samples in a row, so they span borders between samples wherever those fall.
#include "cuda/patch_tiles.h"

namespace musc2::cuda {

constexpr Key nothing_found = ~Key{0};

// Patches, or samples, of a side: from `first` to before `end`.
struct Range {
  int first, end;

  __device__ bool is_empty() const { return first >= end; }
};

// Samples from a multiple of this on are measured together, see patch_distances.h.
constexpr int batch_samples = 4;
__host__ __device__ constexpr int64_t batches_of(int64_t samples) {
  return (samples + batch_samples - 1) / batch_samples;
}

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
  // [tiles of this side][batches of the other]: how many of the tiles that they have in common have been searched; 0
  // between panels
  unsigned* searched_tiles;

  __host__ __device__ int patches() const { return length * samples; }
  __host__ __device__ int tiles() const { return (patches() + TileShape::lines - 1) / TileShape::lines; }
  __device__ int first_patch(int tile) const { return tile * TileShape::lines; }
  __device__ int end_patch(int tile) const { return min(patches(), first_patch(tile) + TileShape::lines); }
  __device__ int first_sample(int tile) const { return first_patch(tile) / length; }
  __device__ int last_sample(int tile) const { return (end_patch(tile) - 1) / length; }

  __device__ Range patches_from(int first_line, int lines) const {
    return {first_line, min(patches(), first_line + lines)};
  }
};

// A tile of the product: the numbers of the tiles of either side.
struct Place {
  int left, right;
};

struct Panel {
  Side left, right;
  bool same;   // both sides are the same samples: only pairs whose left sample comes first are searched
  bool wide;   // features are float32; else they are in the format that is searched
  bool whole;  // rows of the features are whole 16 bytes, from multiples of 16 bytes on
  int channels;
  float* distance;  // (patches of all samples, others)
  int32_t* index;
  int64_t others;
  int band;  // places of a band, see Walk

  // Whether a patch of side `own` asks for its nearest in a sample of the other side. When both are the same, a side's
  // samples come before (left) or after (right) those that it asks.
  template <bool right_asks>
  __device__ bool asks(const Side& own, int patch, int sample) const {
    return !same || (right_asks ? patch >= (sample + 1) * own.length : patch < sample * own.length);
  }

  // Whether there is such a tile, with patches that ask.
  __device__ bool wants(Place at) const {
    if (at.left >= left.tiles() || at.right >= right.tiles()) return false;
    return !same || (at.left <= at.right && left.first_sample(at.left) < right.last_sample(at.right));
  }
};

// The tiles that a block, or a cluster of blocks, searches: through bands of at most `panel.band` places, column by
// column, each taking its turn, `down` by `across` tiles at a time, of which some may not be wanted. Blocks that work
// at the same time then share rows of both sides, and what has been searched is measured while it is in the cache. The
// places that are passed over, because they hold no pair of different samples, are spread evenly.
template <int down, int across>
class Walk {
 public:
  // As the `number`-th of `all`.
  __device__ Walk(const Panel& panel, unsigned number, unsigned all)
      : panel_(panel), inside_(static_cast<int>(number)), all_(static_cast<int>(all)) {
    settle();
  }

  __device__ bool is_over() const { return first_ * down >= panel_.left.tiles(); }

  // The first of the tiles there.
  __device__ Place place() const { return {(first_ + inside_ % panel_.band) * down, inside_ / panel_.band * across}; }

  __device__ void advance() {
    inside_ += all_;
    settle();
  }

 private:
  __device__ void settle() {
    const int of_band = panel_.band * ((panel_.right.tiles() + across - 1) / across);
    while (true) {
      for (; inside_ >= of_band; inside_ -= of_band) first_ += panel_.band;
      if (is_over() || is_wanted()) return;
      inside_ += all_;
    }
  }

  // Where a tile is wanted, so are those to its right and those above it.
  __device__ bool is_wanted() const {
    const Place at = place();
    return panel_.wants({at.left, min(at.right + across, panel_.right.tiles()) - 1});
  }

  const Panel& panel_;
  int first_ = 0, inside_, all_;  // the band's first place from the top, and the number of the place in the band
};

}  // namespace musc2::cuda
