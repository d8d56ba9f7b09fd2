#pragma once
// The cooperative groups of clusters.
#include "emulator/collectives.h"

namespace cooperative_groups {

class cluster_group {
 public:
  static unsigned block_rank() { return musc2::emulation::running->block->rank; }
  static unsigned num_blocks() { return musc2::emulation::shape.cluster; }
  static void sync(MUSC2_CALL_SITE) {
    musc2::emulation::wait(musc2::emulation::State::at_cluster_barrier, site);
  }

  template <class Value>
  static Value* map_shared_rank(Value* address, unsigned rank) {
    using namespace musc2::emulation;
    void* const mapped = running->block->memory.translate(cluster_block(rank).memory, address);
    if (mapped == nullptr)
      fail(describe(*running) + " maps an address that is not in shared memory");
    return static_cast<Value*>(mapped);
  }
};

inline cluster_group this_cluster() { return {}; }

}  // namespace cooperative_groups
