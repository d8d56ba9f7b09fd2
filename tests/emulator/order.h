#pragma once
// In which order the emulation lets blocks, warps and lanes run. A kernel whose result depends on it has a race.
#include <random>
#include <string>
#include <vector>

namespace musc2::emulation {

class Order {
 public:
  // "forward", "reverse", "random:SEED", "fair" or "uneven:SEED"; throws std::invalid_argument. Fair lets every thread
  // make one step in turn, uneven too, but at each a thread may sit out: lanes of a warp are apart for a while, which
  // shows what others are told before all lanes are there. In the others a warp runs on for as long as it can, which is
  // what shows a missing barrier.
  explicit Order(const std::string& text);

  bool is_fair() const { return kind_ == Kind::fair || kind_ == Kind::uneven; }
  bool sits_out() { return kind_ == Kind::uneven && random_() % 2 == 0; }

  // The numbers below count in the order of the next round; `numbers` is what the last call left.
  void arrange(std::vector<unsigned>& numbers, unsigned count);

 private:
  enum class Kind { forward, reverse, random, fair, uneven };
  Kind kind_;
  std::mt19937 random_;
};

// The order of the launches to come; it begins as MUSC2_EMULATION_ORDER says, else forward.
const std::string& order();
void set_order(const std::string& text);

}  // namespace musc2::emulation
