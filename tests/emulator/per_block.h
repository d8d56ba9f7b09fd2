#pragma once
// What the twins remember of the blocks that run.
#include <map>

#include "emulator/scheduler.h"

namespace musc2::emulation {

// The running block's Thing, made when first asked for. Those of earlier clusters are forgotten.
template <class Thing>
class Belongings {
 public:
  Thing& of(const Block& block) {
    const auto found = things_.find(block.life);
    if (found != things_.end()) return found->second;
    if (block.life > shape.cluster) things_.erase(things_.begin(), things_.upper_bound(block.life - shape.cluster));
    return things_[block.life];
  }

 private:
  std::map<uint64_t, Thing> things_;  // by the life of the block; lives of a cluster's blocks follow each other
};

}  // namespace musc2::emulation
