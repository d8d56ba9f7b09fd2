#include "musc2/nearest_patches.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "common/parallel.h"
#include "common/scratch.h"
#include "cpu/isa/patches.h"
#include "cpu/patch_results.h"

namespace musc2::cpu {
namespace {

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

SampleSet make_samples(const float* patches, int64_t samples, int64_t rows, int64_t slabs,
                       int64_t micropanel) {
  const int64_t even = (rows + slabs - 1) / slabs;
  const int64_t slab_rows =
      slabs == 1 ? rows : std::min(rows, (even + micropanel - 1) / micropanel * micropanel);
  return {patches, samples, rows, (rows + slab_rows - 1) / slab_rows, slab_rows};
}

Slab slab(const SampleSet& samples, int64_t number, int64_t channels) {
  const int64_t sample = number / samples.sample_slabs;
  const int64_t first = number % samples.sample_slabs * samples.slab_rows;
  return {sample, first, std::min(samples.slab_rows, samples.rows - first),
          samples.patches + (sample * samples.rows + first) * channels};
}

// Packed slabs that are searched together.
class Panel {
 public:
  static int64_t slab_bytes(Search search, int64_t rows, int64_t channels) {
    return padded(rows) * (patch_cells()(search, channels) * 4 + 12);
  }

  Panel(Search search, int64_t channels, int64_t slabs, int64_t rows)
      : search_(search),
        channels_(channels),
        rows_(padded(rows)),
        cells_(slabs * rows_ * patch_cells()(search, channels)),
        floats_(2 * slabs * rows_),
        row_starts_(slabs * rows_) {}

  void fill(const SampleSet& samples, int64_t first, int64_t end,
            const std::vector<float>& center) {
    first_ = first;
    parallel_for(end - first, [&](int64_t i) {
      const Slab source = slab(samples, first + i, channels_);
      std::vector<float> scratch(static_cast<size_t>(2 * channels_ + 6));
      pack_patches()(search_, source.patches, channels_, center.data(), scratch.data(),
                     at(first + i, source.rows));
    });
  }

  PackedPatches at(int64_t number, int64_t rows) {
    const int64_t row = (number - first_) * rows_;
    return {cells_.data() + row * patch_cells()(search_, channels_), floats_.data() + 2 * row,
            floats_.data() + 2 * row + rows_, row_starts_.data() + row, rows};
  }

 private:
  static int64_t padded(int64_t rows) {
    return (rows + micropanel_rows()() - 1) / micropanel_rows()() * micropanel_rows()();
  }

  Search search_;
  int64_t channels_, rows_, first_ = 0;
  ScratchArray<int32_t> cells_;
  ScratchArray<float> floats_;
  ScratchArray<int32_t> row_starts_;
};

// Memory of one thread for the search of a pair of slabs.
struct Scratch {
  explicit Scratch(int64_t rows)
      : value(static_cast<size_t>(2 * rows)),
        at(static_cast<size_t>(2 * rows)),
        distance2(at.size()),
        row(at.size()) {
    std::iota(row.begin(), row.end(), 0);
  }
  std::vector<float> value;
  std::vector<int32_t> at;
  std::vector<float> distance2;
  std::vector<int32_t> row, rest_a, rest_b, rest_at;
};

class PatchSearch {
 public:
  PatchSearch(Search search, int64_t channels, SampleSet left, SampleSet right, bool mutual,
              float* distance, int32_t* index)
      : search_(search),
        channels_(channels),
        left_(left),
        right_(right),
        mutual_(mutual),
        distance_(distance),
        index_(index) {}

  void run(int64_t memory) {
    const int64_t rows = std::max(left_.slab_rows, right_.slab_rows);
    const int64_t fitting =
        std::max<int64_t>(1, memory / (2 * Panel::slab_bytes(search_, rows, channels_)));
    const int64_t left_step = step(left_.slabs(), fitting),
                  right_step = step(right_.slabs(), fitting);
    center_ = sampled_mean();
    scratch_.assign(static_cast<size_t>(threads_), Scratch(rows + micropanel_rows()()));
    Panel left(search_, channels_, std::min(left_step, left_.slabs()), left_.slab_rows);
    Panel right(search_, channels_, std::min(right_step, right_.slabs()), right_.slab_rows);
    for (int64_t r = 0; r < right_.slabs(); r += right_step) {
      const int64_t r_end = std::min(r + right_step, right_.slabs());
      right.fill(right_, r, r_end, center_);
      for (int64_t l = 0; l < (mutual_ ? r_end : left_.slabs()); l += left_step) {
        const int64_t l_end = std::min(l + left_step, left_.slabs());
        const bool same = mutual_ && l == r;
        if (!same) left.fill(left_, l, l_end, center_);
        search_panels(same ? right : left, l, l_end, right, r, r_end);
      }
    }
  }

 private:
  // The size of panels of equal size, at most `fitting` slabs.
  static int64_t step(int64_t slabs, int64_t fitting) {
    const int64_t panels = std::max<int64_t>(1, (slabs + fitting - 1) / fitting);
    return std::max<int64_t>(1, (slabs + panels - 1) / panels);
  }

  std::vector<float> sampled_mean() const {
    const int64_t total = left_.samples * left_.rows, stride = std::max<int64_t>(1, total / 1024);
    std::vector<double> sum(static_cast<size_t>(channels_));
    int64_t count = 0;
    for (int64_t row = 0; row < total; row += stride, ++count) {
      for (int64_t c = 0; c < channels_; ++c)
        sum[static_cast<size_t>(c)] += left_.patches[row * channels_ + c];
    }
    std::vector<float> mean(sum.size());
    for (size_t c = 0; c < sum.size(); ++c)
      mean[c] = static_cast<float>(sum[c] / static_cast<double>(count));
    return mean;
  }

  // Tasks of one round never write to the same results: for a pair of samples, a round takes each
  // slab of either sample once.
  void search_panels(Panel& left, int64_t l, int64_t l_end, Panel& right, int64_t r,
                     int64_t r_end) {
    const int64_t rounds = std::max(left_.sample_slabs, right_.sample_slabs);
    std::vector<std::vector<std::pair<int64_t, int64_t>>> tasks(static_cast<size_t>(rounds));
    for (int64_t li = l; li < l_end; ++li) {
      for (int64_t ri = r; ri < r_end; ++ri) {
        if (mutual_ && li / left_.sample_slabs >= ri / right_.sample_slabs) continue;
        tasks[static_cast<size_t>((li % left_.sample_slabs + ri % right_.sample_slabs) % rounds)]
            .emplace_back(li, ri);
      }
    }
    for (const auto& round : tasks) {
      parallel_for(static_cast<int64_t>(round.size()), threads_, [&](int64_t t, int worker) {
        const auto [li, ri] = round[static_cast<size_t>(t)];
        const Slab a = slab(left_, li, channels_), b = slab(right_, ri, channels_);
        search_pair(a, left.at(li, a.rows), b, right.at(ri, b.rows),
                    scratch_[static_cast<size_t>(worker)]);
      });
    }
  }

  void search_pair(const Slab& a, const PackedPatches& packed_a, const Slab& b,
                   const PackedPatches& packed_b, Scratch& scratch) {
    const auto half = static_cast<int64_t>(scratch.at.size() / 2);
    const Nearest rows{scratch.value.data(), scratch.at.data()};
    const Nearest columns{scratch.value.data() + half, scratch.at.data() + half};
    search_patches()(search_, packed_a, packed_b, channels_, rows, columns);

    float* row_distance2 = scratch.distance2.data();
    measure_patches()(a.patches, b.patches, scratch.row.data(), rows.index, a.rows, channels_,
                      row_distance2);
    const ResultColumn forward = column(a, b.sample, right_.samples);
    for (int64_t p = 0; p < a.rows; ++p)
      forward.update(p, row_distance2[p], rows.index[p] + b.first_row);
    if (!mutual_) return;

    // Pairs of patches that are each other's nearest have been measured already.
    const ResultColumn backward = column(b, a.sample, right_.samples);
    scratch.rest_a.clear();
    scratch.rest_b.clear();
    for (int32_t q = 0; q < b.rows; ++q) {
      const int32_t p = columns.index[q];
      if (rows.index[p] == q) {
        backward.update(q, row_distance2[p], p + a.first_row);
      } else {
        scratch.rest_a.push_back(p);
        scratch.rest_b.push_back(q);
      }
    }
    const auto rest = static_cast<int64_t>(scratch.rest_a.size());
    float* rest_distance2 = scratch.distance2.data() + half;
    measure_patches()(b.patches, a.patches, scratch.rest_b.data(), scratch.rest_a.data(), rest,
                      channels_, rest_distance2);
    for (int64_t i = 0; i < rest; ++i) {
      const auto k = static_cast<size_t>(i);
      backward.update(scratch.rest_b[k], rest_distance2[i], scratch.rest_a[k] + a.first_row);
    }
  }

  ResultColumn column(const Slab& of, int64_t other, int64_t others) const {
    const SampleSet& samples = mutual_ ? right_ : left_;
    const int64_t first = (of.sample * samples.rows + of.first_row) * others + other;
    return {distance_ + first, index_ == nullptr ? nullptr : index_ + first, others};
  }

  Search search_;
  int64_t channels_;
  SampleSet left_, right_;
  bool mutual_;
  float* distance_;
  int32_t* index_;
  int threads_ = num_threads();
  std::vector<float> center_;
  std::vector<Scratch> scratch_;
};

}  // namespace

void nearest_patches(const float* z, int64_t samples, int64_t patches, int64_t channels,
                     const float* references, int64_t others, int64_t other_patches,
                     int64_t precision, int64_t memory, float* distance, int32_t* index) {
  const bool mutual = references == nullptr;
  if (mutual) {
    references = z;
    others = samples;
    other_patches = patches;
  }
  start_at_infinity(distance, index, samples * patches * others);
  const int64_t pairs = mutual ? samples * (samples - 1) / 2 : samples * others;
  if (pairs == 0 || patches == 0 || other_patches == 0) return;

  constexpr int64_t float16 = 3;
  auto search = precision == float16 ? Search::bfloat16 : static_cast<Search>(precision);
  if (!patch_search_exists()(search)) search = Search::float32;
  // Slabs must not depend on the number of threads, or results could.
  constexpr int64_t tasks = 32;  // enough to keep all threads busy
  const int64_t micropanel = micropanel_rows()();
  const auto slabs = [&](int64_t rows) {
    const int64_t for_threads =
        std::min((tasks + pairs - 1) / pairs, (rows + 2 * micropanel - 1) / (2 * micropanel));
    const int64_t for_memory =
        2 * Panel::slab_bytes(search, rows, channels) / std::max<int64_t>(1, memory) + 1;
    return std::max(for_threads, for_memory);
  };
  const SampleSet left = make_samples(z, samples, patches, slabs(patches), micropanel);
  const SampleSet right =
      mutual ? left
             : make_samples(references, others, other_patches, slabs(other_patches), micropanel);
  PatchSearch(search, channels, left, right, mutual, distance, index).run(memory);
}

}  // namespace musc2::cpu
