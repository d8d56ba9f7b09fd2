#pragma once
// An affine map of tokens: projected = tokens matrix + offset. The bits of a token's result do not
// depend on the other tokens.
//   tokens    (count, channels) float32, finite
//   matrix    (channels, columns) float32, finite
//   offset    (columns,) float32, finite
//   projected (count, columns) float32
#include <cstdint>

namespace musc2::cpu {

void project_tokens(const float* tokens, int64_t count, int64_t channels, const float* matrix,
                    const float* offset, int64_t columns, float* projected);

}  // namespace musc2::cpu

namespace musc2::cuda {

void project_tokens(const float* tokens, int64_t count, int64_t channels, const float* matrix,
                    const float* offset, int64_t columns, float* projected, void* stream);

}  // namespace musc2::cuda
