// All points within a guessed distance are gathered, in no order, and the k nearest of them sorted. The guess comes
// from the query before: the density of a scan changes little. Whatever the guess, the result is the same; a guess that
// found too few points is scaled up once, then replaced by a distance that is sure to do.
#include "cpu/neighbours.h"

#include <algorithm>
#include <cmath>

#include "cpu/isa/nearest.h"
#include "cpu/keys.h"

namespace musc2::cpu {
namespace {

static_assert(most_for_neighbours % lanes == 0, "the room for a bucket's keys counts whole blocks");

// Upper bound of the squared distances, as computed, to the points of a box.
float farthest_corner(const Boxes& boxes, int64_t lane, Place from) {
  const float dx = std::max(boxes.high_x[lane] - from.x, from.x - boxes.low_x[lane]);
  const float dy = std::max(boxes.high_y[lane] - from.y, from.y - boxes.low_y[lane]);
  const float dz = std::max(boxes.high_z[lane] - from.z, from.z - boxes.low_z[lane]);
  return (dx * dx + dy * dy) + dz * dz;
}

}  // namespace

Neighbours::Neighbours(const Buckets& cloud, int64_t k) : cloud_(cloud), k_(k) {
  const int64_t all = static_cast<int64_t>(cloud.blocks.size()) * lanes;
  const size_t room = static_cast<size_t>(std::min(all, 4 * k + most_for_neighbours));
  keys_.resize(room);
  aside_.resize(room);
  open_.resize(cloud.boxes.size() * lanes);
}

const uint64_t* Neighbours::find(Place from) {
  float limit = guess_ >= 0 ? guess_ : sure_limit(from);
  int64_t count = gather(from, &limit);
  if (count < k_) {
    const float more = limit * 1.3f * static_cast<float>(k_) / static_cast<float>(count);
    limit = more > limit && std::isfinite(more) ? more : sure_limit(from);
    count = gather(from, &limit);
  }
  if (count < k_) {
    limit = sure_limit(from);
    count = gather(from, &limit);
  }
  sort_smallest(keys_.data(), count, k_, limit, aside_.data());
  const float slack = 1.1f + 1.5f / std::sqrt(static_cast<float>(k_));
  guess_ = distance_of(keys_[static_cast<size_t>(k_ - 1)]) * slack;
  return keys_.data();
}

// Keys of the points within the limit. When they grow too many, all but the k nearest go and the limit falls.
int64_t Neighbours::gather(Place from, float* limit) {
  const auto points_within = near_points();
  const int64_t groups = static_cast<int64_t>(cloud_.boxes.size());
  const int64_t open = near_buckets()(cloud_.boxes.data(), groups, from, *limit, open_.data());
  const int64_t room = static_cast<int64_t>(keys_.size());
  int64_t count = 0;
  for (int64_t i = 0; i < open; ++i) {
    const size_t bucket = static_cast<size_t>(open_[static_cast<size_t>(i)]);
    const int64_t blocks = cloud_.first[bucket + 1] - cloud_.first[bucket];
    if (count + blocks * lanes > room) {
      std::nth_element(keys_.begin(), keys_.begin() + (k_ - 1), keys_.begin() + count);
      count = k_;
      *limit = distance_of(keys_[static_cast<size_t>(k_ - 1)]);
    }
    count += points_within(cloud_.blocks.data() + cloud_.first[bucket], blocks, from, *limit, keys_.data() + count);
  }
  return count;
}

// A limit within which there are at least k points: that of the nearest boxes which hold so many.
float Neighbours::sure_limit(Place from) {
  std::vector<uint64_t> corners(static_cast<size_t>(cloud_.size()));
  for (size_t bucket = 0; bucket < corners.size(); ++bucket) {
    const float corner = farthest_corner(cloud_.boxes[bucket / lanes], static_cast<int64_t>(bucket % lanes), from);
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
