#pragma once
// The k nearest points of a cloud in buckets, for one query after another. For use by one thread.
#include <cstdint>
#include <vector>

#include "cpu/buckets.h"

namespace musc2::cpu {

constexpr int64_t neighbor_bucket_limit = 96;  // points per bucket

class Neighbors {
 public:
  // The cloud has at least k points and must outlive this object.
  Neighbors(const Buckets& cloud, int64_t k);

  // Returns k keys (keys.h) in ascending order, valid until the next call.
  const uint64_t* find(Point query);

 private:
  int64_t gather(Point query, float* limit);
  float safe_limit(Point query);

  const Buckets& cloud_;
  const int64_t k_;
  float guess_ = -1;
  std::vector<int32_t> open_;
  std::vector<uint64_t> keys_, sorted_;
};

}  // namespace musc2::cpu
