// Collects all points within a guessed distance, in no order, and sorts the k nearest of them. The
// guess comes from the query before, because the density of a scan changes little. The result does
// not depend on the guess: one that finds too few points is scaled up once, then replaced by a safe
// distance.
#include "cpu/neighbors.h"

#include <algorithm>
#include <cmath>

#include "cpu/isa/nearest.h"
#include "cpu/keys.h"

namespace musc2::cpu {
namespace {

static_assert(neighbor_bucket_limit % lanes == 0, "a bucket's keys fill whole lanes");

// Upper bound of the computed squared distances to points in a box.
float farthest_corner(const Boxes& boxes, int64_t lane, Point query) {
  const float dx = std::max(boxes.high_x[lane] - query.x, query.x - boxes.low_x[lane]);
  const float dy = std::max(boxes.high_y[lane] - query.y, query.y - boxes.low_y[lane]);
  const float dz = std::max(boxes.high_z[lane] - query.z, query.z - boxes.low_z[lane]);
  return (dx * dx + dy * dy) + dz * dz;
}

}  // namespace

Neighbors::Neighbors(const Buckets& cloud, int64_t k) : cloud_(cloud), k_(k) {
  const int64_t all = static_cast<int64_t>(cloud.points.size()) * lanes;
  const size_t room = static_cast<size_t>(std::min(all, 4 * k + neighbor_bucket_limit));
  keys_.resize(room);
  sorted_.resize(room);
  open_.resize(cloud.boxes.size() * lanes);
}

const uint64_t* Neighbors::find(Point query) {
  float limit = guess_ >= 0 ? guess_ : safe_limit(query);
  int64_t count = gather(query, &limit);
  if (count < k_) {
    const float more = limit * 1.3f * static_cast<float>(k_) / static_cast<float>(count);
    limit = more > limit && std::isfinite(more) ? more : safe_limit(query);
    count = gather(query, &limit);
  }
  if (count < k_) {
    limit = safe_limit(query);
    count = gather(query, &limit);
  }
  sort_smallest(keys_.data(), count, k_, limit, sorted_.data());
  const float slack = 1.1f + 1.5f / std::sqrt(static_cast<float>(k_));
  guess_ = distance_of(keys_[static_cast<size_t>(k_ - 1)]) * slack;
  return keys_.data();
}

// Collects the keys of the points within the limit. When there are too many, drops all but the k
// nearest and lowers the limit.
int64_t Neighbors::gather(Point query, float* limit) {
  const auto points_within = near_points();
  const int64_t groups = static_cast<int64_t>(cloud_.boxes.size());
  const int64_t open = near_buckets()(cloud_.boxes.data(), groups, query, *limit, open_.data());
  const int64_t room = static_cast<int64_t>(keys_.size());
  int64_t count = 0;
  for (int64_t i = 0; i < open; ++i) {
    const size_t bucket = static_cast<size_t>(open_[static_cast<size_t>(i)]);
    const int64_t packs = cloud_.first[bucket + 1] - cloud_.first[bucket];
    if (count + packs * lanes > room) {
      std::nth_element(keys_.begin(), keys_.begin() + (k_ - 1), keys_.begin() + count);
      count = k_;
      *limit = distance_of(keys_[static_cast<size_t>(k_ - 1)]);
    }
    count += points_within(cloud_.points.data() + cloud_.first[bucket], packs, query, *limit,
                           keys_.data() + count);
  }
  return count;
}

// A limit within which there are at least k points: that of the nearest boxes that hold that many.
float Neighbors::safe_limit(Point query) {
  std::vector<uint64_t> corners(static_cast<size_t>(cloud_.size()));
  for (size_t bucket = 0; bucket < corners.size(); ++bucket) {
    const float corner =
        farthest_corner(cloud_.boxes[bucket / lanes], static_cast<int64_t>(bucket % lanes), query);
    corners[bucket] = make_key(corner, static_cast<int32_t>(bucket));
  }
  std::sort(corners.begin(), corners.end());
  int64_t points = 0;
  for (const uint64_t corner : corners) {
    const size_t bucket = static_cast<size_t>(index_of(corner));
    points += cloud_.count[bucket];
    if (points >= k_) return distance_of(corner);
  }
  return distance_of(corners.back());
}

}  // namespace musc2::cpu
