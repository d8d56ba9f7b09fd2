#pragma once
// The scalar twin of cuda/arrival.h, which includes this when kernels are emulated. Errors are arrivals that have not
// begun, begin twice, or of more threads than are expected. A phase that never ends is found by the scheduler.
#include "cuda/arrival.h"
#include "emulator/collectives.h"

namespace musc2::cuda {

uint32_t shared_address(const void* shared);  // in dynamic shared memory

void begin_arrivals(Arrival& arrival, int expected);
void arrive(Arrival& arrival);
void await(Arrival& arrival, unsigned phase, MUSC2_HERE);

inline void fence_on_device() {}

void meet_group(int number, int threads, emulation::Place place);

template <int threads>
void group_barrier(int number, MUSC2_HERE) {
  meet_group(number, threads, place);
}

}  // namespace musc2::cuda
