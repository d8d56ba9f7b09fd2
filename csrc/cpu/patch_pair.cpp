#include "cpu/patch_pair.h"

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
  constexpr int64_t float32 = 0, int8 = 2;
  if (precision == float32) return Search::float32;
  const Search search = precision == int8 ? Search::int8 : Search::bfloat16;
  for (const Search own : {search, Search::int16}) {
    if (patch_search_exists()(own)) return own;
  }
  return Search::float32;
}

void search_pair(Search search, int64_t channels, const Slab& a, const PackedPatches& packed_a,
                 const Slab& b, const PackedPatches& packed_b, PairScratch& scratch,
                 const ResultColumn& forward, const ResultColumn* backward) {
  const auto half = static_cast<int64_t>(scratch.at.size() / 2);
  const Nearest rows{scratch.value.data(), scratch.at.data()};
  const Nearest columns{scratch.value.data() + half, scratch.at.data() + half};
  search_patches()(search, packed_a, packed_b, rows, columns);

  float* row_distance2 = scratch.distance2.data();
  measure_patches()(a.patches, b.patches, scratch.row.data(), rows.index, a.rows, channels,
                    row_distance2);
  for (int64_t p = 0; p < a.rows; ++p)
    forward.update(p, row_distance2[p], rows.index[p] + b.first_row);
  if (backward == nullptr) return;

  // Pairs of patches that are each other's nearest have been measured already.
  scratch.rest_a.clear();
  scratch.rest_b.clear();
  for (int32_t q = 0; q < b.rows; ++q) {
    const int32_t p = columns.index[q];
    if (rows.index[p] == q) {
      backward->update(q, row_distance2[p], p + a.first_row);
    } else {
      scratch.rest_a.push_back(p);
      scratch.rest_b.push_back(q);
    }
  }
  const auto rest = static_cast<int64_t>(scratch.rest_a.size());
  float* rest_distance2 = scratch.distance2.data() + half;
  measure_patches()(b.patches, a.patches, scratch.rest_b.data(), scratch.rest_a.data(), rest,
                    channels, rest_distance2);
  for (int64_t i = 0; i < rest; ++i) {
    const auto k = static_cast<size_t>(i);
    backward->update(scratch.rest_b[k], rest_distance2[i], scratch.rest_a[k] + a.first_row);
  }
}

}  // namespace musc2::cpu
