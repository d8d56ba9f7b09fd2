#include "cpu/nearest_patches_of_pairs.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "common/parallel.h"
#include "cpu/patch_pair.h"

namespace musc2::cpu {
namespace {

// The samples of one side of some pairs, packed.
class PackedSide {
 public:
  PackedSide(Search search, int64_t channels, int64_t filled, SampleSet set, int64_t room)
      : channels_(channels),
        set_(set),
        panel_(search, channels, filled, room, set.rows),
        slots_(static_cast<size_t>(set.samples), -1) {}

  void fill(std::vector<int64_t> samples, const std::vector<float>& center) {
    for (const int64_t sample : samples_) slots_[static_cast<size_t>(sample)] = -1;
    std::sort(samples.begin(), samples.end());
    samples.erase(std::unique(samples.begin(), samples.end()), samples.end());
    samples_ = std::move(samples);
    for (size_t slot = 0; slot < samples_.size(); ++slot)
      slots_[static_cast<size_t>(samples_[slot])] = static_cast<int64_t>(slot);
    panel_.fill(set_, samples_, center);
  }

  PackedSlab packed(int64_t sample) {
    return panel_.at(slots_[static_cast<size_t>(sample)], features(sample));
  }

  Slab features(int64_t sample) const { return slab(set_, sample, channels_); }

 private:
  int64_t channels_;
  SampleSet set_;
  Panel panel_;
  std::vector<int64_t> samples_, slots_;
};

}  // namespace

void nearest_patches_of_pairs(const float* z, int64_t samples, int64_t patches, int64_t channels,
                              const float* references, int64_t others, int64_t other_patches,
                              int64_t memory, const int64_t* pairs, int64_t count, float* forward,
                              float* backward) {
  const bool mutual = references == nullptr;
  const SampleSet left{z, samples, patches, 1, patches};
  const SampleSet right =
      mutual ? left : SampleSet{references, others, other_patches, 1, other_patches};
  start_at_infinity(forward, nullptr, count * left.rows);
  start_at_infinity(backward, nullptr, count * right.rows);
  if (count == 0 || left.rows == 0 || right.rows == 0) return;

  const Search search = search_of(channels);
  const std::vector<float> center = patch_center(left, mutual ? nullptr : &right, channels);
  const int64_t rows = std::max(left.rows, right.rows);
  const int64_t room =
      std::max<int64_t>(1, memory / (2 * Panel::slab_bytes(search, rows, channels)));
  const int64_t filled = filled_channels(left, mutual ? nullptr : &right, center);
  PackedSide packed_left(search, channels, filled, left, std::min(room, left.samples));
  PackedSide packed_right(search, channels, filled, right, std::min(room, right.samples));
  const int threads = num_threads();
  std::vector<PairScratch> scratch;
  for (int i = 0; i < threads; ++i) scratch.emplace_back(rows);

  // Pairs of the same `room` samples on either side are searched together.
  const auto block = [&](int64_t pair) {
    return std::make_pair(pairs[2 * pair] / room, pairs[2 * pair + 1] / room);
  };
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return block(a) < block(b); });
  for (auto first = order.begin(); first != order.end();) {
    const auto end = std::find_if(first, order.end(),
                                  [&](int64_t pair) { return block(pair) != block(*first); });
    std::vector<int64_t> lefts, rights;
    for (auto pair = first; pair != end; ++pair) {
      lefts.push_back(pairs[2 * *pair]);
      rights.push_back(pairs[2 * *pair + 1]);
    }
    packed_left.fill(std::move(lefts), center);
    packed_right.fill(std::move(rights), center);
    parallel_for(end - first, threads, [&](int64_t number, int worker) {
      const int64_t pair = first[number];
      const int64_t i = pairs[2 * pair], j = pairs[2 * pair + 1];
      const ResultColumn there{forward + pair * left.rows, nullptr, 1};
      const ResultColumn back{backward + pair * right.rows, nullptr, 1};
      search_pair(search, packed_left.features(i), packed_left.packed(i), packed_right.features(j),
                  packed_right.packed(j), scratch[static_cast<size_t>(worker)], there, &back);
    });
    first = end;
  }
}

}  // namespace musc2::cpu
