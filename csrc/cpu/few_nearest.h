#pragma once
// The per-ISA kernel few_nearest for points in an array, a chunk at a time.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "cpu/isa/few_nearest.h"

namespace musc2::cpu {

class FewNearest {
 public:
  static constexpr int64_t chunk = 128;

  explicit FewNearest(int keep)
      : keep_(keep),
        distance2_(static_cast<size_t>(keep * chunk)),
        index_(static_cast<size_t>(keep * chunk)) {}

  // points (count, 3), count <= chunk; centers (centers_count, 3), at least keep of them.
  void find(const float* points, int64_t count, const float* centers, int64_t centers_count) {
    padded_ = (count + widest_vector - 1) / widest_vector * widest_vector;
    for (int64_t p = 0; p < padded_; ++p) {
      for (int64_t axis = 0; axis < 3; ++axis)
        axes_[axis][p] = points[3 * std::min(p, count - 1) + axis];
    }
    few_nearest()(axes_[0], axes_[1], axes_[2], padded_, centers, centers_count, keep_,
                  distance2_.data(), index_.data());
  }

  // Of the k-th nearest center of point p of the chunk.
  float distance2(int64_t p, int k) const {
    return distance2_[static_cast<size_t>(k * padded_ + p)];
  }
  int32_t index(int64_t p, int k) const { return index_[static_cast<size_t>(k * padded_ + p)]; }

 private:
  int keep_;
  int64_t padded_ = 0;
  float axes_[3][chunk];
  std::vector<float> distance2_;
  std::vector<int32_t> index_;
};

// Points [first, last) of a packed batch, all of one sample and no more than FewNearest::chunk.
struct PointChunk {
  int64_t sample, first, last;
};

inline std::vector<PointChunk> point_chunks(const int64_t* offsets, int64_t samples) {
  std::vector<PointChunk> chunks;
  for (int64_t b = 0; b < samples; ++b) {
    for (int64_t first = offsets[b]; first < offsets[b + 1]; first += FewNearest::chunk) {
      chunks.push_back({b, first, std::min(offsets[b + 1], first + FewNearest::chunk)});
    }
  }
  return chunks;
}

}  // namespace musc2::cpu
