#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int64_t column_step = 16;

// rows (count, length), matrix (length, columns), columns a multiple of column_step; out (count,
// columns). Every sum runs over the length in ascending order, whatever the count.
// affine_rows: offset + row times matrix. distance_rows: the Euclidean distance of the row to each
// column.
MUSC2_ISA_FUNCTION(void, affine_rows, const float* rows, int64_t count, int64_t length,
                   const float* matrix, int64_t columns, const float* offset, float* out)
MUSC2_ISA_FUNCTION(void, distance_rows, const float* rows, int64_t count, int64_t length,
                   const float* matrix, int64_t columns, float* out)

}  // namespace musc2::cpu
