#pragma once
// The scalar twin of csrc/cuda/ptx/mbarrier.h. Errors: an mbarrier that is not initialized, is
// initialized twice, or gets more arrivals than expected. The scheduler finds phases that never
// end.
#include "cuda/mbarrier.h"
#include "emulator/collectives.h"

namespace musc2::cuda {

uint32_t shared_address(const void* shared);  // in dynamic shared memory

void init(Mbarrier& barrier, int expected);
void arrive(Mbarrier& barrier);
void wait(Mbarrier& barrier, unsigned phase, MUSC2_CALL_SITE);

inline void fence_on_device() {}

void meet_named(int number, int threads, emulation::CallSite site);

template <int threads>
void named_barrier(int number, MUSC2_CALL_SITE) {
  meet_named(number, threads, site);
}

}  // namespace musc2::cuda
