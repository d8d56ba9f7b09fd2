#include "musc2/farthest_points.h"

#include <limits>
#include <vector>

#include "common/parallel.h"
#include "cpu/buckets.h"
#include "cpu/isa/farthest.h"

namespace musc2::cpu {
namespace {

constexpr int64_t bucket_limit = 96;
constexpr float infinity = std::numeric_limits<float>::infinity();

bool is_skipped(const PackedPoints& points, int lane, double skip_norm2) {
  const float x = points.x[lane], y = points.y[lane], z = points.z[lane];
  const float norm2 = (x * x + y * y) + z * z;
  return points.index[lane] == no_point || norm2 <= skip_norm2;
}

void sample(const float* points, int64_t size, int64_t count, int64_t start, double skip_norm2,
            int32_t* picks) {
  const Buckets buckets = make_buckets(points, size, bucket_limit);
  std::vector<Lanes> nearest(buckets.points.size());
  std::vector<Lanes> farthest(buckets.boxes.size());
  std::vector<int32_t> touched(buckets.boxes.size() * lanes);
  for (size_t i = 0; i < nearest.size(); ++i) {
    for (int lane = 0; lane < lanes; ++lane) {
      nearest[i].value[lane] = is_skipped(buckets.points[i], lane, skip_norm2) ? -1.0f : infinity;
    }
  }
  for (size_t bucket = 0; bucket < touched.size(); ++bucket) {
    farthest[bucket / lanes].value[bucket % lanes] =
        static_cast<int64_t>(bucket) < buckets.size() ? infinity : -1.0f;
  }
  picks[0] = static_cast<int32_t>(start);
  const Sampling cloud{buckets.points.data(), buckets.first.data(),
                       buckets.boxes.data(),  static_cast<int64_t>(buckets.boxes.size()),
                       nearest.data()->value, farthest.data()->value,
                       touched.data()};
  farthest_picks()(cloud, {points[3 * start], points[3 * start + 1], points[3 * start + 2]}, count,
                   picks);
}

}  // namespace

void farthest_points(const float* points, const int64_t* offsets, int64_t clouds, int64_t count,
                     int64_t start, double skip_norm2, int32_t* picks) {
  if (count == 0) return;
  parallel_for(clouds, [&](int64_t cloud) {
    const int64_t first = offsets[cloud];
    sample(points + 3 * first, offsets[cloud + 1] - first, count, start, skip_norm2,
           picks + cloud * count);
  });
}

}  // namespace musc2::cpu
