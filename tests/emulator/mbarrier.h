#pragma once
// The scalar twin of csrc/cuda/ptx/mbarrier.h and csrc/cuda/ptx/cluster.h. Errors: an mbarrier that
// is not initialized, is initialized twice, or gets more arrivals than expected. The scheduler finds
// phases that never end. A message is delivered when a thread of its block waits for the phase;
// until then its place holds NaN. Errors of bulk copies (hopper.h) are those of messages, too.
#include "cuda/mbarrier.h"
#include "emulator/collectives.h"
#include "emulator/language.h"

namespace musc2::cuda {

uint32_t shared_address(const void* shared);  // in dynamic shared memory

void init(Mbarrier& barrier, int expected);
void arrive(Mbarrier& barrier);
void wait(Mbarrier& barrier, unsigned phase, MUSC2_CALL_SITE);

// `shared` is dynamic shared memory, `barrier` static.
void send(float4 message, void* shared, Mbarrier& barrier, int rank);
int64_t messages_sent();  // for tests: since the process began
inline void wait_for_messages(Mbarrier& barrier, unsigned phase, MUSC2_CALL_SITE) {
  wait(barrier, phase, site);
}

inline void release_on_device() {}
inline void acquire_on_device() {}

void meet_named(int number, int threads, emulation::CallSite site);

template <int threads>
void named_barrier(int number, MUSC2_CALL_SITE) {
  meet_named(number, threads, site);
}

}  // namespace musc2::cuda
