// The neighbours of all centers are found first, because the radius of a scale is a median over them.
#include "musc2/group_histograms.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/parallel.h"
#include "cpu/isa/surface_bins.h"
#include "cpu/keys.h"
#include "cpu/neighbours.h"

namespace musc2::cpu {
namespace {

static_assert(sine_bins + tilt_bins + height_bins + variation_bins == histogram_bins, "four histograms");

constexpr int64_t share = 64;  // centers of a thread's turn; it begins with a costly first search

// A cloud, its centers, and what has been found about them.
struct Scene {
  const float *points, *normals;
  std::vector<float> variation_places;  // among the bins
  const int64_t* centers;
  int64_t count, widest;  // centers, neighbours of each
  std::vector<int32_t> index;
  std::vector<float> distance2;  // (count, widest) both
};

void find_neighbours(const Buckets& buckets, int64_t first, int64_t last, Scene& scene) {
  Neighbours search(buckets, scene.widest);
  for (int64_t c = first; c < last; ++c) {
    const float* at = scene.points + 3 * scene.centers[c];
    const uint64_t* found = search.find({at[0], at[1], at[2]});
    std::transform(found, found + scene.widest, scene.index.begin() + c * scene.widest, index_of);
    std::transform(found, found + scene.widest, scene.distance2.begin() + c * scene.widest, distance_of);
  }
}

float median_distance(const Scene& scene, int64_t k) {
  std::vector<float> values;
  for (int64_t c = 0; c < scene.count; ++c) {
    values.push_back(std::sqrt(scene.distance2[static_cast<size_t>(c * scene.widest + k - 1)]));
  }
  const auto middle = values.begin() + scene.count / 2;
  std::nth_element(values.begin(), middle, values.end());
  if (scene.count % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// Bins of one histogram; one more takes the empty share of a value in the middle of the last.
template <int bins>
struct Histogram {
  float counts[bins + 1] = {};
  float total = 0;

  void add(float place) {
    const int bin = static_cast<int>(place);
    const float beyond = place - static_cast<float>(bin);
    counts[bin] += 1 - beyond;
    counts[bin + 1] += beyond;
    total += 1;
  }
  float* write(float* to) const {
    for (int bin = 0; bin < bins; ++bin) to[bin] = total > 0 ? counts[bin] / total : 0.0f;
    return to + bins;
  }
};

// What one thread needs for one center after the other.
class Describer {
 public:
  explicit Describer(const Scene& scene) : scene_(scene) {
    const int64_t room = (scene.widest + surface_step - 1) / surface_step * surface_step;
    for (auto& column : columns_) column.resize(static_cast<size_t>(room));
    for (auto& column : places_) column.resize(static_cast<size_t>(room));
  }

  void load(int64_t center) {
    index_ = scene_.index.data() + center * scene_.widest;
    const float* at = scene_.points + 3 * scene_.centers[center];
    own_normal_ = scene_.normals + 3 * scene_.centers[center];
    for (int64_t i = 0; i < scene_.widest; ++i) {
      for (size_t d = 0; d < 3; ++d) {
        const size_t from = static_cast<size_t>(3 * int64_t{index_[i]}) + d;
        columns_[d][static_cast<size_t>(i)] = scene_.points[from] - at[d];
        columns_[3 + d][static_cast<size_t>(i)] = scene_.normals[from];
      }
    }
  }

  float* describe(int64_t k, float radius, float* histograms) {
    const Surroundings around{columns_[0].data(), columns_[1].data(), columns_[2].data(),
                              columns_[3].data(), columns_[4].data(), columns_[5].data()};
    const Frame frame = frame_of(k, radius);
    surface_bins()(&around, k, &frame, places_[0].data(), places_[1].data(), places_[2].data());
    Histogram<sine_bins> sine;
    Histogram<tilt_bins> tilt;
    Histogram<height_bins> height;
    Histogram<variation_bins> variation;
    for (size_t i = 0; i < static_cast<size_t>(k); ++i) {
      sine.add(places_[0][i]);
      if (places_[1][i] >= 0) tilt.add(places_[1][i]);
      height.add(places_[2][i]);
      variation.add(scene_.variation_places[static_cast<size_t>(index_[i])]);
    }
    return variation.write(height.write(tilt.write(sine.write(histograms))));
  }

 private:
  Frame frame_of(int64_t k, float radius) const {
    float sums[6] = {};
    for (size_t d = 0; d < 6; ++d) {
      for (int64_t i = 0; i < k; ++i) sums[d] += columns_[d][static_cast<size_t>(i)];
    }
    const float length = std::sqrt((sums[3] * sums[3] + sums[4] * sums[4]) + sums[5] * sums[5]);
    Frame frame{};
    for (int d = 0; d < 3; ++d) frame.normal[d] = length > 1e-6f ? sums[3 + d] / length : own_normal_[d];
    const float along = (sums[0] * frame.normal[0] + sums[1] * frame.normal[1]) + sums[2] * frame.normal[2];
    frame.mean_height = along / static_cast<float>(k);
    frame.radius = radius;
    return frame;
  }

  const Scene& scene_;
  const int32_t* index_ = nullptr;
  const float* own_normal_ = nullptr;
  std::vector<float> columns_[6], places_[3];
};

std::vector<float> places_of(const float* variation, int64_t count) {
  constexpr float low = -9, high = -2, last = variation_bins - 1;
  std::vector<float> places;
  for (int64_t i = 0; i < count; ++i) {
    const float place = (std::log(variation[i] + 1e-5f) - low) * (variation_bins / (high - low)) - 0.5f;
    places.push_back(std::min(std::max(place, 0.0f), last));
  }
  return places;
}

}  // namespace

void group_histograms(const float* points, const float* normals, const float* variation, const int64_t* offsets,
                      int64_t clouds, const int64_t* centers, int64_t centers_each, const int64_t* scales,
                      int64_t scale_count, float* histograms) {
  for (int64_t cloud = 0; cloud < clouds; ++cloud) {
    const int64_t first = offsets[cloud], size = offsets[cloud + 1] - first;
    const int64_t widest = std::min(scales[scale_count - 1], size);
    const auto cells = static_cast<size_t>(centers_each * widest);
    Scene scene{points + 3 * first,
                normals + 3 * first,
                places_of(variation + first, size),
                centers + cloud * centers_each,
                centers_each,
                widest,
                std::vector<int32_t>(cells),
                std::vector<float>(cells)};
    const Buckets buckets = make_buckets(scene.points, size, most_for_neighbours);
    const int64_t shares = (centers_each + share - 1) / share;
    parallel_for(shares, [&](int64_t s) {
      find_neighbours(buckets, s * share, std::min(centers_each, (s + 1) * share), scene);
    });
    std::vector<float> radii;
    for (int64_t s = 0; s < scale_count; ++s) radii.push_back(median_distance(scene, std::min(scales[s], size)));
    parallel_for(shares, [&](int64_t turn) {
      Describer describer(scene);
      for (int64_t c = turn * share; c < std::min(centers_each, (turn + 1) * share); ++c) {
        describer.load(c);
        float* to = histograms + (cloud * centers_each + c) * scale_count * histogram_bins;
        for (int64_t s = 0; s < scale_count; ++s) {
          to = describer.describe(std::min(scales[s], size), radii[static_cast<size_t>(s)], to);
        }
      }
    });
  }
}

}  // namespace musc2::cpu
