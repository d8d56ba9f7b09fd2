// A warp per row. The two end values of the interval are found bit by bit, from the highest: the
// number of values below a candidate decides each bit. Nothing is sorted, so a row may have any
// length; short rows, the usual ones, are read once and stay in registers. The sum is of float64 in
// a fixed order, the same in every run.
#include "cuda/ascending_bits.h"
#include "cuda/device.h"
#include "musc2/lowest_mean.h"

namespace musc2::cuda {
namespace {

constexpr int warps = 8;  // per block, a row each

struct Interval {
  double low_fraction, high_fraction;
  int64_t low_count, high_count;

  __device__ int64_t bound(double fraction, int64_t count, int64_t taking_part) const {
    const int64_t rank =
        fraction >= 0 ? static_cast<int64_t>(fraction * static_cast<double>(taking_part)) : count;
    return min(rank, taking_part);
  }
};

__device__ double wide_value(unsigned key) { return double{from_ascending_bits(key)}; }

// This lane's values of a row, as keys. held: how many of them stay in registers; 0: they are read
// again each time.
template <int held>
class LaneValues {
 public:
  __device__ LaneValues(const float* row, int64_t columns, int lane)
      : row_(row), columns_(columns), lane_(lane) {
    for (int i = 0; i < held; ++i) {
      const int64_t column = lane + i * warp_lanes;
      keys_[i] = ascending_bits(column < columns ? row[column] : infinity);
    }
  }
  template <class Body>
  __device__ void for_each(const Body& body) const {
    if constexpr (held > 0) {
#pragma unroll
      for (int i = 0; i < held; ++i) body(keys_[i]);
    } else {
      for (int64_t column = lane_; column < columns_; column += warp_lanes)
        body(ascending_bits(row_[column]));
    }
  }
  // The number of the row's values below a key, in every lane.
  __device__ int64_t count_below(unsigned key) const {
    unsigned count = 0;
    for_each([&](unsigned own) { count += own < key; });
    return __reduce_add_sync(whole_warp, count);
  }
  // The key of the value with this rank in ascending order.
  __device__ unsigned select(int64_t rank) const {
    unsigned prefix = 0;
    for (unsigned bit = 0x80000000u; bit != 0; bit >>= 1) {
      if (count_below(prefix | bit) <= rank) prefix |= bit;
    }
    return prefix;
  }
  __device__ double sum_between(unsigned low, unsigned high) const {
    double sum = 0;
    for_each([&](unsigned own) {
      if (own > low && own < high) sum += wide_value(own);
    });
    return over_warp(sum, Sum{});
  }

 private:
  const float* row_;
  int64_t columns_;
  int lane_;
  unsigned keys_[held > 0 ? held : 1];
};

template <int held>
__device__ float mean_of_row(const LaneValues<held>& values, const Interval& interval) {
  const int64_t taking_part = values.count_below(ascending_bits(infinity));
  if (taking_part == 0) return infinity;
  const int64_t high =
      max(interval.bound(interval.high_fraction, interval.high_count, taking_part), int64_t{1});
  const int64_t low =
      min(interval.bound(interval.low_fraction, interval.low_count, taking_part), high - 1);
  const unsigned last = values.select(high - 1), first = low > 0 ? values.select(low) : 0;
  if (first == last) return from_ascending_bits(last);
  // Values between the ends count once; of the values equal to an end, as many as are in the
  // interval.
  double sum = values.sum_between(first, last);
  sum += wide_value(last) * static_cast<double>(high - values.count_below(last));
  if (low > 0) sum += wide_value(first) * static_cast<double>(values.count_below(first + 1) - low);
  return static_cast<float>(sum / static_cast<double>(high - low));
}

template <int held>
__global__ void __launch_bounds__(warps* warp_lanes)
    means(const float* values, int64_t rows, int64_t columns, Interval interval, float* mean) {
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes;
  const int64_t row = int64_t{blockIdx.x} * warps + threadIdx.x / warp_lanes;
  if (row >= rows) return;
  const float result =
      mean_of_row(LaneValues<held>(values + row * columns, columns, lane), interval);
  if (lane == 0) mean[row] = result;
}

}  // namespace

void lowest_mean(const float* values, int64_t rows, int64_t columns, double low_fraction,
                 int64_t low_count, double high_fraction, int64_t high_count, float* mean,
                 void* stream) {
  if (rows == 0) return;
  const Interval interval{low_fraction, high_fraction, low_count, high_count};
  const auto kernel = columns <= 64 ? means<2> : columns <= 256 ? means<8> : means<0>;
  MUSC2_LAUNCH(kernel, blocks_for(rows, warps), warps * warp_lanes, 0, stream, values, rows,
               columns, interval, mean);
}

}  // namespace musc2::cuda
