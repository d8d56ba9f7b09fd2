#pragma once
// How threads of a block wait for some of the others, where a barrier of the whole block is too much (compute
// capability 8.0 on). Its functions: ptx/arrival.h.
#include <cstdint>

namespace musc2::cuda {

// In shared memory. Its phases are numbered from 0; each is over when as many threads have arrived as are expected and
// all that hopper.h announced has been copied. What a thread wrote before it arrives, those that wait see.
struct Arrival {
  uint64_t state;
};

}  // namespace musc2::cuda
