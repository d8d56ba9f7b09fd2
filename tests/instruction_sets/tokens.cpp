// The ops of images, tokens and rows of values.
#include <algorithm>
#include <limits>

#include "agreement.h"
#include "musc2/dictionary_tokens.h"
#include "musc2/gradient_tokens.h"
#include "musc2/lowest_mean.h"
#include "musc2/pool_grid.h"
#include "musc2/project_tokens.h"

namespace musc2::instruction_sets {
namespace {

std::vector<float> room(int64_t count) { return std::vector<float>(static_cast<size_t>(count)); }

void check_lowest_mean(Random& random) {
  constexpr int64_t rows = 70;
  for (const int64_t columns : {1, 2, 7, 33, 90, 101}) {
    std::vector<float> values = random.normal(rows * columns);
    for (size_t i = 0; i < values.size(); i += 13) values[i] = values[i / 2];
    for (size_t i = 5; i < values.size(); i += 11)
      values[i] = std::numeric_limits<float>::infinity();
    for (const double high : {0.3, -1.0}) {
      check_agreement("lowest_mean of " + std::to_string(columns), Promise::bits, [&] {
        Results results{room(rows), {}};
        cpu::lowest_mean(values.data(), rows, columns, -1, 1, high, 5, results.floats.data());
        return results;
      });
    }
  }
}

void check_pool_grid(Random& random) {
  const std::vector<int64_t> degrees{1, 3, 5};
  constexpr int64_t places = 2 * 5 * 6;
  for (const int64_t channels : {1, 5, 24, 131, 277}) {
    const std::vector<float> tokens = random.normal(places * channels, 0.2f);
    for (const bool similarity : {false, true}) {
      for (const int64_t count : {2, 3}) {
        check_agreement("pool_grid, " + std::to_string(channels) + " channels", Promise::near, [&] {
          Results results{room(places * channels), {}};
          cpu::pool_grid(tokens.data(), 2, 5, 6, channels, degrees.data(), count, similarity,
                         results.floats.data());
          return results;
        });
      }
    }
  }
}

void check_image_tokens(Random& random) {
  constexpr int64_t height = 16, width = 40, cells = 2 * (height / 8) * (width / 8);
  const std::vector<float> images = random.normal(2 * 3 * height * width, 0.3f);
  check_agreement("gradient_tokens", Promise::near, [&] {
    Results results{room(cells * cpu::gradient_channels), {}};
    cpu::gradient_tokens(images.data(), 2, height, width, results.floats.data());
    return results;
  });
  for (const int64_t components : {5, 16, 47}) {
    for (const int64_t words : {1, 17, 64, 70}) {
      const std::vector<float> whitening = random.normal(cpu::patch_values * components, 0.1f),
                               dictionary = random.normal(words * components);
      check_agreement("dictionary_tokens", Promise::near, [&] {
        Results results{room(cells * words), {}};
        cpu::dictionary_tokens(images.data(), 2, height, width, whitening.data(), components,
                               dictionary.data(), words, 0.04f, results.floats.data());
        return results;
      });
    }
  }
}

void check_project_tokens(Random& random) {
  constexpr int64_t count = 15, channels = 37;
  const std::vector<float> tokens = random.normal(count * channels);
  for (const int64_t columns : {1, 16, 31, 48, 130}) {
    const std::vector<float> matrix = random.normal(channels * columns),
                             offset = random.normal(columns);
    check_agreement("project_tokens", Promise::near, [&] {
      Results results{room(count * columns), {}};
      cpu::project_tokens(tokens.data(), count, channels, matrix.data(), offset.data(), columns,
                          results.floats.data());
      return results;
    });
  }
}

}  // namespace

void check_token_ops() {
  Random random(2);
  check_lowest_mean(random);
  check_pool_grid(random);
  check_image_tokens(random);
  check_project_tokens(random);
}

}  // namespace musc2::instruction_sets
