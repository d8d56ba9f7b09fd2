// The ops of points: equal bits on all instruction sets, but for pool_centers.
#include <numeric>

#include "agreement.h"
#include "musc2/farthest_points.h"
#include "musc2/group_histograms.h"
#include "musc2/group_points.h"
#include "musc2/nearest_points.h"
#include "musc2/point_normals.h"
#include "musc2/pool_centers.h"
#include "musc2/spread_points.h"

namespace musc2::instruction_sets {
namespace {

std::vector<float> room(int64_t count) { return std::vector<float>(static_cast<size_t>(count)); }
std::vector<int32_t> places(int64_t count) {
  return std::vector<int32_t>(static_cast<size_t>(count));
}

// Two clouds of odd sizes: one of random points, one on a lattice.
struct Clouds {
  static constexpr int64_t count = 2, total = 531;
  std::vector<int64_t> offsets{0, 420, total};
  std::vector<float> points;

  explicit Clouds(Random& random) : points(random.normal(3 * 420)) {
    const std::vector<float> ties = random.lattice(3 * (total - 420), 5);
    points.insert(points.end(), ties.begin(), ties.end());
  }
};

void check_sampling(const Clouds& clouds) {
  for (const double skip_norm2 : {-1.0, 0.3}) {
    check_agreement("farthest_points", Promise::bits, [&] {
      Results results{{}, places(clouds.count * 70)};
      cpu::farthest_points(clouds.points.data(), clouds.offsets.data(), clouds.count, 70, 3,
                           skip_norm2, results.integers.data());
      return results;
    });
  }
}

void check_neighbors(const Clouds& clouds, Random& random) {
  const std::vector<float> queries = random.normal(3 * 40, 0.7f);
  const std::vector<int64_t> query_offsets{0, 23, 40};
  for (const int64_t k : {1, 7, 33, 100}) {
    check_agreement("nearest_points, k " + std::to_string(k), Promise::bits, [&] {
      Results results{room(40 * k), places(40 * k)};
      cpu::nearest_points(clouds.points.data(), clouds.offsets.data(), clouds.count, queries.data(),
                          query_offsets.data(), k, results.integers.data(), results.floats.data());
      return results;
    });
  }
}

void check_groups(const Clouds& clouds, const std::vector<int64_t>& centers) {
  constexpr int64_t each = 11, size = 40, start = 8, search = 90;
  for (const bool unique : {false, true}) {
    check_agreement("group_points", Promise::bits, [&] {
      constexpr int64_t groups = Clouds::count * each;
      Results results{room(groups * (1 + 3 * size)), places(groups * size)};
      cpu::group_points(clouds.points.data(), clouds.offsets.data(), clouds.count, centers.data(),
                        each, size, start, search, 0.05f, unique, results.integers.data(),
                        results.floats.data(), results.floats.data() + groups);
      return results;
    });
  }
}

void check_surfaces(const Clouds& clouds, const std::vector<int64_t>& centers) {
  const std::vector<float> sensor{0.2f, -0.5f, 1.0f};
  constexpr int64_t total = Clouds::total;
  std::vector<float> normals = room(3 * total), variation = room(total);
  for (const int64_t neighbors : {1, 9, 30}) {
    check_agreement("point_normals", Promise::bits, [&] {
      cpu::point_normals(clouds.points.data(), clouds.offsets.data(), clouds.count, sensor.data(),
                         neighbors, normals.data(), variation.data());
      Results results{normals, {}};
      results.floats.insert(results.floats.end(), variation.begin(), variation.end());
      return results;
    });
  }
  const std::vector<int64_t> scales{4, 17, 40};
  constexpr int64_t each = 11;
  check_agreement("group_histograms", Promise::bits, [&] {
    Results results{room(Clouds::count * each * 3 * histogram_bins), {}};
    cpu::group_histograms(clouds.points.data(), normals.data(), variation.data(),
                          clouds.offsets.data(), clouds.count, centers.data(), each, scales.data(),
                          3, results.floats.data());
    return results;
  });
}

void check_few_nearest(const Clouds& clouds, Random& random) {
  const std::vector<float> centers = random.normal(3 * 50, 0.8f), values = random.normal(50);
  const std::vector<int64_t> center_offsets{0, 33, 50};
  for (const int64_t neighbors : {1, 3, 8}) {
    check_agreement("spread_points", Promise::bits, [&] {
      Results results{room(Clouds::total), {}};
      cpu::spread_points(clouds.points.data(), clouds.offsets.data(), centers.data(),
                         center_offsets.data(), clouds.count, values.data(), neighbors,
                         results.floats.data());
      return results;
    });
  }
  const std::vector<float> curvature = random.lattice(50);
  const std::vector<int64_t> degrees{1, 3, 5, 31};
  for (const int64_t channels : {1, 19, 64, 277}) {
    const std::vector<float> tokens = random.normal(50 * channels, 0.2f);
    check_agreement("pool_centers, " + std::to_string(channels) + " channels", Promise::near, [&] {
      Results results{room(50 * channels), {}};
      cpu::pool_centers(tokens.data(), centers.data(), curvature.data(), center_offsets.data(), 2,
                        channels, degrees.data(), 4, 0.6f, results.floats.data());
      return results;
    });
  }
}

}  // namespace

void check_point_ops() {
  Random random(1);
  const Clouds clouds(random);
  std::vector<int64_t> centers;
  for (int64_t i = 0; i < 22; ++i) centers.push_back(random.below(110));
  check_sampling(clouds);
  check_neighbors(clouds, random);
  check_groups(clouds, centers);
  check_surfaces(clouds, centers);
  check_few_nearest(clouds, random);
}

}  // namespace musc2::instruction_sets
