#pragma once
// State that the emulated instructions keep for each running block.
#include <map>

#include "emulator/scheduler.h"

namespace musc2::emulation {

// A Value for each running block, made at its first use. Those of earlier clusters are dropped.
template <class Value>
class PerBlock {
 public:
  Value& of(const Block& block) {
    const auto known = states_.find(block.life);
    if (known != states_.end()) return known->second;
    if (block.life > shape.cluster)
      states_.erase(states_.begin(), states_.upper_bound(block.life - shape.cluster));
    return states_[block.life];
  }

 private:
  std::map<uint64_t, Value> states_;  // by Block::life, which is consecutive in a cluster
};

}  // namespace musc2::emulation
