#include "agreement.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace musc2::instruction_sets {
namespace {

constexpr double share = 1e-5;  // of the largest value, as in tests/test_equal_results.py

bool are_near(const std::vector<float>& first, const std::vector<float>& other) {
  float largest = 0;
  for (const float value : first) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  bool near = true;
  for (size_t i = 0; i < first.size(); ++i) {
    near &= std::isfinite(first[i]) == std::isfinite(other[i]);
    if (std::isfinite(first[i])) {
      near &= std::abs(static_cast<double>(first[i]) - static_cast<double>(other[i])) <=
              share * static_cast<double>(largest);
    }
  }
  return near;
}

}  // namespace

void check_agreement(const std::string& name, Promise promise,
                     const std::function<Results()>& run) {
  begin(name, isas().front());
  const Results first = run();
  float sum = 0;
  for (const float value : first.floats) sum += std::isfinite(value) ? std::abs(value) : 0;
  for (const int32_t value : first.integers) sum += static_cast<float>(std::abs(value));
  check(sum > 0, "results are not all zero");
  for (const char* isa : isas()) {
    begin(name, isa);
    const Results other = run();
    check(other.integers == first.integers, "integers are those of base");
    if (promise == Promise::bits) {
      const bool equal = std::memcmp(first.floats.data(), other.floats.data(),
                                     first.floats.size() * sizeof(float)) == 0;
      check(equal, "values have the bits of base");
    } else {
      check(are_near(first.floats, other.floats), "values are near those of base");
    }
  }
}

}  // namespace musc2::instruction_sets
