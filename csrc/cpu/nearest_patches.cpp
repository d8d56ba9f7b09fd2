#include "musc2/nearest_patches.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/parallel.h"
#include "cpu/patch_pair.h"

namespace musc2::cpu {
namespace {

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
    center_ = patch_center(left_, mutual_ ? nullptr : &right_, channels_);
    const int64_t filled = filled_channels(left_, mutual_ ? nullptr : &right_, center_);
    scratch_.clear();
    for (int i = 0; i < threads_; ++i) scratch_.emplace_back(rows);
    Panel left(search_, channels_, filled, std::min(left_step, left_.slabs()), left_.slab_rows);
    Panel right(search_, channels_, filled, std::min(right_step, right_.slabs()), right_.slab_rows);
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
        const ResultColumn forward = column(a, b.sample, right_.samples);
        const ResultColumn backward = column(b, a.sample, right_.samples);
        search_pair(search_, a, left.at(li, a), b, right.at(ri, b),
                    scratch_[static_cast<size_t>(worker)], forward, mutual_ ? &backward : nullptr);
      });
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
  std::vector<PairScratch> scratch_;
};

}  // namespace

void nearest_patches(const float* z, int64_t samples, int64_t patches, int64_t channels,
                     const float* references, int64_t others, int64_t other_patches, int64_t memory,
                     float* distance, int32_t* index) {
  const bool mutual = references == nullptr;
  if (mutual) {
    references = z;
    others = samples;
    other_patches = patches;
  }
  start_at_infinity(distance, index, samples * patches * others);
  const int64_t pairs = mutual ? samples * (samples - 1) / 2 : samples * others;
  if (pairs == 0 || patches == 0 || other_patches == 0) return;

  const Search search = search_of(channels);
  const int64_t tasks = 4 * int64_t{num_threads()};  // to keep all busy
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
