#pragma once
// An affine map of tokens: projected = tokens matrix + offset. Every token gives the same bits whatever the others.
//   tokens (count, channels), matrix (channels, columns), offset (columns,), projected (count, columns); float32,
//   finite
#include <cstdint>

namespace musc2::cpu {

void project_tokens(const float* tokens, int64_t count, int64_t channels, const float* matrix, const float* offset,
                    int64_t columns, float* projected);

}  // namespace musc2::cpu
