// Finds the neighbors of all centers first, because the radius of a scale is a median over them.
#include "musc2/group_histograms.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/parallel.h"
#include "common/surface_frame.h"
#include "common/variation_bins.h"
#include "cpu/isa/surface_bins.h"
#include "cpu/keys.h"
#include "cpu/neighbors.h"

namespace musc2::cpu {
namespace {

static_assert(sine_bins + tilt_bins + height_bins + variation_bins == histogram_bins,
              "four histograms");

constexpr int64_t chunk = 64;  // centers per task; the first search of a task is slow

// A cloud, its centers, and their neighbors.
struct Scene {
  const float *points, *normals;
  std::vector<float> variation_positions;  // among the bins
  const int64_t* centers;
  int64_t count, widest;  // centers, neighbors of each
  std::vector<int32_t> index;
  std::vector<float> distance2;  // (count, widest) both
};

void find_neighbors(const Buckets& buckets, int64_t first, int64_t last, Scene& scene) {
  Neighbors search(buckets, scene.widest);
  for (int64_t c = first; c < last; ++c) {
    const float* center = scene.points + 3 * scene.centers[c];
    const uint64_t* keys = search.find({center[0], center[1], center[2]});
    std::transform(keys, keys + scene.widest, scene.index.begin() + c * scene.widest, index_of);
    std::transform(keys, keys + scene.widest, scene.distance2.begin() + c * scene.widest,
                   distance_of);
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

// A histogram. The extra bin takes the zero weight of a value in the middle of the last bin.
template <int bins>
struct Histogram {
  float counts[bins + 1] = {};
  float total = 0;

  void add(float position) {
    const int bin = static_cast<int>(position);
    const float beyond = position - static_cast<float>(bin);
    counts[bin] += 1 - beyond;
    counts[bin + 1] += beyond;
    total += 1;
  }
  float* write(float* to) const {
    for (int bin = 0; bin < bins; ++bin) to[bin] = total > 0 ? counts[bin] / total : 0.0f;
    return to + bins;
  }
};

// Describes one center after another. For use by one thread.
class Describer {
 public:
  explicit Describer(const Scene& scene) : scene_(scene) {
    const int64_t room = (scene.widest + surface_step - 1) / surface_step * surface_step;
    for (auto& column : columns_) column.resize(static_cast<size_t>(room));
    for (auto& column : positions_) column.resize(static_cast<size_t>(room));
  }

  void load(int64_t center) {
    index_ = scene_.index.data() + center * scene_.widest;
    const float* position = scene_.points + 3 * scene_.centers[center];
    own_normal_ = scene_.normals + 3 * scene_.centers[center];
    for (int64_t i = 0; i < scene_.widest; ++i) {
      for (size_t d = 0; d < 3; ++d) {
        const size_t from = static_cast<size_t>(3 * int64_t{index_[i]}) + d;
        columns_[d][static_cast<size_t>(i)] = scene_.points[from] - position[d];
        columns_[3 + d][static_cast<size_t>(i)] = scene_.normals[from];
      }
    }
  }

  float* describe(int64_t k, float radius, float* histograms) {
    const Neighborhood around{columns_[0].data(), columns_[1].data(), columns_[2].data(),
                              columns_[3].data(), columns_[4].data(), columns_[5].data()};
    const Frame frame = frame_of(k, radius);
    surface_bins()(&around, k, &frame, positions_[0].data(), positions_[1].data(),
                   positions_[2].data());
    Histogram<sine_bins> sine;
    Histogram<tilt_bins> tilt;
    Histogram<height_bins> height;
    Histogram<variation_bins> variation;
    for (size_t i = 0; i < static_cast<size_t>(k); ++i) {
      sine.add(positions_[0][i]);
      if (positions_[1][i] >= 0) tilt.add(positions_[1][i]);
      height.add(positions_[2][i]);
      variation.add(scene_.variation_positions[static_cast<size_t>(index_[i])]);
    }
    return variation.write(height.write(tilt.write(sine.write(histograms))));
  }

 private:
  Frame frame_of(int64_t k, float radius) const {
    float sums[6] = {};
    for (size_t d = 0; d < 6; ++d) {
      for (int64_t i = 0; i < k; ++i) sums[d] += columns_[d][static_cast<size_t>(i)];
    }
    return surface_frame(sums, static_cast<float>(k), own_normal_, radius);
  }

  const Scene& scene_;
  const int32_t* index_ = nullptr;
  const float* own_normal_ = nullptr;
  std::vector<float> columns_[6], positions_[3];
};

std::vector<float> variation_positions(const float* variation, int64_t count) {
  std::vector<float> positions;
  for (int64_t i = 0; i < count; ++i) positions.push_back(variation_position(variation[i]));
  return positions;
}

}  // namespace

void group_histograms(const float* points, const float* normals, const float* variation,
                      const int64_t* offsets, int64_t clouds, const int64_t* centers,
                      int64_t centers_each, const int64_t* scales, int64_t scale_count,
                      float* histograms) {
  for (int64_t cloud = 0; cloud < clouds; ++cloud) {
    const int64_t first = offsets[cloud], size = offsets[cloud + 1] - first;
    const int64_t widest = std::min(scales[scale_count - 1], size);
    const auto cells = static_cast<size_t>(centers_each * widest);
    Scene scene{points + 3 * first,
                normals + 3 * first,
                variation_positions(variation + first, size),
                centers + cloud * centers_each,
                centers_each,
                widest,
                std::vector<int32_t>(cells),
                std::vector<float>(cells)};
    const Buckets buckets = make_buckets(scene.points, size, neighbor_bucket_limit);
    const int64_t chunks = (centers_each + chunk - 1) / chunk;
    parallel_for(chunks, [&](int64_t s) {
      find_neighbors(buckets, s * chunk, std::min(centers_each, (s + 1) * chunk), scene);
    });
    std::vector<float> radii;
    for (int64_t s = 0; s < scale_count; ++s)
      radii.push_back(median_distance(scene, std::min(scales[s], size)));
    parallel_for(chunks, [&](int64_t task) {
      Describer describer(scene);
      for (int64_t c = task * chunk; c < std::min(centers_each, (task + 1) * chunk); ++c) {
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
