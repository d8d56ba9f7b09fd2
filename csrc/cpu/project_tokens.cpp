#include "musc2/project_tokens.h"

#include "common/parallel.h"
#include "cpu/columns.h"

namespace musc2::cpu {

void project_tokens(const float* tokens, int64_t count, int64_t channels, const float* matrix,
                    const float* offset, int64_t columns, float* projected) {
  constexpr int64_t chunk = 48;  // tokens per task, whose padded results stay in the L1 cache
  const int64_t padded = padded_columns(columns);
  const std::vector<float> wide = pad_columns(matrix, channels, columns),
                           start = pad_columns(offset, 1, columns);
  parallel_for((count + chunk - 1) / chunk, [&](int64_t s) {
    const int64_t first = s * chunk, rows = std::min(chunk, count - first);
    std::vector<float> results(static_cast<size_t>(chunk * padded));
    affine_rows()(tokens + first * channels, rows, channels, wide.data(), padded, start.data(),
                  results.data());
    for (int64_t r = 0; r < rows; ++r) {
      std::copy_n(results.data() + r * padded, columns, projected + (first + r) * columns);
    }
  });
}

}  // namespace musc2::cpu
