#include "emulator/order.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <stdexcept>

namespace musc2::emulation {
namespace {

// The seed of a text such as "random:7"; empty for other texts.
std::string seed_of(const std::string& text, const std::string& kind) {
  if (text.compare(0, kind.size(), kind) != 0) return "";
  const std::string seed = text.substr(kind.size());
  return seed.find_first_not_of("0123456789") == std::string::npos ? seed : "";
}

std::string& current_order() {
  static std::string order = [] {
    const char* text = std::getenv("MUSC2_EMULATION_ORDER");
    return std::string(text == nullptr ? "forward" : text);
  }();
  return order;
}

}  // namespace

Order::Order(const std::string& text) {
  const std::string random = seed_of(text, "random:"), uneven = seed_of(text, "uneven:");
  if (text == "forward") {
    kind_ = Kind::forward;
  } else if (text == "reverse") {
    kind_ = Kind::reverse;
  } else if (text == "fair") {
    kind_ = Kind::fair;
  } else if (const std::string& seed = random.empty() ? uneven : random; !seed.empty()) {
    kind_ = random.empty() ? Kind::uneven : Kind::random;
    random_.seed(static_cast<std::mt19937::result_type>(std::stoul(seed)));
  } else {
    throw std::invalid_argument(
        "the order must be forward, reverse, random:SEED, fair or uneven:SEED, got \"" + text +
        '"');
  }
}

void Order::arrange(std::vector<unsigned>& numbers, unsigned count) {
  if (numbers.size() != count) {
    numbers.resize(count);
    std::iota(numbers.begin(), numbers.end(), 0u);
    if (kind_ == Kind::reverse) std::reverse(numbers.begin(), numbers.end());
  }
  if (kind_ == Kind::random) std::shuffle(numbers.begin(), numbers.end(), random_);
}

const std::string& order() { return current_order(); }

void set_order(const std::string& text) {
  Order checked(text);
  current_order() = text;
}

}  // namespace musc2::emulation
