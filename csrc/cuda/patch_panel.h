#pragma once
// The parameters of a search: a panel of samples against another panel, in tiles of 128 x 128
// patches; and the order in which blocks take the tiles. A tile is cut from the rows of all samples
// of a panel, so it may span several samples.
#include "cuda/patch_tiles.h"

namespace musc2::cuda {

constexpr Key no_patch = ~Key{0};

// Patches, or samples, of a panel: from `first` to before `end`.
struct Range {
  int first, end;

  __device__ bool is_empty() const { return first >= end; }
};

// A batch is this many samples from a multiple of it on. Their distances are measured together, see
// patch_distances.h.
constexpr int batch_samples = 4;
__host__ __device__ constexpr int64_t batches_of(int64_t samples) {
  return (samples + batch_samples - 1) / batch_samples;
}

// Samples that are packed and searched together: one operand of the product. Patches are numbered
// through all samples.
struct Panel {
  Matrix searched;  // the patches as the search multiplies them
  const float* norms;
  const float* scales;   // of rows of integers; null in other formats
  const void* features;  // the patches as given
  int length, samples;   // patches per sample, and samples
  int64_t first;         // the panel's first sample among all samples of its input
  // [other samples][patches]: the key of the nearest patch so far, distance^2 and index; no_patch
  // between searches. Null when the results of this panel's patches are not wanted.
  Key* nearest;
  // [tiles of this panel][batches of the other]: how many of the tiles that they share have been
  // searched; 0 between searches.
  unsigned* searched_tiles;

  __host__ __device__ int patches() const { return length * samples; }
  __host__ __device__ int tiles() const {
    return (patches() + TileShape::lines - 1) / TileShape::lines;
  }
  __device__ int first_patch(int tile) const { return tile * TileShape::lines; }
  __device__ int end_patch(int tile) const {
    return min(patches(), first_patch(tile) + TileShape::lines);
  }
  __device__ int first_sample(int tile) const { return first_patch(tile) / length; }
  __device__ int last_sample(int tile) const { return (end_patch(tile) - 1) / length; }

  __device__ Range patches_from(int first_line, int lines) const {
    return {first_line, min(patches(), first_line + lines)};
  }
};

// A tile of the product: its row of tiles in the left panel and its column in the right one.
struct Tile {
  int left, right;
};

struct SearchParams {
  Panel left, right;
  bool same;   // the panels are equal: only pairs whose left sample comes first are searched
  bool wide;   // features are float32; otherwise they have the search's Format::Narrow
  bool whole;  // rows of the features are whole 16-byte chunks and start at multiples of 16 bytes
  int channels;
  float* distance;  // (patches of all samples, others)
  int32_t* index;
  int64_t others;
  int band;  // rows of the tile scheduler's grid that make a band

  // Whether a patch of panel `own` is a query for its nearest patch in a sample of the other panel.
  // In a search of a panel against itself, the samples that it is compared with come after (left)
  // or before (right) its own.
  template <bool from_right>
  __device__ bool is_query(const Panel& own, int patch, int sample) const {
    return !same || (from_right ? patch >= (sample + 1) * own.length : patch < sample * own.length);
  }

  // Whether the tile exists and holds queries.
  __device__ bool is_searched(Tile tile) const {
    if (tile.left >= left.tiles() || tile.right >= right.tiles()) return false;
    return !same || (tile.left <= tile.right &&
                     left.first_sample(tile.left) < right.last_sample(tile.right));
  }
};

// The tiles that a block, or a cluster of blocks, searches: `down` by `across` at a time, which
// makes a grid. Blocks take turns along the grid, through bands of at most `params.band` rows,
// column by column. So blocks that work at the same time share rows of both panels, and what has
// been searched is measured while it is in the cache. Positions without queries are skipped, which
// spreads the work evenly; a position may still contain single tiles without queries.
template <int down, int across>
class TileScheduler {
 public:
  // For worker `number` of `workers`.
  __device__ TileScheduler(const SearchParams& params, unsigned number, unsigned workers)
      : params_(params), in_band_(static_cast<int>(number)), workers_(static_cast<int>(workers)) {
    skip_unsearched();
  }

  __device__ bool is_over() const { return band_row_ * down >= params_.left.tiles(); }

  // The first of the tiles at the current position.
  __device__ Tile tile() const {
    return {(band_row_ + in_band_ % params_.band) * down, in_band_ / params_.band * across};
  }

  __device__ void advance() {
    in_band_ += workers_;
    skip_unsearched();
  }

 private:
  __device__ void skip_unsearched() {
    const int positions = params_.band * ((params_.right.tiles() + across - 1) / across);
    while (true) {
      for (; in_band_ >= positions; in_band_ -= positions) band_row_ += params_.band;
      if (is_over() || is_searched()) return;
      in_band_ += workers_;
    }
  }

  // Where a tile holds queries, so do the tiles to its right and above it.
  __device__ bool is_searched() const {
    const Tile first = tile();
    return params_.is_searched({first.left, min(first.right + across, params_.right.tiles()) - 1});
  }

  const SearchParams& params_;
  int band_row_ = 0;       // the first row of the current band
  int in_band_, workers_;  // the current position, counted from the start of the band
};

}  // namespace musc2::cuda
