#include <algorithm>
#include <cstring>
#include <deque>
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

// The current phase of an mbarrier.
struct Phase {
  int expected;
  unsigned number = 0;
  int arrived = 0;
  size_t announced = 0, copied = 0;
  std::vector<Copy> in_flight;
  std::deque<float4> messages;  // which are copied from here

  // Ends the phase if all threads have arrived and all bytes can be copied. Returns whether it did.
  bool try_end() {
    if (arrived < expected || copied < announced) return false;
    for (const Copy& copy : in_flight) std::memcpy(copy.to, copy.from, copy.bytes);
    *this = {expected, number + 1, 0, 0, 0, {}, {}};
    return true;
  }
};

using Phases = std::map<const Mbarrier*, Phase>;  // static variables: one address in all blocks
emulation::PerBlock<Phases> phases;

// A named barrier: how many threads wait, and how often it has opened.
struct NamedBarrier {
  int threads = 0, waiting = 0;
  unsigned opened = 0;
};
emulation::PerBlock<std::map<int, NamedBarrier>> named_barriers;

int64_t message_count = 0;

[[noreturn]] void fail(const std::string& message) {
  emulation::fail(emulation::describe(*running) + " " + message);
}

Phase& phase_of(const Mbarrier& barrier, const Block& block) {
  Phases& own = phases.of(block);
  const auto phase = own.find(&barrier);
  if (phase == own.end()) fail("uses an mbarrier that is not initialized");
  return phase->second;
}

void arrive_in(Phase& phase, int bytes = 0) {
  if (phase.arrived == phase.expected && !phase.try_end())
    fail("arrives in a phase whose arrivals are complete");
  ++phase.arrived;
  phase.announced += static_cast<size_t>(bytes);
  // Copies are made as late as possible, by the first to wait; without copies the phase ends here.
  if (phase.announced == 0) phase.try_end();
}

bool overlap(const Copy& a, const Copy& b) {
  return a.to < b.to + b.bytes && b.to < a.to + a.bytes;
}

void copy_into(const Block& block, void* shared, const void* global, int bytes,
               const Mbarrier& barrier) {
  const Copy copy{static_cast<std::byte*>(shared), global, static_cast<size_t>(bytes)};
  for (const uintptr_t number :
       {reinterpret_cast<uintptr_t>(shared), reinterpret_cast<uintptr_t>(global), copy.bytes}) {
    if (number % 16 != 0) fail("makes a bulk copy that is not aligned to 16 bytes");
  }
  for (const auto& [other, phase] : phases.of(block)) {
    for (const Copy& in_flight : phase.in_flight) {
      if (overlap(copy, in_flight)) fail("copies to the target of a copy in flight");
    }
  }
  Phase& phase = phase_of(barrier, block);
  phase.copied += copy.bytes;
  // Copies by another block may come before this block announces their bytes.
  const bool all_arrived = phase.arrived == phase.expected;
  if (&block == running->block || all_arrived) {
    if (phase.arrived == 0 || phase.copied > phase.announced)
      fail("copies more bytes than announced");
  }
  phase.in_flight.push_back(copy);
  std::memset(shared, 0xff, copy.bytes);
}

}  // namespace

uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(static_cast<const std::byte*>(shared) -
                               running->block->memory.dynamic());
}

void init(Mbarrier& barrier, int expected) {
  if (!phases.of(*running->block)
           .try_emplace(&barrier, Phase{expected, 0, 0, 0, 0, {}, {}})
           .second) {
    fail("initializes an mbarrier twice");
  }
}

void arrive(Mbarrier& barrier) { arrive_in(phase_of(barrier, *running->block)); }

void wait(Mbarrier& barrier, unsigned number, emulation::CallSite site) {
  Phase& phase = phase_of(barrier, *running->block);
  emulation::wait_until([&] { return phase.number % 2 != number % 2 || phase.try_end(); }, site);
}

void send(float4 message, void* shared, Mbarrier& barrier, int rank) {
  const Block& block = emulation::cluster_block(static_cast<unsigned>(rank));
  std::deque<float4>& messages = phase_of(barrier, block).messages;
  messages.push_back(message);
  ++message_count;
  copy_into(block, running->block->memory.translate(block.memory, shared), &messages.back(),
            sizeof message, barrier);
}

int64_t messages_sent() { return message_count; }

void meet_named(int number, int threads, emulation::CallSite site) {
  NamedBarrier& named = named_barriers.of(*running->block)[number];
  if (named.waiting > 0 && named.threads != threads)
    fail("waits at a named barrier with another number of threads than its group");
  named.threads = threads;
  const unsigned opened = named.opened;
  if (++named.waiting == threads) named.waiting = 0, ++named.opened;
  emulation::wait_until([&] { return named.opened != opened; }, site);
}

namespace hopper {

void fence_mbarrier_init() {}

void change_registers(int registers, emulation::CallSite site) {
  static emulation::PerBlock<int> unused;  // registers that other threads have given up
  const auto threads = static_cast<int>(emulation::shape.block.x);
  const int launched = (64 << 10) / threads / 8 * 8, more = registers - launched;
  int& left = unused.of(*running->block);
  const auto take = [&] {
    const bool enough = more <= left;
    if (enough) left -= more;
    return enough;
  };
  emulation::wait_until(take, site);
}

void arrive(Mbarrier& barrier, int rank) {
  arrive_in(phase_of(barrier, emulation::cluster_block(static_cast<unsigned>(rank))));
}

void arrive_expect_bytes(Mbarrier& barrier, int bytes) {
  Phase& phase = phase_of(barrier, *running->block);
  if (phase.announced > 0) fail("announces bytes twice in a phase");
  arrive_in(phase, bytes);
}

void bulk_copy(void* shared, const void* global, int bytes, Mbarrier& barrier) {
  copy_into(*running->block, shared, global, bytes, barrier);
}

void bulk_copy_multicast(void* shared, const void* global, int bytes, Mbarrier& barrier,
                         int blocks) {
  for (int rank = 0; rank < blocks; ++rank) {
    const Block& block = emulation::cluster_block(static_cast<unsigned>(rank));
    copy_into(block, running->block->memory.translate(block.memory, shared), global, bytes,
              barrier);
  }
}

}  // namespace hopper
}  // namespace musc2::cuda
