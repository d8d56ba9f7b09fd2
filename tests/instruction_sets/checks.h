#pragma once
// What the checks of the instruction sets share: random inputs, counting, comparing.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace musc2::instruction_sets {

// Counts a check. The first failures are printed with what is going on.
void check(bool holds, const std::string& what);

// Says what is going on, for failures, crashes and timeouts, and selects the instruction set.
void begin(const std::string& name, const char* isa);

// The instruction sets of this machine, from base on.
const std::vector<const char*>& isas();

class Random {
 public:
  explicit Random(uint32_t seed) : bits_(seed) {}

  int64_t below(int64_t limit) {
    return static_cast<int64_t>(bits_() % static_cast<uint32_t>(limit));
  }
  std::vector<float> normal(int64_t count, float scale = 1) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = scale * normal_(bits_);
    return values;
  }
  // Points of a coarse lattice: full of ties.
  std::vector<float> lattice(int64_t count, int64_t steps = 16) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values)
      value = static_cast<float>(below(steps)) / static_cast<float>(steps);
    return values;
  }

 private:
  std::mt19937 bits_;
  std::normal_distribution<float> normal_;
};

// What an op writes.
struct Results {
  std::vector<float> floats;
  std::vector<int32_t> integers;
};

// The checks, each for all instruction sets.
void check_packing();
void check_searches();
void check_nearest_patches();
void check_near_copies();
void check_windows();
void check_point_ops();
void check_token_ops();

}  // namespace musc2::instruction_sets
