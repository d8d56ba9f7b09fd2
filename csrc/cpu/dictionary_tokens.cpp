// One row of patches at a time is extracted, whitened, compared with every word and averaged along
// the row while it is in the cache. The rows are averaged at the end.
#include "musc2/dictionary_tokens.h"

#include <array>
#include <cmath>

#include "common/mirror.h"
#include "common/parallel.h"
#include "cpu/columns.h"
#include "cpu/isa/pool_tokens.h"

namespace musc2::cpu {
namespace {

constexpr int64_t stride = 4, taps = 8;

struct Dictionary {
  std::vector<float> whitening, zero, words;  // words (components, words): one per column
  int64_t components, word_count;             // both padded
  float softness;
};

Dictionary make_dictionary(const float* whitening, int64_t components, const float* words,
                           int64_t word_count, float softness) {
  const int64_t padded = padded_columns(components), padded_words = padded_columns(word_count);
  std::vector<float> columns(static_cast<size_t>(padded * padded_words));
  for (int64_t k = 0; k < word_count; ++k) {
    for (int64_t c = 0; c < components; ++c) {
      columns[static_cast<size_t>(c * padded_words + k)] = words[k * components + c];
    }
  }
  return {pad_columns(whitening, patch_values, components),
          std::vector<float>(static_cast<size_t>(padded)),
          columns,
          padded,
          padded_words,
          softness};
}

// Four sums, because a single one would be a chain of dependent additions.
template <class Term>
float mean_over_patch(Term term) {
  float sums[4] = {};
  for (int64_t i = 0; i < patch_values; i += 4) {
    for (int64_t s = 0; s < 4; ++s) sums[s] += term(i + s);
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) / static_cast<float>(patch_values);
}

void normalize(float softness, float* patch) {
  const float mean = mean_over_patch([&](int64_t i) { return patch[i]; });
  for (int64_t i = 0; i < patch_values; ++i) patch[i] -= mean;
  const float deviation =
      std::sqrt(mean_over_patch([&](int64_t i) { return patch[i] * patch[i]; }));
  if (deviation + softness > 0) {
    for (int64_t i = 0; i < patch_values; ++i) patch[i] /= deviation + softness;
  }
}

// Extracts the patches of row y, (width / stride, patch_values).
void extract_row(const float* image, int64_t height, int64_t width, int64_t y, float* patches) {
  for (int64_t color = 0; color < 3; ++color) {
    for (int64_t dy = 0; dy < patch_side; ++dy) {
      const float* row = image + (color * height + mirrored(stride * y + dy - 1, height)) * width;
      float* to = patches + (color * patch_side + dy) * patch_side;
      for (int64_t x = 0; x < width / stride; ++x, to += patch_values) {
        const int64_t first = stride * x - 1;
        const bool inside = first >= 0 && first + patch_side <= width;
        for (int64_t dx = 0; dx < patch_side; ++dx)
          to[dx] = row[inside ? first + dx : mirrored(first + dx, width)];
      }
    }
  }
}

// The Gaussian mean of the items around the middle between items 2 i and 2 i + 1; items (count,
// size).
void pool(const float* items, int64_t count, int64_t size, int64_t i,
          const std::vector<float>& weights, float* mean) {
  std::array<const float*, taps> vectors;
  for (int64_t t = 0; t < taps; ++t) {
    vectors[static_cast<size_t>(t)] = items + mirrored(2 * i + t - (taps / 2 - 1), count) * size;
  }
  token_sum()(vectors.data(), weights.data(), taps, size, mean);
}

struct Scratch {
  std::vector<float> patches, whitened, distances;
};

}  // namespace

void dictionary_tokens(const float* images, int64_t count, int64_t height, int64_t width,
                       const float* whitening, int64_t components, const float* words,
                       int64_t word_count, float softness, float* tokens) {
  const Dictionary dictionary = make_dictionary(whitening, components, words, word_count, softness);
  const std::vector<float> weights =
      gaussian_weights(1.0, 0.5 - static_cast<double>(taps) / 2, taps);
  const int64_t rows = height / stride, columns = width / stride, grid_rows = rows / 2,
                grid_columns = columns / 2;
  const int64_t k = dictionary.word_count;
  std::vector<float> pooled(static_cast<size_t>(rows * grid_columns * k));
  const int threads = num_threads();
  std::vector<Scratch> scratch(static_cast<size_t>(threads));
  for (int64_t i = 0; i < count; ++i) {
    const float* image = images + i * 3 * height * width;
    parallel_for(rows, threads, [&](int64_t y, int worker) {
      Scratch& own = scratch[static_cast<size_t>(worker)];
      own.patches.resize(static_cast<size_t>(columns * patch_values));
      own.whitened.resize(static_cast<size_t>(columns * dictionary.components));
      own.distances.resize(static_cast<size_t>(columns * k));
      extract_row(image, height, width, y, own.patches.data());
      for (int64_t x = 0; x < columns; ++x)
        normalize(softness, own.patches.data() + x * patch_values);
      affine_rows()(own.patches.data(), columns, patch_values, dictionary.whitening.data(),
                    dictionary.components, dictionary.zero.data(), own.whitened.data());
      distance_rows()(own.whitened.data(), columns, dictionary.components, dictionary.words.data(),
                      k, own.distances.data());
      for (int64_t u = 0; u < grid_columns; ++u) {
        pool(own.distances.data(), columns, k, u, weights,
             pooled.data() + (y * grid_columns + u) * k);
      }
    });
    parallel_for(grid_rows, [&](int64_t v) {
      std::vector<float> row(static_cast<size_t>(grid_columns * k));
      pool(pooled.data(), rows, grid_columns * k, v, weights, row.data());
      for (int64_t u = 0; u < grid_columns; ++u) {
        std::copy_n(row.data() + u * k, word_count,
                    tokens + ((i * grid_rows + v) * grid_columns + u) * word_count);
      }
    });
  }
}

}  // namespace musc2::cpu
