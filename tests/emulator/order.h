#pragma once
// The order in which blocks, warps and lanes run. A kernel whose result depends on it has a race.
#include <random>
#include <string>
#include <vector>

namespace musc2::emulation {

class Order {
 public:
  // "forward", "reverse", "random:SEED", "fair" or "uneven:SEED"; otherwise std::invalid_argument.
  // In forward, reverse and random order a warp runs for as long as it can, which reveals missing
  // barriers. In fair order each thread makes one step in turn. In uneven order a thread may skip
  // its turn, so the lanes of a warp drift apart, which reveals results that are used before all
  // lanes have contributed.
  explicit Order(const std::string& text);

  bool is_fair() const { return kind_ == Kind::fair || kind_ == Kind::uneven; }
  bool skips_turn() { return kind_ == Kind::uneven && random_() % 2 == 0; }

  // Arranges the numbers below `count` for the next round. `numbers` is the result of the previous
  // call.
  void arrange(std::vector<unsigned>& numbers, unsigned count);

 private:
  enum class Kind { forward, reverse, random, fair, uneven };
  Kind kind_;
  std::mt19937 random_;
};

// The order of future launches. The default is MUSC2_EMULATION_ORDER or, without it, forward.
const std::string& order();
void set_order(const std::string& text);

}  // namespace musc2::emulation
