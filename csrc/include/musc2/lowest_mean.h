#pragma once
// Mean of an interval of each row's sorted values.
//   values (rows, columns) float32, columns < 2^31, no NaN; entries of +infinity do not take part
//   mean   (rows,) float32
// With m values taking part, the interval is [low, high) of their ascending order, where a bound is
// int(low_fraction*m) when the fraction is >= 0 and else the count. At least one value is always
// taken: high >= 1, low < high. Bounds are clipped to m. A row in which nothing takes part gives
// +infinity. The sum is of float64, on the CPU in ascending order, on a GPU in another fixed one.
#include <cstdint>

namespace musc2::cpu {

void lowest_mean(const float* values, int64_t rows, int64_t columns, double low_fraction,
                 int64_t low_count, double high_fraction, int64_t high_count, float* mean);

}  // namespace musc2::cpu

namespace musc2::cuda {

void lowest_mean(const float* values, int64_t rows, int64_t columns, double low_fraction,
                 int64_t low_count, double high_fraction, int64_t high_count, float* mean,
                 void* stream);

}  // namespace musc2::cuda
