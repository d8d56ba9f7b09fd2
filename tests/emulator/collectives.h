#pragma once
// Barriers and warp operations by their CUDA names. A lane that is not in the mask gives garbage.
#include <cstring>
#include <type_traits>

#include "emulator/scheduler.h"

namespace musc2::emulation {

inline constexpr uint64_t absent = 0xDEADBEEFDEADBEEF;

template <class Value>
uint64_t to_bits(Value value) {
  static_assert(sizeof(Value) <= sizeof(uint64_t) && std::is_trivially_copyable_v<Value>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class Value>
Value from_bits(uint64_t bits) {
  Value value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline unsigned lane() { return running->number % lanes; }

// The value of the lane source(lane, first lane of the segment), or the own one if that is outside
// of the segment.
template <class Value, class Source>
Value shuffle(const char* operation, unsigned mask, Value value, int width, CallSite site,
              const Source& source) {
  meet({operation, mask, to_bits(value)}, site);
  const int own = static_cast<int>(lane()), segment = own & ~(width - 1);
  const int from = source(own, segment);
  const bool stays = from < segment || from >= segment + width;
  if (stays) return value;
  return from_bits<Value>((mask >> from & 1) != 0 ? running->warp_values[from] : absent);
}

template <class Value, class Combine>
Value reduce(const char* operation, unsigned mask, Value value, CallSite site,
             const Combine& combine) {
  meet({operation, mask, to_bits(value)}, site);
  bool first = true;
  for (unsigned other = 0; other < lanes; ++other) {
    if ((mask >> other & 1) == 0) continue;
    const auto theirs = from_bits<Value>(running->warp_values[other]);
    value = first ? theirs : combine(value, theirs);
    first = false;
  }
  return value;
}

}  // namespace musc2::emulation

// A parameter that receives the caller's file and line, for messages.
#define MUSC2_CALL_SITE ::musc2::emulation::CallSite site = {__builtin_FILE(), __builtin_LINE()}

inline void __syncthreads(MUSC2_CALL_SITE) {
  ::musc2::emulation::wait(::musc2::emulation::State::at_barrier, site);
}

inline void __syncwarp(unsigned mask = ~0u, MUSC2_CALL_SITE) {
  ::musc2::emulation::meet({"__syncwarp", mask}, site);
}

template <class Value>
Value __shfl_sync(unsigned mask, Value value, int source, int width = 32, MUSC2_CALL_SITE) {
  return ::musc2::emulation::shuffle(
      "__shfl_sync", mask, value, width, site,
      [=](int, int segment) { return segment + (source & (width - 1)); });
}
template <class Value>
Value __shfl_xor_sync(unsigned mask, Value value, int lane_mask, int width = 32, MUSC2_CALL_SITE) {
  return ::musc2::emulation::shuffle("__shfl_xor_sync", mask, value, width, site,
                                     [=](int lane, int) { return lane ^ lane_mask; });
}
template <class Value>
Value __shfl_down_sync(unsigned mask, Value value, unsigned delta, int width = 32,
                       MUSC2_CALL_SITE) {
  return ::musc2::emulation::shuffle("__shfl_down_sync", mask, value, width, site,
                                     [=](int lane, int) { return lane + static_cast<int>(delta); });
}
template <class Value>
Value __shfl_up_sync(unsigned mask, Value value, unsigned delta, int width = 32, MUSC2_CALL_SITE) {
  return ::musc2::emulation::shuffle("__shfl_up_sync", mask, value, width, site,
                                     [=](int lane, int) { return lane - static_cast<int>(delta); });
}

inline unsigned __ballot_sync(unsigned mask, int predicate, MUSC2_CALL_SITE) {
  ::musc2::emulation::meet({"__ballot_sync", mask, predicate != 0}, site);
  return ::musc2::emulation::running->meeting.votes;
}
inline int __any_sync(unsigned mask, int predicate, MUSC2_CALL_SITE) {
  ::musc2::emulation::meet({"__any_sync", mask, predicate != 0}, site);
  return ::musc2::emulation::running->meeting.votes != 0;
}
inline int __all_sync(unsigned mask, int predicate, MUSC2_CALL_SITE) {
  ::musc2::emulation::meet({"__all_sync", mask, predicate == 0}, site);
  return ::musc2::emulation::running->meeting.votes == 0;
}

template <class Value>
Value __reduce_add_sync(unsigned mask, Value value, MUSC2_CALL_SITE) {
  return ::musc2::emulation::reduce("__reduce_add_sync", mask, value, site,
                                    [](Value a, Value b) { return static_cast<Value>(a + b); });
}
template <class Value>
Value __reduce_min_sync(unsigned mask, Value value, MUSC2_CALL_SITE) {
  return ::musc2::emulation::reduce("__reduce_min_sync", mask, value, site,
                                    [](Value a, Value b) { return b < a ? b : a; });
}
template <class Value>
Value __reduce_max_sync(unsigned mask, Value value, MUSC2_CALL_SITE) {
  return ::musc2::emulation::reduce("__reduce_max_sync", mask, value, site,
                                    [](Value a, Value b) { return a < b ? b : a; });
}
