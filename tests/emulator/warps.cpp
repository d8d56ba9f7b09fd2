#include "emulator/warps.h"

#include <cstring>

namespace musc2::emulation {
namespace {

void check_agreement(const Thread& one, const Thread& other) {
  if (one.meeting.mask != other.meeting.mask ||
      std::strcmp(one.meeting.operation, other.meeting.operation) != 0) {
    throw Error(describe(one) + " is in " + one.meeting.operation + ", but " + describe(other) +
                " of its mask is in " + other.meeting.operation + " or has another mask");
  }
}

}  // namespace

bool settle_meetings(Thread* warp, unsigned count) {
  unsigned waiting = 0;
  for (unsigned lane = 0; lane < count; ++lane)
    waiting |= unsigned{warp[lane].state == State::in_warp} << lane;
  // A full mask may name lanes that the block does not have.
  const unsigned existing = count < lanes ? (1u << count) - 1 : ~0u;
  bool any = false;
  while (waiting != 0) {
    const auto first = static_cast<unsigned>(__builtin_ctz(waiting));
    const unsigned mask = warp[first].meeting.mask & existing;
    if ((mask & ~waiting) != 0) {
      waiting &= ~(1u << first);
      continue;
    }
    unsigned votes = 0;
    for (unsigned lane = first; lane < count; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      check_agreement(warp[first], warp[lane]);
      warp[lane].warp_values[lane] = warp[lane].meeting.value;
      votes |= unsigned{warp[lane].meeting.value != 0} << lane;
    }
    for (unsigned lane = first; lane < count; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      warp[lane].meeting.votes = votes;
      warp[lane].state = State::ready;
    }
    any = true;
    waiting &= ~mask;
  }
  return any;
}

bool settle_waits(Thread* warp, unsigned count) {
  bool any = false;
  for (unsigned lane = 0; lane < count; ++lane) {
    if (warp[lane].state != State::until || !(*warp[lane].awaited)()) continue;
    warp[lane].state = State::ready;
    any = true;
  }
  return any;
}

}  // namespace musc2::emulation
