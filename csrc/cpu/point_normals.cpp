#include "musc2/point_normals.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/parallel.h"
#include "cpu/isa/smallest_axis.h"
#include "cpu/keys.h"
#include "cpu/neighbours.h"

namespace musc2::cpu {
namespace {

constexpr int64_t most_for_few_neighbours = 48;  // points in a bucket
constexpr int64_t share = 256;                   // points of a thread's turn; it begins with a costly first search

struct Searched {
  const float* points;  // of the cloud
  int64_t neighbours;
};

// Of the k neighbours, xx yy zz xy xz yz in lane `lane`. Summed from the point itself, in double, so that large
// coordinates cost no digits; at most 1, so that the squares of small ones do not vanish.
void covariance(const Searched& cloud, const int32_t* index, int64_t point, float* lane) {
  const float* at = cloud.points + 3 * point;
  double sum[3] = {}, squares[6] = {};
  for (int64_t i = 0; i < cloud.neighbours; ++i) {
    const float* p = cloud.points + 3 * int64_t{index[i]};
    const double x = double{p[0]} - double{at[0]}, y = double{p[1]} - double{at[1]}, z = double{p[2]} - double{at[2]};
    sum[0] += x, sum[1] += y, sum[2] += z;
    squares[0] += x * x, squares[1] += y * y, squares[2] += z * z;
    squares[3] += x * y, squares[4] += x * z, squares[5] += y * z;
  }
  constexpr int pairs[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  for (int i = 0; i < 6; ++i) {
    squares[i] -= sum[pairs[i][0]] * sum[pairs[i][1]] / static_cast<double>(cloud.neighbours);
  }
  const double largest = std::max({squares[0], squares[1], squares[2]});
  for (int i = 0; i < 6; ++i) lane[i * axis_lanes] = largest > 0 ? static_cast<float>(squares[i] / largest) : 0.0f;
}

struct Raw {
  std::vector<int32_t> index;  // (points, neighbours)
  std::vector<float> normals;  // (points, 3)
};

// Points [first, last): their neighbours, raw normals and variation.
void raw_normals(const Searched& cloud, const Buckets& buckets, int64_t first, int64_t last, const float* sensor,
                 Raw& raw, float* variation) {
  Neighbours search(buckets, cloud.neighbours);
  for (int64_t block = first; block < last; block += axis_lanes) {
    const int64_t count = std::min<int64_t>(axis_lanes, last - block);
    float covariances[6 * axis_lanes] = {}, axes[3 * axis_lanes], shares[axis_lanes];
    for (int64_t p = 0; p < count; ++p) {
      const float* at = cloud.points + 3 * (block + p);
      const uint64_t* found = search.find({at[0], at[1], at[2]});
      int32_t* index = raw.index.data() + (block + p) * cloud.neighbours;
      std::transform(found, found + cloud.neighbours, index, index_of);
      covariance(cloud, index, block + p, covariances + p);
    }
    smallest_axis()(covariances, axes, shares);
    for (int64_t p = 0; p < count; ++p) {
      const float x = axes[p], y = axes[p + axis_lanes], z = axes[p + 2 * axis_lanes];
      const float sign = (x * sensor[0] + y * sensor[1]) + z * sensor[2] < 0 ? -1.0f : 1.0f;
      float* normal = raw.normals.data() + 3 * (block + p);
      normal[0] = sign * x, normal[1] = sign * y, normal[2] = sign * z;
      variation[block + p] = std::min(shares[p], 1 / 3.0f);
    }
  }
}

void smooth(const Searched& cloud, const Raw& raw, int64_t point, float* normal) {
  float sum[3] = {};
  const int32_t* index = raw.index.data() + point * cloud.neighbours;
  for (int64_t i = 0; i < cloud.neighbours; ++i) {
    for (int d = 0; d < 3; ++d) sum[d] += raw.normals[static_cast<size_t>(3 * index[i] + d)];
  }
  const float length = std::sqrt((sum[0] * sum[0] + sum[1] * sum[1]) + sum[2] * sum[2]);
  const bool clear = length > 1e-6f;
  for (int d = 0; d < 3; ++d) normal[d] = clear ? sum[d] / length : raw.normals[static_cast<size_t>(3 * point + d)];
}

}  // namespace

void point_normals(const float* points, const int64_t* offsets, int64_t clouds, const float* sensor, int64_t neighbours,
                   float* normals, float* variation) {
  for (int64_t cloud = 0; cloud < clouds; ++cloud) {
    const int64_t first = offsets[cloud], count = offsets[cloud + 1] - first;
    const Searched searched{points + 3 * first, std::min(neighbours, count)};
    const Buckets buckets = make_buckets(searched.points, count, most_for_few_neighbours);
    Raw raw{std::vector<int32_t>(static_cast<size_t>(count * searched.neighbours)),
            std::vector<float>(static_cast<size_t>(3 * count))};
    const int64_t shares = (count + share - 1) / share;
    parallel_for(shares, [&](int64_t s) {
      raw_normals(searched, buckets, s * share, std::min(count, (s + 1) * share), sensor, raw, variation + first);
    });
    parallel_for(shares, [&](int64_t s) {
      for (int64_t p = s * share; p < std::min(count, (s + 1) * share); ++p) {
        smooth(searched, raw, p, normals + 3 * (first + p));
      }
    });
  }
}

}  // namespace musc2::cpu
