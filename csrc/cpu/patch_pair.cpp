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

Search search_of(int64_t channels) {
  constexpr int64_t most_channels = (int64_t{1} << 31) / (127 * 127);  // a sum fits into 32 bits
  if (patch_search_exists()(Search::int8) && channels < most_channels) return Search::int8;
  return patch_search_exists()(Search::int16) ? Search::int16 : Search::float32;
}

namespace {

constexpr double unit = 1.0 / (1 << 24);  // of rounding to float32
// The value of a pair that need not be measured again.
constexpr float measured = -std::numeric_limits<float>::infinity();

// The kinds of a slab from `first` on, as many as are searched at once.
PackedSlab section(const PackedSlab& slab, int64_t first, int64_t most) {
  const PackedPatches& all = slab.patches;
  return {{all.cells + first * all.steps, all.half_norms + first, all.scales + first,
           all.errors + first, all.row_starts + first, std::min(most, all.rows - first), all.steps},
          {slab.features.patches, slab.features.rows + first, slab.features.channels},
          nullptr};
}

// The kinds from `first` on, with what is known of them.
KnownNearest known(const PackedSlab& kinds, int64_t first, KnownPatches& patches) {
  return {kinds.features,
          kinds.patches.rows,
          patches.reach.data(),
          kinds.patches.errors,
          patches.distance2.data() + first,
          patches.index.data() + first};
}

// Measures what the search found for rows of a and, if `both`, of b.
void measure_found(const PairValues& pairs, const KnownNearest& a, const KnownNearest& b, bool both,
                   PairScratch& scratch) {
  std::vector<int32_t>&rows = scratch.rows, &columns = scratch.columns;
  rows.resize(static_cast<size_t>(a.rows));
  std::iota(rows.begin(), rows.end(), 0);
  columns.assign(scratch.a.found.begin(), scratch.a.found.begin() + a.rows);
  for (int32_t column = 0; both && column < b.rows; ++column) {
    const int32_t row = scratch.b.found[static_cast<size_t>(column)];
    if (columns[static_cast<size_t>(row)] == column) continue;  // each other's nearest
    rows.push_back(row);
    columns.push_back(column);
  }
  const size_t count = rows.size();
  scratch.a_rows.resize(count);
  scratch.b_rows.resize(count);
  scratch.distance2.resize(count);
  for (size_t i = 0; i < count; ++i) {
    scratch.a_rows[i] = a.features.rows[rows[i]];
    scratch.b_rows[i] = b.features.rows[columns[i]];
  }
  measure_patches()(a.features.patches, b.features.patches, scratch.a_rows.data(),
                    scratch.b_rows.data(), static_cast<int64_t>(count), a.features.channels,
                    scratch.distance2.data());
  for (size_t i = 0; i < count; ++i) {
    a.update(rows[i], scratch.distance2[i], scratch.b_rows[i]);
    b.update(columns[i], scratch.distance2[i], scratch.a_rows[i]);
    pairs.values[rows[i] * pairs.stride + columns[i]] = measured;
  }
}

// By the triangle inequality a distance in the search is off by at most what rounding took from
// both patches.
void set_reach(const KnownNearest& patches, std::vector<float>& reach) {
  constexpr double vanished = 1e-13;  // products of smaller values lose digits, or are 0
  const double measuring = 1 + unit * (static_cast<double>(patches.features.channels) / 16 + 64);
  for (int64_t kind = 0; kind < patches.rows; ++kind) {
    const double distance = std::sqrt(static_cast<double>(patches.distance2[kind]));
    const double farthest =
        distance * measuring + static_cast<double>(patches.errors[kind]) + vanished;
    reach[static_cast<size_t>(kind)] =
        std::isfinite(farthest) ? static_cast<float>(farthest * (1 + 2 * unit)) : 0;
  }
}

// How far rounding to float32 may take the values of each row of a.
void set_slack(Search search, const PackedPatches& a, const PackedPatches& b,
               std::vector<float>& slack) {
  const double share =
      search == Search::float32 ? 4 * unit * (static_cast<double>(a.steps) + 16) : 16 * unit;
  const double largest =
      -static_cast<double>(*std::min_element(b.half_norms, b.half_norms + b.rows));
  for (int64_t i = 0; i < a.rows; ++i)
    slack[static_cast<size_t>(i)] =
        static_cast<float>(share * (largest - static_cast<double>(a.half_norms[i])) * (1 + unit));
}

void report(const Slab& slab, const PackedSlab& packed, const KnownPatches& known,
            int64_t other_first_row, const ResultColumn& column) {
  for (int64_t row = 0; row < slab.rows; ++row) {
    const auto kind = static_cast<size_t>(packed.kinds[row]);
    column.update(row, known.distance2[kind], known.index[kind] + other_first_row);
  }
}

}  // namespace

void search_pair(Search search, const Slab& a, const PackedSlab& packed_a, const Slab& b,
                 const PackedSlab& packed_b, PairScratch& scratch, const ResultColumn& forward,
                 const ResultColumn* backward) {
  scratch.a.start(packed_a.patches.rows);
  scratch.b.start(packed_b.patches.rows);
  for (int64_t i = 0; i < packed_a.patches.rows; i += scratch.at_once) {
    const PackedSlab rows = section(packed_a, i, scratch.at_once);
    for (int64_t j = 0; j < packed_b.patches.rows; j += scratch.at_once) {
      const PackedSlab columns = section(packed_b, j, scratch.at_once);
      const PairValues pairs{scratch.values.data(), scratch.stride};
      search_patches()(search, rows.patches, columns.patches, pairs, scratch.a.nearest(),
                       scratch.b.nearest());
      const KnownNearest known_rows = known(rows, i, scratch.a),
                         known_columns = known(columns, j, scratch.b);
      measure_found(pairs, known_rows, known_columns, backward != nullptr, scratch);
      set_reach(known_rows, scratch.a.reach);
      if (backward != nullptr) set_reach(known_columns, scratch.b.reach);
      set_slack(search, rows.patches, columns.patches, scratch.slack);
      measure_within()(pairs, scratch.slack.data(), known_rows, known_columns,
                       scratch.farthest.data());
    }
  }
  report(a, packed_a, scratch.a, b.first_row, forward);
  if (backward != nullptr) report(b, packed_b, scratch.b, a.first_row, *backward);
}

}  // namespace musc2::cpu
