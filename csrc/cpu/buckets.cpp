#include "cpu/buckets.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/parallel.h"

namespace musc2::cpu {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

struct IndexedPoint {
  float xyz[3];
  int32_t index;
};

typedef float Four __attribute__((vector_size(16)));

struct Extent {
  Four low, high, sum;
};

Extent extent_of(const IndexedPoint* points, int64_t count) {
  Extent extent{Four{} + infinity, Four{} - infinity, Four{}};
  for (int64_t i = 0; i < count; ++i) {
    Four point;
    std::memcpy(&point, points[i].xyz,
                sizeof point);  // the fourth lane, the index, is not used
    extent.low = point < extent.low ? point : extent.low;
    extent.high = point > extent.high ? point : extent.high;
    extent.sum += point;
  }
  return extent;
}

class Splitter {
 public:
  Splitter(Buckets& buckets, int64_t count, int64_t limit)
      : buckets_(buckets), limit_(limit), moved_(static_cast<size_t>(count)) {}

  void divide(IndexedPoint* points, int64_t count) {
    const Extent extent = extent_of(points, count);
    if (count <= limit_) return add_bucket(points, count, extent);
    const int64_t left = split(points, count, extent);
    divide(points, left);
    divide(points + left, count - left);
  }

 private:
  // Moves the points of one half before those of the other, keeping their order. Returns the size
  // of the first half.
  int64_t split(IndexedPoint* points, int64_t count, const Extent& extent) {
    int axis = 0;
    for (int i = 1; i < 3; ++i) {
      if (extent.high[i] - extent.low[i] > extent.high[axis] - extent.low[axis]) axis = i;
    }
    if (!(extent.low[axis] < extent.high[axis])) return count / 2;
    // The mean costs nothing and is close to the median in all but skewed clouds.
    const int64_t left =
        partition(points, count, axis, extent.sum[axis] / static_cast<float>(count));
    if (std::min(left, count - left) >= count / 8) return left;
    return partition(points, count, axis, above_median(points, count, axis));
  }

  // Moves points below the pivot to the front. Returns their number.
  int64_t partition(IndexedPoint* points, int64_t count, int axis, float pivot) {
    int64_t left = 0;
    for (int64_t i = 0; i < count; ++i) {
      const IndexedPoint point = points[i];
      const bool below = point.xyz[axis] < pivot;
      points[left] = point;
      moved_[static_cast<size_t>(i - left)] = point;
      left += below;
    }
    std::copy_n(moved_.data(), count - left, points + left);
    return left;
  }

  // The median if any point is below it, otherwise the next larger value, so that neither half is
  // empty.
  float above_median(const IndexedPoint* points, int64_t count, int axis) {
    values_.clear();
    for (int64_t i = 0; i < count; ++i) values_.push_back(points[i].xyz[axis]);
    const auto middle = values_.begin() + count / 2;
    std::nth_element(values_.begin(), middle, values_.end());
    const float median = *middle;
    float next = infinity;
    for (const float value : values_) {
      if (value < median) return median;
      if (value > median) next = std::min(next, value);
    }
    return next;
  }

  void add_bucket(const IndexedPoint* points, int64_t count, const Extent& extent) {
    const size_t bucket = buckets_.count.size();
    buckets_.first.push_back(static_cast<int32_t>(buckets_.points.size()));
    buckets_.count.push_back(static_cast<int32_t>(count));
    const size_t lane = bucket % lanes;
    if (lane == 0) buckets_.boxes.push_back(empty_boxes());
    Boxes& boxes = buckets_.boxes.back();
    boxes.low_x[lane] = extent.low[0], boxes.low_y[lane] = extent.low[1],
    boxes.low_z[lane] = extent.low[2];
    boxes.high_x[lane] = extent.high[0], boxes.high_y[lane] = extent.high[1],
    boxes.high_z[lane] = extent.high[2];
    for (int64_t start = 0; start < count; start += lanes) {
      PackedPoints packed;
      for (int i = 0; i < lanes; ++i) {
        const IndexedPoint point =
            start + i < count ? points[start + i] : IndexedPoint{{nan, nan, nan}, no_point};
        packed.x[i] = point.xyz[0], packed.y[i] = point.xyz[1], packed.z[i] = point.xyz[2];
        packed.index[i] = point.index;
      }
      buckets_.points.push_back(packed);
    }
  }

  static Boxes empty_boxes() {
    Boxes boxes;
    for (float* bounds :
         {boxes.low_x, boxes.low_y, boxes.low_z, boxes.high_x, boxes.high_y, boxes.high_z}) {
      std::fill_n(bounds, lanes, nan);
    }
    return boxes;
  }

  Buckets& buckets_;
  const int64_t limit_;
  std::vector<IndexedPoint> moved_;
  std::vector<float> values_;
};

}  // namespace

Buckets make_buckets(const float* points, int64_t count, int64_t limit) {
  Buckets buckets;
  std::vector<IndexedPoint> all(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    all[static_cast<size_t>(i)] = {{points[3 * i], points[3 * i + 1], points[3 * i + 2]},
                                   static_cast<int32_t>(i)};
  }
  if (count > 0) Splitter(buckets, count, limit).divide(all.data(), count);
  buckets.first.push_back(static_cast<int32_t>(buckets.points.size()));
  return buckets;
}

std::vector<Buckets> make_all_buckets(const float* points, const int64_t* offsets, int64_t clouds,
                                      int64_t limit) {
  std::vector<Buckets> all(static_cast<size_t>(clouds));
  parallel_for(clouds, [&](int64_t cloud) {
    const int64_t first = offsets[cloud];
    all[static_cast<size_t>(cloud)] =
        make_buckets(points + 3 * first, offsets[cloud + 1] - first, limit);
  });
  return all;
}

std::vector<RowChunk> split_rows(const int64_t* offsets, int64_t clouds) {
  constexpr int64_t rows = 32;
  std::vector<RowChunk> chunks;
  for (int64_t cloud = 0; cloud < clouds; ++cloud) {
    for (int64_t first = offsets[cloud]; first < offsets[cloud + 1]; first += rows) {
      chunks.push_back({cloud, first, std::min(first + rows, offsets[cloud + 1])});
    }
  }
  return chunks;
}

}  // namespace musc2::cpu
