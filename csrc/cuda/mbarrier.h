#pragma once
// Memory barriers (mbarriers): some threads of a block wait for others of it, where a barrier of
// the whole block is too much (compute capability 8.0 and newer). The operations are in
// ptx/mbarrier.h.
#include <cstdint>

namespace musc2::cuda {

// In shared memory. Its phases are numbered from 0. A phase ends when the expected number of
// threads has arrived and all bytes that hopper.h announced have been copied. Threads that wait for
// the phase see everything that the others wrote before they arrived.
struct Mbarrier {
  uint64_t state;
};

}  // namespace musc2::cuda
