// nearest_patches on every instruction set: what is promised for each search.
#include <algorithm>
#include <cmath>
#include <limits>

#include "checks.h"
#include "cpu/nearest_patches_of_pairs.h"
#include "cpu/patch_panel.h"
#include "musc2/nearest_patches.h"

namespace musc2::instruction_sets {
namespace {

struct Samples {
  int64_t count, patches, channels;
  std::vector<float> z;
  const float* patch(int64_t sample, int64_t p) const {
    return z.data() + (sample * patches + p) * channels;
  }
  double distance(int64_t i, int64_t p, int64_t j, int64_t q) const {
    double sum = 0;
    for (int64_t c = 0; c < channels; ++c) {
      const double difference =
          static_cast<double>(patch(i, p)[c]) - static_cast<double>(patch(j, q)[c]);
      sum += difference * difference;
    }
    return std::sqrt(sum);
  }
};

// The best distance of each patch to each sample, as nearest_patches writes them.
std::vector<double> best_distances(const Samples& samples) {
  std::vector<double> best;
  for (int64_t i = 0; i < samples.count; ++i) {
    for (int64_t p = 0; p < samples.patches; ++p) {
      for (int64_t j = 0; j < samples.count; ++j) {
        double nearest = std::numeric_limits<double>::infinity();
        for (int64_t q = 0; q < samples.patches && j != i; ++q)
          nearest = std::min(nearest, samples.distance(i, p, j, q));
        best.push_back(nearest);
      }
    }
  }
  return best;
}

Results search(const Samples& samples, int64_t memory) {
  const auto size = static_cast<size_t>(samples.count * samples.patches * samples.count);
  Results results{std::vector<float>(size), std::vector<int32_t>(size)};
  cpu::nearest_patches(samples.z.data(), samples.count, samples.patches, samples.channels, nullptr,
                       0, 0, memory, results.floats.data(), results.integers.data());
  return results;
}

void check_results(const Samples& samples, const Results& results,
                   const std::vector<double>& best) {
  size_t at = 0;
  for (int64_t i = 0; i < samples.count; ++i) {
    for (int64_t p = 0; p < samples.patches; ++p) {
      for (int64_t j = 0; j < samples.count; ++j, ++at) {
        const auto distance = static_cast<double>(results.floats[at]);
        const int32_t index = results.integers[at];
        if (i == j) {
          check(std::isinf(distance) && index == -1, "a sample has no distance to itself");
          continue;
        }
        if (index < 0 || index >= samples.patches) {
          check(false, "an index is that of a patch");
          continue;
        }
        const double own = samples.distance(i, p, j, index);
        check(std::abs(distance - own) <= 1e-6 + 1e-5 * own, "a distance is that of its patch");
        check(own <= best[at] + 1e-5, "a patch is the nearest");
      }
    }
  }
}

// All pairs that are listed have the bits of the search of all.
void check_pairs(const Samples& samples, int64_t memory, const Results& all) {
  std::vector<int64_t> pairs;
  for (int64_t i = 0; i < samples.count; ++i) {
    for (int64_t j = i + 1; j < samples.count; ++j) pairs.insert(pairs.end(), {i, j});
  }
  const auto count = static_cast<int64_t>(pairs.size() / 2);
  std::vector<float> forward(static_cast<size_t>(count * samples.patches)), backward(forward);
  cpu::nearest_patches_of_pairs(samples.z.data(), samples.count, samples.patches, samples.channels,
                                nullptr, 0, 0, memory, pairs.data(), count, forward.data(),
                                backward.data());
  bool equal = true;
  for (int64_t pair = 0; pair < count; ++pair) {
    const int64_t i = pairs[static_cast<size_t>(2 * pair)],
                  j = pairs[static_cast<size_t>(2 * pair + 1)];
    for (int64_t p = 0; p < samples.patches; ++p) {
      const auto at = static_cast<size_t>(pair * samples.patches + p);
      equal &= forward[at] ==
               all.floats[static_cast<size_t>((i * samples.patches + p) * samples.count + j)];
      equal &= backward[at] ==
               all.floats[static_cast<size_t>((j * samples.patches + p) * samples.count + i)];
    }
  }
  check(equal, "listed pairs have the bits of all pairs");
}

}  // namespace

void check_nearest_patches() {
  struct Shape {
    int64_t count, patches, channels;
  };
  constexpr Shape shapes[] = {{3, 1, 1},   {3, 5, 3},    {2, 49, 8},
                              {3, 64, 33}, {2, 120, 70}, {3, 17, 130}};
  constexpr int64_t much = 1 << 26;
  for (const auto& [count, patches, channels] : shapes) {
    Random random(static_cast<uint32_t>(patches + channels));
    const Samples samples{count, patches, channels, random.normal(count * patches * channels)};
    const std::vector<double> best = best_distances(samples);
    for (const char* isa : isas()) {
      begin("nearest_patches of " + std::to_string(patches) + " x " + std::to_string(channels),
            isa);
      const Results all = search(samples, much);
      check_results(samples, all, best);
      check_results(samples, search(samples, 1), best);
      check_pairs(samples, much, all);
    }
  }
}

// Patches that a search alone cannot tell apart: copies with a little noise, some without. A window
// of the whole grid measures all.
void check_near_copies() {
  constexpr int64_t count = 3;
  struct Shape {
    int64_t patches, channels;
  };
  constexpr Shape shapes[] = {{49, 8}, {90, 33}, {70, 130}};
  for (const auto& [patches, channels] : shapes) {
    Random random(static_cast<uint32_t>(patches));
    const std::vector<float> kinds = random.normal(8 * channels);
    std::vector<float> z = random.normal(count * patches * channels, 1e-4f);
    for (int64_t row = 0; row < count * patches; ++row) {
      const int64_t kind = random.below(8);
      for (int64_t c = 0; c < channels; ++c) {
        float& value = z[static_cast<size_t>(row * channels + c)];
        const float original = kinds[static_cast<size_t>(kind * channels + c)];
        value = row % 5 == 0 ? original : original + value;
      }
    }
    const Samples samples{count, patches, channels, z};
    for (const char* isa : isas()) {
      begin("near copies, " + std::to_string(patches) + " x " + std::to_string(channels), isa);
      Results measured = search(samples, 1);
      const Results found = search(samples, 1 << 26);
      check(found.floats == measured.floats, "little memory changes no distance");
      cpu::nearest_patches_in_window(z.data(), count, 1, patches, channels, nullptr, 0, patches,
                                     measured.floats.data(), measured.integers.data());
      check(found.floats == measured.floats, "distances are those of measuring all");
      check(found.integers == measured.integers, "patches are those of measuring all");
    }
  }
}

void check_windows() {
  struct Shape {
    int64_t height, width, channels, window;
  };
  constexpr Shape shapes[] = {{1, 1, 3, 0},  {5, 8, 21, 0},   {5, 8, 70, 1},  {4, 9, 130, 2},
                              {1, 40, 5, 3}, {40, 1, 65, 50}, {7, 7, 64, 100}};
  constexpr int64_t count = 3;
  for (const auto& [height, width, channels, window] : shapes) {
    const int64_t patches = height * width;
    Random random(static_cast<uint32_t>(patches + channels));
    const Samples samples{count, patches, channels, random.lattice(count * patches * channels, 4)};
    for (const char* isa : isas()) {
      begin("window " + std::to_string(window) + " in " + std::to_string(height) + " x " +
                std::to_string(width) + " x " + std::to_string(channels),
            isa);
      const auto size = static_cast<size_t>(count * patches * count);
      std::vector<float> distance(size);
      std::vector<int32_t> index(size);
      cpu::nearest_patches_in_window(samples.z.data(), count, height, width, channels, nullptr, 0,
                                     window, distance.data(), index.data());
      for (size_t at = 0; at < size; ++at) {
        const auto number = static_cast<int64_t>(at);
        const int64_t i = number / count / patches, p = number / count % patches,
                      j = number % count;
        if (i == j) continue;
        float best = std::numeric_limits<float>::infinity();
        int32_t best_index = -1;
        for (int32_t q = 0; q < patches; ++q) {
          if (std::abs(q / width - p / width) > window || std::abs(q % width - p % width) > window)
            continue;
          const int32_t zero = 0;
          float distance2;
          cpu::measure_patches()(samples.patch(i, p), samples.patch(j, q), &zero, &zero, 1,
                                 channels, &distance2);
          if (distance2 < best) {
            best = distance2;
            best_index = q;
          }
        }
        check(distance[at] == std::sqrt(best), "a distance has the bits of its pair's");
        check(index[at] == best_index, "the index is the lowest of the nearest");
      }
    }
  }
}

}  // namespace musc2::instruction_sets
