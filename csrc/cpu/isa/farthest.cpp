// A step looks at the box of every bucket, but only at the points of buckets that are nearer to the
// pick than their farthest point is to the earlier picks: the others cannot change. That is exact,
// see bounds().
#include "cpu/isa/farthest.h"

#include "cpu/isa/point_distances.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

int64_t find_touched(const Sampling& cloud, const Point& pick) {
  int64_t count = 0;
  for (int64_t group = 0; group < cloud.groups; ++group) {
    for (int lane = 0; lane < lanes; lane += width) {
      const int64_t bucket = group * lanes + lane;
      uint32_t open = bits(bounds(cloud.boxes[group], lane, pick) < load(cloud.farthest + bucket));
      for (; open != 0; open &= open - 1) {
        cloud.touched[count++] = static_cast<int32_t>(bucket + __builtin_ctz(open));
      }
    }
  }
  return count;
}

void update(const Sampling& cloud, int32_t bucket, const Point& pick) {
  Floats top = Floats{} - 1.0f;
  for (int32_t i = cloud.first[bucket]; i < cloud.first[bucket + 1]; ++i) {
    for (int lane = 0; lane < lanes; lane += width) {
      float* nearest = cloud.nearest + int64_t{i} * lanes + lane;
      const Floats updated = smaller(distances(cloud.points[i], lane, pick), load(nearest));
      store(nearest, updated);
      top = larger(top, updated);
    }
  }
  cloud.farthest[bucket] = largest(top);
}

float farthest_of_all(const Sampling& cloud) {
  Floats top = Floats{} - 1.0f;
  for (int64_t i = 0; i < cloud.groups * lanes; i += width)
    top = larger(top, load(cloud.farthest + i));
  return largest(top);
}

// Finds the point of the bucket whose distance to the picks is `distance`, if its index is below
// `lowest`. Indices ascend in a bucket, so the first one is the lowest.
void find_in_bucket(const Sampling& cloud, int64_t bucket, float distance, int32_t* lowest,
                    Point* pick) {
  for (int32_t i = cloud.first[bucket]; i < cloud.first[bucket + 1]; ++i) {
    for (int lane = 0; lane < lanes; lane += width) {
      const uint32_t hits = bits(load(cloud.nearest + int64_t{i} * lanes + lane) == distance);
      if (hits == 0) continue;
      const PackedPoints& points = cloud.points[i];
      const int hit = lane + __builtin_ctz(hits);
      if (points.index[hit] < *lowest) {
        *lowest = points.index[hit];
        *pick = {points.x[hit], points.y[hit], points.z[hit]};
      }
      return;
    }
  }
}

}  // namespace

void farthest_picks(const Sampling& cloud, Point pick, int64_t count, int32_t* picks) {
  for (int64_t i = 1; i < count; ++i) {
    const int64_t touched = find_touched(cloud, pick);
    for (int64_t t = 0; t < touched; ++t) update(cloud, cloud.touched[t], pick);
    const float distance = farthest_of_all(cloud);
    int32_t lowest = no_point;
    for (int64_t bucket = 0; bucket < cloud.groups * lanes; bucket += width) {
      uint32_t hits = bits(load(cloud.farthest + bucket) == distance);
      if (distance < 0) hits = 0;
      for (; hits != 0; hits &= hits - 1) {
        find_in_bucket(cloud, bucket + __builtin_ctz(hits), distance, &lowest, &pick);
      }
    }
    picks[i] = lowest == no_point ? 0 : lowest;
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
