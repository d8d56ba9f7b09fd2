// Only anomalous pixels make steps, and they are few, so only they are sorted. The many normal
// pixels are counted between the steps, which a table over the range of the keys finds: there is no
// sort of all pixels.
#include "musc2/region_overlap.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "common/parallel.h"
#include "common/scratch.h"
#include "cpu/ordered_keys.h"
#include "cpu/regions.h"

namespace musc2::cpu {
namespace {

// The start of each map, then the end of the last one.
std::vector<int64_t> map_starts(const int64_t* sizes, int64_t maps) {
  std::vector<int64_t> starts(static_cast<size_t>(maps) + 1);
  for (size_t m = 0; m < static_cast<size_t>(maps); ++m)
    starts[m + 1] = starts[m] + sizes[2 * m] * sizes[2 * m + 1];
  return starts;
}

// Keys in descending order of the values, which is the order of the steps.
uint32_t descending_key(float value) { return ~ordered_key(value); }

// The descending key and the region of each anomalous pixel, sorted by key; and the sizes of the
// regions.
struct Anomalous {
  explicit Anomalous(int64_t pixels) : memory(2 * pixels), count(pixels) {}
  ScratchArray<uint64_t> memory;
  const uint64_t* items = nullptr;
  int64_t count;
  std::vector<int64_t> sizes;
};

Anomalous sort_anomalous(const float* values, const uint8_t* masks, const int64_t* sizes,
                         const std::vector<int64_t>& starts) {
  const int64_t maps = static_cast<int64_t>(starts.size()) - 1;
  std::vector<Regions> all_regions(static_cast<size_t>(maps));
  parallel_for(maps, [&](int64_t m) {
    const size_t map = static_cast<size_t>(m);
    all_regions[map] = find_regions(masks + starts[map], sizes[2 * m], sizes[2 * m + 1]);
  });
  int64_t pixels = 0;
  for (const Regions& regions : all_regions) pixels += regions.pixels;
  Anomalous anomalous(pixels);
  uint64_t* item = anomalous.memory.data();
  for (size_t map = 0; map < all_regions.size(); ++map) {
    const uint64_t first = anomalous.sizes.size();
    for (const Run& run : all_regions[map].runs) {
      for (int64_t i = starts[map] + run.begin; i < starts[map] + run.end; ++i) {
        *item++ =
            uint64_t{descending_key(values[i])} << 32 | (first + static_cast<uint64_t>(run.region));
      }
    }
    anomalous.sizes.insert(anomalous.sizes.end(), all_regions[map].sizes.begin(),
                           all_regions[map].sizes.end());
  }
  uint64_t* items = anomalous.memory.data();
  anomalous.items = sort_items<32>(items, items + pixels, pixels);
  return anomalous;
}

// Ranks a key among ascending different keys: 2 k + 1 for key number k itself, 2 k between keys k -
// 1 and k. Most buckets of the key range hold no key; then all values in the bucket have the same
// rank and need no search.
class KeyRanks {
 public:
  explicit KeyRanks(const std::vector<uint32_t>& keys) : keys_(keys), first_(keys.front()) {
    constexpr size_t max_buckets = size_t{1} << 20;
    const uint32_t range = keys.back() - keys.front();
    while (range >> shift_ >= std::min(64 * keys.size(), max_buckets)) ++shift_;
    last_ = int64_t{(range >> shift_) + 1} << shift_;
    starts_.resize(static_cast<size_t>(last_ >> shift_) + 3);
    for (const uint32_t key : keys) ++starts_[bucket_of(key) + 1];
    std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  }

  size_t operator()(uint32_t key) const {
    const size_t bucket = bucket_of(key);
    const uint32_t begin = starts_[bucket], end = starts_[bucket + 1];
    if (begin == end) return 2 * size_t{begin};
    const auto at = [this](uint32_t i) { return keys_.begin() + static_cast<std::ptrdiff_t>(i); };
    const auto match = std::lower_bound(at(begin), at(end), key);
    return 2 * static_cast<size_t>(match - keys_.begin()) + (match != at(end) && *match == key);
  }

 private:
  // One bucket before all keys and one after them take everything outside the range.
  size_t bucket_of(uint32_t key) const {
    const int64_t offset = std::min(std::max<int64_t>(key - first_, -1), last_);
    return static_cast<size_t>((offset >> shift_) + 1);
  }

  const std::vector<uint32_t>& keys_;
  int64_t first_, last_ = 0;  // the first key; the offset of the first bucket after all keys
  uint32_t shift_ = 0;
  std::vector<uint32_t> starts_;  // for each bucket, the number of keys before it
};

// The number of normal pixels at each rank.
std::vector<int64_t> count_normal(const float* values, const uint8_t* masks, int64_t pixels,
                                  const std::vector<uint32_t>& keys) {
  constexpr int64_t chunk = 1 << 15;
  const KeyRanks rank(keys);
  const size_t ranks = 2 * keys.size() + 1;
  // Each worker has its own counts, which together take no more memory than the values.
  const int64_t room = std::max<int64_t>(1, pixels / 2 / static_cast<int64_t>(ranks));
  const int workers = static_cast<int>(std::min<int64_t>(num_threads(), room));
  std::vector<std::vector<int64_t>> counts(static_cast<size_t>(workers),
                                           std::vector<int64_t>(ranks));
  parallel_for((pixels + chunk - 1) / chunk, workers, [&](int64_t c, int worker) {
    std::vector<int64_t>& own = counts[static_cast<size_t>(worker)];
    for (int64_t i = c * chunk; i < std::min(pixels, (c + 1) * chunk); ++i) {
      if (!masks[i]) ++own[rank(descending_key(values[i]))];
    }
  });
  for (size_t worker = 1; worker < counts.size(); ++worker) {
    for (size_t r = 0; r < ranks; ++r) counts[0][r] += counts[worker][r];
  }
  return std::move(counts[0]);
}

}  // namespace

void region_overlap(const float* values, const uint8_t* masks, const int64_t* sizes, int64_t maps,
                    float* value, int64_t* above, int64_t* level, int64_t* anomalous,
                    double* overlap, int64_t* counts) {
  const std::vector<int64_t> starts = map_starts(sizes, maps);
  const Anomalous sorted = sort_anomalous(values, masks, sizes, starts);
  std::vector<uint32_t> keys;
  for (int64_t i = 0; i < sorted.count; ++i) {
    const uint32_t key = static_cast<uint32_t>(sorted.items[i] >> 32);
    if (i == 0 || key != keys.back()) {
      const size_t step = keys.size();
      keys.push_back(key);
      value[step] = value_of_key(~key);
      anomalous[step] = 0;
      overlap[step] = 0;
    }
    const uint32_t region = static_cast<uint32_t>(sorted.items[i]);
    ++anomalous[keys.size() - 1];
    overlap[keys.size() - 1] += 1.0 / static_cast<double>(sorted.sizes[region]);
  }
  counts[0] = static_cast<int64_t>(keys.size());
  counts[1] = static_cast<int64_t>(sorted.sizes.size());
  if (keys.empty()) return;
  const std::vector<int64_t> normal = count_normal(values, masks, starts.back(), keys);
  int64_t total = 0;
  for (size_t step = 0; step < keys.size(); ++step) {
    above[step] = total += normal[2 * step];
    level[step] = normal[2 * step + 1];
    total += level[step];
  }
}

void region_overlap_binned(const float* values, const uint8_t* masks, const int64_t* sizes,
                           int64_t maps, int64_t bits, int64_t* normal, int64_t* anomalous,
                           double* overlap, int64_t* regions) {
  const std::vector<int64_t> starts = map_starts(sizes, maps);
  const auto bin = [shift = 32 - bits](float value) { return ordered_key(value) >> shift; };
  for (int64_t i = 0; i < starts.back(); ++i) {
    if (!masks[i]) ++normal[bin(values[i])];
  }
  for (size_t map = 0; map + 1 < starts.size(); ++map) {
    const Regions regions_of_map =
        find_regions(masks + starts[map], sizes[2 * map], sizes[2 * map + 1]);
    for (const Run& run : regions_of_map.runs) {
      const double share =
          1.0 / static_cast<double>(regions_of_map.sizes[static_cast<size_t>(run.region)]);
      for (int64_t i = starts[map] + run.begin; i < starts[map] + run.end; ++i) {
        ++anomalous[bin(values[i])];
        overlap[bin(values[i])] += share;
      }
    }
    *regions += static_cast<int64_t>(regions_of_map.sizes.size());
  }
}

}  // namespace musc2::cpu
