#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "emulator/hopper.h"
#include "emulator/per_block.h"

namespace musc2::cuda {
namespace {

using emulation::Block;
using emulation::running;

struct Copy {
  std::byte* to;
  const void* from;
  size_t bytes;
};

// What an Arrival stands for: its current phase.
struct Phase {
  int expected;
  unsigned number = 0;
  int arrived = 0;
  size_t announced = 0, copied = 0;
  std::vector<Copy> under_way;

  // Ends the phase, and says so, if all have arrived and its bytes are there to be copied.
  bool can_end() {
    if (arrived < expected || copied < announced) return false;
    for (const Copy& copy : under_way) std::memcpy(copy.to, copy.from, copy.bytes);
    *this = {expected, number + 1, 0, 0, 0, {}};
    return true;
  }
};

using Phases = std::map<const Arrival*, Phase>;  // Arrivals are static variables, at one place in all blocks
emulation::Belongings<Phases> phases;

// Barriers of groups by their numbers: how many wait, and how often the barrier has opened.
struct Meeting {
  int threads = 0, here = 0;
  unsigned opened = 0;
};
emulation::Belongings<std::map<int, Meeting>> meetings;

[[noreturn]] void complain(const std::string& what) { emulation::fail(emulation::describe(*running) + " " + what); }

Phase& phase_of(const Arrival& arrival, const Block& block) {
  Phases& own = phases.of(block);
  const auto found = own.find(&arrival);
  if (found == own.end()) complain("uses an arrival that has not begun");
  return found->second;
}

void arrive_in(Phase& phase, int bytes = 0) {
  if (phase.arrived == phase.expected && !phase.can_end()) complain("arrives in a phase that is waiting for copies");
  ++phase.arrived;
  phase.announced += static_cast<size_t>(bytes);
  if (phase.announced == 0) phase.can_end();  // copies come as late as they may, but there are none to come
}

bool overlap(const Copy& a, const Copy& b) { return a.to < b.to + b.bytes && b.to < a.to + a.bytes; }

void copy_into(const Block& block, void* shared, const void* global, int bytes, const Arrival& arrival) {
  const Copy copy{static_cast<std::byte*>(shared), global, static_cast<size_t>(bytes)};
  for (const uintptr_t number :
       {reinterpret_cast<uintptr_t>(shared), reinterpret_cast<uintptr_t>(global), copy.bytes}) {
    if (number % 16 != 0) complain("copies off the 16 bytes");
  }
  for (const auto& [other, phase] : phases.of(block)) {
    for (const Copy& under_way : phase.under_way) {
      if (overlap(copy, under_way)) complain("copies to where a copy is under way");
    }
  }
  Phase& phase = phase_of(arrival, block);
  phase.copied += copy.bytes;
  // Copies of another block may come before the own announcement.
  const bool all_arrived = phase.arrived == phase.expected;
  if (&block == running->block || all_arrived) {
    if (phase.arrived == 0 || phase.copied > phase.announced) complain("copies more than it announced");
  }
  phase.under_way.push_back(copy);
  std::memset(shared, 0xff, copy.bytes);
}

}  // namespace

uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(static_cast<const std::byte*>(shared) - running->block->memory.dynamic());
}

void begin_arrivals(Arrival& arrival, int expected) {
  if (!phases.of(*running->block).try_emplace(&arrival, Phase{expected, 0, 0, 0, 0, {}}).second) {
    complain("begins an arrival twice");
  }
}

void arrive(Arrival& arrival) { arrive_in(phase_of(arrival, *running->block)); }

void await(Arrival& arrival, unsigned number, emulation::Place place) {
  Phase& phase = phase_of(arrival, *running->block);
  emulation::wait_until([&] { return phase.number % 2 != number % 2 || phase.can_end(); }, place);
}

void meet_group(int number, int threads, emulation::Place place) {
  Meeting& meeting = meetings.of(*running->block)[number];
  if (meeting.here > 0 && meeting.threads != threads) complain("waits for other threads than the rest of its group");
  meeting.threads = threads;
  const unsigned opened = meeting.opened;
  if (++meeting.here == threads) meeting.here = 0, ++meeting.opened;
  emulation::wait_until([&] { return meeting.opened != opened; }, place);
}

namespace hopper {

void show_arrivals() {}

void change_registers(int registers, emulation::Place place) {
  static emulation::Belongings<int> given;  // and not taken
  const auto threads = static_cast<int>(emulation::shape.block.x);
  const int launched = (64 << 10) / threads / 8 * 8, more = registers - launched;
  int& left = given.of(*running->block);
  const auto take = [&] {
    const bool enough = more <= left;
    if (enough) left -= more;
    return enough;
  };
  emulation::wait_until(take, place);
}

void arrive(Arrival& arrival, int rank) {
  arrive_in(phase_of(arrival, emulation::neighbour(static_cast<unsigned>(rank))));
}

void announce(Arrival& arrival, int bytes) {
  Phase& phase = phase_of(arrival, *running->block);
  if (phase.announced > 0) complain("announces twice in a phase");
  arrive_in(phase, bytes);
}

void copy(void* shared, const void* global, int bytes, Arrival& arrival) {
  copy_into(*running->block, shared, global, bytes, arrival);
}

void copy_to_all(void* shared, const void* global, int bytes, Arrival& arrival, int blocks) {
  for (int rank = 0; rank < blocks; ++rank) {
    const Block& block = emulation::neighbour(static_cast<unsigned>(rank));
    copy_into(block, running->block->memory.same_place_in(block.memory, shared), global, bytes, arrival);
  }
}

}  // namespace hopper
}  // namespace musc2::cuda
