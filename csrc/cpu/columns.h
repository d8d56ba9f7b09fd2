#pragma once
// Matrices with columns padded with zeros, as the per-ISA kernel linear_rows requires.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "cpu/isa/linear_rows.h"

namespace musc2::cpu {

inline int64_t padded_columns(int64_t columns) {
  return (columns + column_step - 1) / column_step * column_step;
}

inline std::vector<float> pad_columns(const float* matrix, int64_t rows, int64_t columns) {
  const int64_t padded = padded_columns(columns);
  std::vector<float> wide(static_cast<size_t>(rows * padded));
  for (int64_t r = 0; r < rows; ++r)
    std::copy_n(matrix + r * columns, columns, wide.data() + r * padded);
  return wide;
}

}  // namespace musc2::cpu
