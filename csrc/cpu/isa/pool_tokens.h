#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

// |a - b|^2 of two vectors of n values; |a|^2 when b is null.
MUSC2_ISA_FUNCTION(float, token_distance2, const float* a, const float* b, int64_t n)

// sum = coefficients[0] * vectors[0] + ... over `count` vectors of n values, in that order.
MUSC2_ISA_FUNCTION(void, token_sum, const float* const* vectors, const float* coefficients,
                   int64_t count, int64_t n, float* sum)

// mean[j] = the mean of values[rows * j .. rows * j + rows), j < n.
MUSC2_ISA_FUNCTION(void, mean_of_consecutive, const float* values, int64_t rows, int64_t n,
                   float* mean)

}  // namespace musc2::cpu
