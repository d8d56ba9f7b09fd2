#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "testing/hopper_twin.h"

namespace musc2::cuda::hopper {
namespace {

using emulation::running;

struct Copy {
  std::byte* to;
  const void* from;
  size_t bytes;
};

// What an Arrival stands for: its current phase.
struct Phase {
  unsigned number = 0;
  bool announced = false;
  size_t expected = 0, copied = 0;
  std::vector<Copy> under_way;

  // Ends the phase if all its bytes are there to be copied.
  bool can_end() {
    if (!announced || copied < expected) return false;
    for (const Copy& copy : under_way) std::memcpy(copy.to, copy.from, copy.bytes);
    *this = {number + 1, false, 0, 0, {}};
    return true;
  }
};

struct BlockArrivals {
  uint64_t life = 0;
  std::map<const Arrival*, Phase> phases;
};

BlockArrivals& of_block() {
  static BlockArrivals arrivals;
  if (arrivals.life != running->block->life) arrivals = {running->block->life, {}};
  return arrivals;
}

[[noreturn]] void complain(const std::string& what) { emulation::fail(emulation::describe(*running) + " " + what); }

Phase& phase_of(const Arrival& arrival) {
  auto& phases = of_block().phases;
  const auto found = phases.find(&arrival);
  if (found == phases.end()) complain("uses an arrival that has not begun");
  return found->second;
}

bool overlap(const Copy& a, const Copy& b) { return a.to < b.to + b.bytes && b.to < a.to + a.bytes; }

}  // namespace

void begin_arrivals(Arrival& arrival) {
  if (!of_block().phases.try_emplace(&arrival).second) complain("begins an arrival twice");
}

void announce(Arrival& arrival, int bytes) {
  Phase& phase = phase_of(arrival);
  if (phase.announced) complain("announces twice in a phase");
  phase.announced = true;
  phase.expected = static_cast<size_t>(bytes);
}

void copy(void* shared, const void* global, int bytes, Arrival& arrival) {
  const Copy copy{static_cast<std::byte*>(shared), global, static_cast<size_t>(bytes)};
  for (const uintptr_t number :
       {reinterpret_cast<uintptr_t>(shared), reinterpret_cast<uintptr_t>(global), copy.bytes}) {
    if (number % 16 != 0) complain("copies off the 16 bytes");
  }
  for (const auto& [other, phase] : of_block().phases) {
    for (const Copy& under_way : phase.under_way) {
      if (overlap(copy, under_way)) complain("copies to where a copy is under way");
    }
  }
  Phase& phase = phase_of(arrival);
  phase.copied += copy.bytes;
  if (!phase.announced || phase.copied > phase.expected) complain("copies more than it announced");
  phase.under_way.push_back(copy);
  std::memset(shared, 0xff, copy.bytes);
}

void await(Arrival& arrival, unsigned number, emulation::Place place) {
  Phase& phase = phase_of(arrival);
  emulation::wait_until([&] { return phase.number % 2 != number % 2 || phase.can_end(); }, place);
}

}  // namespace musc2::cuda::hopper
