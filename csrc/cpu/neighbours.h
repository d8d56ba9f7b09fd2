#pragma once
// The k nearest points of a cloud in buckets, for one place after another. For use by one thread.
#include <cstdint>
#include <vector>

#include "cpu/buckets.h"

namespace musc2::cpu {

constexpr int64_t most_for_neighbours = 96;  // points in a bucket

class Neighbours {
 public:
  // The cloud has at least k points, and outlives this.
  Neighbours(const Buckets& cloud, int64_t k);

  // k keys (keys.h) in ascending order, valid until the next call.
  const uint64_t* find(Place from);

 private:
  int64_t gather(Place from, float* limit);
  float sure_limit(Place from);

  const Buckets& cloud_;
  const int64_t k_;
  float guess_ = -1;
  std::vector<int32_t> open_;
  std::vector<uint64_t> keys_, aside_;
};

}  // namespace musc2::cpu
