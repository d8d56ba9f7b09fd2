// Every blur is a weighted sum of shifted rows, so one per-ISA kernel, token_sum, does nearly all
// of the work.
#include "musc2/gradient_tokens.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/mirror.h"
#include "common/parallel.h"
#include "cpu/isa/orient_gradients.h"
#include "cpu/isa/pool_tokens.h"

namespace musc2::cpu {
namespace {

constexpr int64_t cell = 8;  // pixels from token to token
constexpr int64_t half_cell = cell / 2;
constexpr int64_t directions = 8;
constexpr double quarter_turn = 1.5707963267948966;

struct Plane {
  Plane(int64_t rows_, int64_t columns_, int64_t channels_)
      : rows(rows_),
        columns(columns_),
        channels(channels_),
        values(static_cast<size_t>(rows * columns * channels)) {}
  int64_t row_size() const { return columns * channels; }
  float* row(int64_t y) { return values.data() + y * row_size(); }
  const float* row(int64_t y) const { return values.data() + y * row_size(); }
  const float* at(int64_t y, int64_t x) const {
    return row(mirrored(y, rows)) + mirrored(x, columns) * channels;
  }

  int64_t rows, columns, channels;
  std::vector<float> values;
};

// A row with `margin` mirrored pixels on both sides.
struct WideRow {
  WideRow(const Plane& plane, int64_t margin_)
      : margin(margin_),
        values(static_cast<size_t>((plane.columns + 2 * margin) * plane.channels)) {}
  float* inside(const Plane& plane) { return values.data() + margin * plane.channels; }
  void fill_margins(const Plane& plane) {
    float* row = inside(plane);
    for (int64_t x = 1; x <= margin; ++x) {
      const int64_t c = plane.channels, last = plane.columns - 1;
      std::copy_n(row + mirrored(-x, plane.columns) * c, c, row - x * c);
      std::copy_n(row + mirrored(last + x, plane.columns) * c, c, row + (last + x) * c);
    }
  }

  int64_t margin;
  std::vector<float> values;
};

void blur(const Plane& plane, double sigma, Plane& blurred) {
  const int64_t reach = static_cast<int64_t>(std::ceil(3 * sigma)), taps = 2 * reach + 1;
  const std::vector<float> weights = gaussian_weights(sigma, -static_cast<double>(reach), taps);
  std::vector<const float*> rows(static_cast<size_t>(taps));
  WideRow wide(plane, reach);
  for (int64_t y = 0; y < plane.rows; ++y) {
    for (int64_t t = 0; t < taps; ++t)
      rows[static_cast<size_t>(t)] = plane.row(mirrored(y + t - reach, plane.rows));
    token_sum()(rows.data(), weights.data(), taps, plane.row_size(), wide.inside(plane));
    wide.fill_margins(plane);
    for (int64_t t = 0; t < taps; ++t)
      rows[static_cast<size_t>(t)] = wide.values.data() + t * plane.channels;
    token_sum()(rows.data(), weights.data(), taps, plane.row_size(), blurred.row(y));
  }
}

void orient(const Plane& luminance, Plane& maps) {
  std::fill(maps.values.begin(), maps.values.end(), 0.0f);
  WideRow row(luminance, 1);
  for (int64_t y = 0; y < luminance.rows; ++y) {
    std::copy_n(luminance.row(y), luminance.columns, row.inside(luminance));
    row.fill_margins(luminance);
    orient_gradients()(luminance.row(mirrored(y - 1, luminance.rows)), row.inside(luminance),
                       luminance.row(mirrored(y + 1, luminance.rows)), luminance.columns,
                       maps.row(y / 2));
  }
}

// Samples the maps at one position of every cell, (right, down) pixels from its middle.
void sample(const Plane& maps, double right, double down, float* tokens) {
  const double x0 = std::floor((half_cell - 1 + right) / 2),
               y0 = std::floor((half_cell - 1 + down) / 2);
  const auto fx = static_cast<float>((half_cell - 1 + right) / 2 - x0);
  const auto fy = static_cast<float>((half_cell - 1 + down) / 2 - y0);
  for (int64_t v = 0; v < maps.rows / half_cell; ++v) {
    for (int64_t u = 0; u < maps.columns / half_cell; ++u, tokens += gradient_channels) {
      const int64_t y = half_cell * v + static_cast<int64_t>(y0),
                    x = half_cell * u + static_cast<int64_t>(x0);
      const float *a = maps.at(y, x), *b = maps.at(y, x + 1), *c = maps.at(y + 1, x),
                  *d = maps.at(y + 1, x + 1);
      for (int o = 0; o < orientations; ++o) {
        tokens[o] = (a[o] * (1 - fx) + b[o] * fx) * (1 - fy) + (c[o] * (1 - fx) + d[o] * fx) * fy;
      }
    }
  }
}

void describe(const float* image, int64_t height, int64_t width, float* tokens) {
  Plane luminance(height, width, 1), smooth(height, width, 1);
  const float* colors[] = {image, image + height * width, image + 2 * height * width};
  const float thirds[] = {1 / 3.0f, 1 / 3.0f, 1 / 3.0f};
  token_sum()(colors, thirds, 3, height * width, luminance.values.data());
  blur(luminance, 1.0, smooth);
  Plane maps(height / 2, width / 2, orientations), blurred = maps;
  orient(smooth, maps);
  constexpr double rings[][2] = {{0, 3.0}, {7, 3.5}, {14, 5.5}};  // radius and sigma in pixels
  for (const auto& [radius, sigma] : rings) {
    blur(maps, sigma / 2, blurred);
    for (int64_t d = 0; d < (radius > 0 ? directions : 1); ++d, tokens += orientations) {
      const double angle = static_cast<double>(d) * quarter_turn / 2;
      sample(blurred, radius * std::cos(angle), radius * std::sin(angle), tokens);
    }
  }
}

}  // namespace

void gradient_tokens(const float* images, int64_t count, int64_t height, int64_t width,
                     float* tokens) {
  parallel_for(count, [&](int64_t i) {
    describe(images + i * 3 * height * width, height, width,
             tokens + i * (height / cell) * (width / cell) * gradient_channels);
  });
}

}  // namespace musc2::cpu
