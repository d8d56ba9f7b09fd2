#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int64_t sort_lanes = 16;  // rows that are sorted side by side

// Transposes sort_lanes rows of n values into columns (n, sort_lanes). count[lane]: the row's
// number of values below infinity.
MUSC2_ISA_FUNCTION(void, rows_to_columns, const float* rows, int64_t n, float* columns,
                   int32_t* count)

// Runs a sorting network over columns (n, sort_lanes): sorts each pair of columns (pairs[0],
// pairs[1]), ...
MUSC2_ISA_FUNCTION(void, exchange_columns, float* columns, const uint16_t* pairs,
                   int64_t pair_count)

// sums[lane] = the sum of columns low[lane] .. high[lane] - 1, in that order.
MUSC2_ISA_FUNCTION(void, sum_columns, const float* columns, const int32_t* low, const int32_t* high,
                   double* sums)

}  // namespace musc2::cpu
