#include "musc2/point_normals.h"

#include <algorithm>
#include <vector>

#include "common/normals.h"
#include "common/parallel.h"
#include "cpu/isa/smallest_axis.h"
#include "cpu/keys.h"
#include "cpu/neighbors.h"

namespace musc2::cpu {
namespace {

constexpr int64_t bucket_limit = 48;  // points per bucket, for few neighbors
constexpr int64_t chunk = 256;        // points per task; the first search of a task is slow

struct Cloud {
  const float* points;
  int64_t neighbors;
};

// Writes the covariance of the neighbors of a point, in lane `lane`.
void covariance(const Cloud& cloud, const int32_t* index, int64_t point, float* lane) {
  Covariance sums;
  for (int64_t i = 0; i < cloud.neighbors; ++i)
    sums.add(cloud.points + 3 * int64_t{index[i]}, cloud.points + 3 * point);
  sums.write(cloud.neighbors, lane, axis_lanes);
}

struct Raw {
  std::vector<int32_t> index;  // (points, neighbors)
  std::vector<float> normals;  // (points, 3)
};

// Finds the neighbors, raw normals and variation of points [first, last).
void raw_normals(const Cloud& cloud, const Buckets& buckets, int64_t first, int64_t last,
                 const float* sensor, Raw& raw, float* variation) {
  Neighbors search(buckets, cloud.neighbors);
  for (int64_t group = first; group < last; group += axis_lanes) {
    const int64_t count = std::min<int64_t>(axis_lanes, last - group);
    float covariances[6 * axis_lanes] = {}, axes[3 * axis_lanes], shares[axis_lanes];
    for (int64_t p = 0; p < count; ++p) {
      const float* point = cloud.points + 3 * (group + p);
      const uint64_t* keys = search.find({point[0], point[1], point[2]});
      int32_t* index = raw.index.data() + (group + p) * cloud.neighbors;
      std::transform(keys, keys + cloud.neighbors, index, index_of);
      covariance(cloud, index, group + p, covariances + p);
    }
    smallest_axis()(covariances, axes, shares);
    for (int64_t p = 0; p < count; ++p) {
      const float x = axes[p], y = axes[p + axis_lanes], z = axes[p + 2 * axis_lanes];
      const float sign = (x * sensor[0] + y * sensor[1]) + z * sensor[2] < 0 ? -1.0f : 1.0f;
      float* normal = raw.normals.data() + 3 * (group + p);
      normal[0] = sign * x, normal[1] = sign * y, normal[2] = sign * z;
      variation[group + p] = std::min(shares[p], 1 / 3.0f);
    }
  }
}

void smooth(const Cloud& cloud, const Raw& raw, int64_t point, float* normal) {
  float sum[3] = {};
  const int32_t* index = raw.index.data() + point * cloud.neighbors;
  for (int64_t i = 0; i < cloud.neighbors; ++i) {
    for (int d = 0; d < 3; ++d) sum[d] += raw.normals[static_cast<size_t>(3 * index[i] + d)];
  }
  write_direction(sum, raw.normals.data() + 3 * point, normal);
}

}  // namespace

void point_normals(const float* points, const int64_t* offsets, int64_t clouds, const float* sensor,
                   int64_t neighbors, float* normals, float* variation) {
  for (int64_t cloud = 0; cloud < clouds; ++cloud) {
    const int64_t first = offsets[cloud], count = offsets[cloud + 1] - first;
    const Cloud cloud_points{points + 3 * first, std::min(neighbors, count)};
    const Buckets buckets = make_buckets(cloud_points.points, count, bucket_limit);
    Raw raw{std::vector<int32_t>(static_cast<size_t>(count * cloud_points.neighbors)),
            std::vector<float>(static_cast<size_t>(3 * count))};
    const int64_t chunks = (count + chunk - 1) / chunk;
    parallel_for(chunks, [&](int64_t s) {
      raw_normals(cloud_points, buckets, s * chunk, std::min(count, (s + 1) * chunk), sensor, raw,
                  variation + first);
    });
    parallel_for(chunks, [&](int64_t s) {
      for (int64_t p = s * chunk; p < std::min(count, (s + 1) * chunk); ++p) {
        smooth(cloud_points, raw, p, normals + 3 * (first + p));
      }
    });
  }
}

}  // namespace musc2::cpu
