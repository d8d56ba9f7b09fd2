#include "testing/order.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <stdexcept>

namespace musc2::emulation {
namespace {

std::string& chosen() {
  static std::string text = [] {
    const char* wanted = std::getenv("MUSC2_EMULATION_ORDER");
    return std::string(wanted == nullptr ? "forward" : wanted);
  }();
  return text;
}

}  // namespace

Order::Order(const std::string& text) {
  const std::string random = "random:";
  if (text == "forward") {
    kind_ = Kind::forward;
  } else if (text == "reverse") {
    kind_ = Kind::reverse;
  } else if (text == "fair") {
    kind_ = Kind::fair;
  } else if (text.compare(0, random.size(), random) == 0 && text.size() > random.size() &&
             text.find_first_not_of("0123456789", random.size()) == std::string::npos) {
    kind_ = Kind::random;
    random_.seed(static_cast<std::mt19937::result_type>(std::stoul(text.substr(random.size()))));
  } else {
    throw std::invalid_argument("the order must be forward, reverse, random:SEED or fair, got \"" + text + '"');
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

const std::string& order() { return chosen(); }

void set_order(const std::string& text) {
  Order checked(text);
  chosen() = text;
}

}  // namespace musc2::emulation
