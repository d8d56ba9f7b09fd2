#pragma once
// The samples of nearest_patches in slabs and panels, the words of csrc/README.md.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/parallel.h"
#include "common/scratch.h"
#include "cpu/distinct_rows.h"
#include "cpu/isa/patches.h"

namespace musc2::cpu {

// One input of the comparison: samples of equal size, each cut into equal slabs of rows. A slab is
// packed and searched at once. A sample is one slab, unless it is huge or there are too few samples
// to keep all threads busy.
struct SampleSet {
  const float* patches;
  int64_t samples, rows, sample_slabs, slab_rows;

  int64_t slabs() const { return samples * sample_slabs; }
};

struct Slab {
  int64_t sample, first_row, rows;
  const float* patches;
};

inline SampleSet make_samples(const float* patches, int64_t samples, int64_t rows, int64_t slabs,
                              int64_t micropanel) {
  const int64_t even = (rows + slabs - 1) / slabs;
  const int64_t slab_rows =
      slabs == 1 ? rows : std::min(rows, (even + micropanel - 1) / micropanel * micropanel);
  return {patches, samples, rows, (rows + slab_rows - 1) / slab_rows, slab_rows};
}

inline Slab slab(const SampleSet& samples, int64_t number, int64_t channels) {
  const int64_t sample = number / samples.sample_slabs;
  const int64_t first = number % samples.sample_slabs * samples.slab_rows;
  return {sample, first, std::min(samples.slab_rows, samples.rows - first),
          samples.patches + (sample * samples.rows + first) * channels};
}

// The different rows of a slab, packed, and which of them each row is.
struct PackedSlab {
  PackedPatches patches;
  Features features;
  const int32_t* kinds;
};

// Packed slabs that are searched together.
class Panel {
 public:
  static int64_t slab_bytes(Search search, int64_t rows, int64_t channels) {
    return padded(rows) * (patch_cells()(search, channels) * 4 + 24);
  }

  // `filled`: filled_channels() of all samples that are compared.
  Panel(Search search, int64_t channels, int64_t filled, int64_t slabs, int64_t rows)
      : search_(search),
        channels_(channels),
        rows_(padded(rows)),
        steps_(patch_cells()(search, filled)),
        cells_(slabs * rows_ * steps_),
        floats_(3 * slabs * rows_),
        integers_(3 * slabs * rows_),
        kind_counts_(static_cast<size_t>(slabs)) {}

  // The slabs from first to end.
  void fill(const SampleSet& samples, int64_t first, int64_t end,
            const std::vector<float>& center) {
    first_ = first;
    parallel_for(end - first, [&](int64_t i) { pack(samples, first + i, i, center); });
  }

  // The listed slabs, numbered in the order of the list from 0.
  void fill(const SampleSet& samples, const std::vector<int64_t>& slabs,
            const std::vector<float>& center) {
    first_ = 0;
    parallel_for(static_cast<int64_t>(slabs.size()),
                 [&](int64_t i) { pack(samples, slabs[static_cast<size_t>(i)], i, center); });
  }

  PackedSlab at(int64_t number, const Slab& source) {
    const int64_t place = number - first_, row = place * rows_;
    float* floats = floats_.data() + 3 * row;
    int32_t* integers = integers_.data() + 3 * row;
    return {{cells_.data() + row * steps_, floats, floats + rows_, floats + 2 * rows_, integers,
             kind_counts_[static_cast<size_t>(place)], steps_},
            {source.patches, integers + rows_, channels_},
            integers + 2 * rows_};
  }

 private:
  void pack(const SampleSet& samples, int64_t number, int64_t place,
            const std::vector<float>& center) {
    const Slab source = slab(samples, number, channels_);
    int32_t* first = integers_.data() + (3 * place + 1) * rows_;
    kind_counts_[static_cast<size_t>(place)] =
        distinct_rows(source.patches, source.rows, channels_, first, first + rows_);
    std::vector<float> scratch(static_cast<size_t>(2 * channels_ + 6));
    const PackedSlab packed = at(first_ + place, source);
    pack_patches()(search_, packed.features, center.data(), scratch.data(), packed.patches);
  }

  static int64_t padded(int64_t rows) {
    return (rows + micropanel_rows()() - 1) / micropanel_rows()() * micropanel_rows()();
  }

  Search search_;
  int64_t channels_, rows_, steps_, first_ = 0;
  ScratchArray<int32_t> cells_;
  ScratchArray<float> floats_;      // half norms, scales, errors of each slab
  ScratchArray<int32_t> integers_;  // row starts, first rows of kinds, kinds of rows
  std::vector<int64_t> kind_counts_;
};

// The mean of about 1,024 patches, evenly spread: of z or, with references, the middle of both
// means, so that the two directions of a comparison have one center.
std::vector<float> patch_center(const SampleSet& z, const SampleSet* references, int64_t channels);

// The channels up to the last one that is not 0 everywhere, at least 1: layers of several widths are
// filled up with zeros, which need not be multiplied.
int64_t filled_channels(const SampleSet& z, const SampleSet* references,
                        const std::vector<float>& center);

// The fastest search that this machine has for so many channels.
Search search_of(int64_t channels);

}  // namespace musc2::cpu
