#include "cpu/patch_pair.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace musc2::cpu {
namespace {

std::vector<float> sampled_mean(const SampleSet& set, int64_t channels) {
  const int64_t total = set.samples * set.rows, stride = std::max<int64_t>(1, total / 1024);
  std::vector<double> sum(static_cast<size_t>(channels));
  int64_t count = 0;
  for (int64_t row = 0; row < total; row += stride, ++count) {
    for (int64_t c = 0; c < channels; ++c)
      sum[static_cast<size_t>(c)] += set.patches[row * channels + c];
  }
  std::vector<float> mean(sum.size());
  for (size_t c = 0; c < sum.size(); ++c)
    mean[c] = static_cast<float>(sum[c] / static_cast<double>(count));
  return mean;
}

// The end of the last channel that is not 0 in some row; no less than `filled`.
int64_t filled_until(const float* rows, int64_t count, int64_t channels, int64_t filled) {
  for (int64_t row = 0; row < count && filled < channels; ++row) {
    int64_t end = channels;
    while (end > filled && rows[row * channels + end - 1] == 0) --end;
    filled = end;
  }
  return filled;
}

}  // namespace

std::vector<float> patch_center(const SampleSet& z, const SampleSet* references, int64_t channels) {
  std::vector<float> center = sampled_mean(z, channels);
  if (references == nullptr) return center;
  const std::vector<float> other = sampled_mean(*references, channels);
  for (size_t c = 0; c < center.size(); ++c) center[c] = (center[c] + other[c]) / 2;
  return center;
}

int64_t filled_channels(const SampleSet& z, const SampleSet* references,
                        const std::vector<float>& center) {
  const auto channels = static_cast<int64_t>(center.size());
  int64_t filled = filled_until(center.data(), 1, channels, 1);
  filled = filled_until(z.patches, z.samples * z.rows, channels, filled);
  if (references == nullptr) return filled;
  return filled_until(references->patches, references->samples * references->rows, channels,
                      filled);
}

Search search_of(int64_t precision) {
  constexpr int64_t bfloat16 = 1, int8 = 2, float16 = 3;
  if (precision == int8 && patch_search_exists()(Search::int8)) return Search::int8;
  const bool in_bfloat16 = precision == bfloat16 || precision == float16;
  if (in_bfloat16 && patch_search_exists()(Search::bfloat16)) return Search::bfloat16;
  return patch_search_exists()(Search::int16) ? Search::int16 : Search::float32;
}

namespace {

// How low the search may have valued the true nearest, in `to`, of a kind of `from`.
class Reach {
 public:
  Reach(Search search, const PackedSlab& from, const PackedSlab& to)
      : from_(from.patches),
        measuring_(1 + unit * (static_cast<double>(from.features.channels) / 16 + 64)),
        value_error_(search == Search::int16
                         ? 16 * unit
                         : 4 * unit * (static_cast<double>(from.patches.steps) + 16)) {
    for (int64_t i = 0; i < to.patches.rows; ++i) {
      error_ = std::max(error_, to.patches.errors[i]);
      half_norm_ = std::min(half_norm_, to.patches.half_norms[i]);
    }
  }

  // A patch that is no farther than distance2, as measured, has at least this value in the search.
  // By the triangle inequality its distance is off by at most what rounding took from both patches.
  float of(int64_t kind, float distance2) const {
    constexpr double vanished = 1e-13;  // products of smaller values lose digits, or are 0
    const double distance = std::sqrt(static_cast<double>(distance2)) * measuring_ +
                            from_.errors[kind] + error_ + vanished;
    const double norms = -(static_cast<double>(from_.half_norms[kind]) + half_norm_);
    return static_cast<float>(-(distance * distance / 2 + value_error_ * norms) * (1 + 2 * unit));
  }

 private:
  static constexpr double unit = 1.0 / (1 << 24);  // of rounding to float32
  const PackedPatches& from_;
  double measuring_, value_error_;
  float error_ = 0, half_norm_ = 0;
};

// Measures the listed kinds and what the search found for them.
void measure(const std::vector<int32_t>& kinds, const PackedSlab& from, const PackedSlab& to,
             FoundPatches& found, PairScratch& scratch) {
  scratch.from.clear();
  scratch.to.clear();
  for (const int32_t kind : kinds) {
    scratch.from.push_back(from.features.rows[kind]);
    scratch.to.push_back(to.features.rows[found.index[static_cast<size_t>(kind)]]);
  }
  scratch.distance2.resize(kinds.size());
  measure_patches()(from.features.patches, to.features.patches, scratch.from.data(),
                    scratch.to.data(), static_cast<int64_t>(kinds.size()), from.features.channels,
                    scratch.distance2.data());
  for (size_t i = 0; i < kinds.size(); ++i)
    found.distance2[static_cast<size_t>(kinds[i])] = scratch.distance2[i];
}

// Where another patch may be nearer than the one that the search found, measures all of these.
void settle(Search search, const PackedSlab& from, const PackedSlab& to, FoundPatches& found,
            PairScratch& scratch) {
  const Reach reach(search, from, to);
  std::vector<int32_t>& kinds = scratch.kinds;
  kinds.clear();
  scratch.reach.clear();
  for (int32_t kind = 0; kind < from.patches.rows; ++kind) {
    const auto k = static_cast<size_t>(kind);
    const float lowest = reach.of(kind, found.distance2[k]);
    if (found.runner_up[k] >= lowest && std::isfinite(lowest)) {
      kinds.push_back(kind);
      scratch.reach.push_back(lowest);
    }
  }
  FoundPatches& open = scratch.open;
  open.distance2.assign(kinds.size(), std::numeric_limits<float>::infinity());
  open.index.resize(kinds.size());
  measure_within()(search, from.patches, from.features, to.patches, to.features,
                   scratch.cells.data(),
                   {kinds.data(), scratch.reach.data(), static_cast<int64_t>(kinds.size()),
                    open.distance2.data(), open.index.data()});
  for (size_t i = 0; i < kinds.size(); ++i) {
    found.distance2[static_cast<size_t>(kinds[i])] = open.distance2[i];
    found.index[static_cast<size_t>(kinds[i])] = open.index[i];
  }
}

void report(const Slab& slab, const PackedSlab& from, const FoundPatches& found, const Slab& other,
            const PackedSlab& to, const ResultColumn& column) {
  for (int64_t row = 0; row < slab.rows; ++row) {
    const auto kind = static_cast<size_t>(from.kinds[row]);
    column.update(row, found.distance2[kind],
                  to.features.rows[found.index[kind]] + other.first_row);
  }
}

}  // namespace

void search_pair(Search search, const Slab& a, const PackedSlab& packed_a, const Slab& b,
                 const PackedSlab& packed_b, PairScratch& scratch, const ResultColumn& forward,
                 const ResultColumn* backward) {
  const bool is_exact = search == Search::float32 || search == Search::int16;
  search_patches()(search, packed_a.patches, packed_b.patches, scratch.a.nearest(),
                   scratch.b.nearest());
  std::vector<int32_t>& kinds = scratch.kinds;
  kinds.resize(static_cast<size_t>(packed_a.patches.rows));
  std::iota(kinds.begin(), kinds.end(), 0);
  measure(kinds, packed_a, packed_b, scratch.a, scratch);
  if (is_exact) settle(search, packed_a, packed_b, scratch.a, scratch);
  report(a, packed_a, scratch.a, b, packed_b, forward);
  if (backward == nullptr) return;

  // Pairs of patches that are each other's nearest have been measured already.
  kinds.clear();
  for (int32_t q = 0; q < packed_b.patches.rows; ++q) {
    const auto p = static_cast<size_t>(scratch.b.index[static_cast<size_t>(q)]);
    if (scratch.a.index[p] == q) {
      scratch.b.distance2[static_cast<size_t>(q)] = scratch.a.distance2[p];
    } else {
      kinds.push_back(q);
    }
  }
  measure(kinds, packed_b, packed_a, scratch.b, scratch);
  if (is_exact) settle(search, packed_b, packed_a, scratch.b, scratch);
  report(b, packed_b, scratch.b, a, packed_a, *backward);
}

}  // namespace musc2::cpu
