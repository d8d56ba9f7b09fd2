#pragma once
// The messages of ptx/cluster.h, to test when they arrive.
#include <cstdint>

namespace musc2::cuda {

// Each block of a cluster announces `announced` bytes, and sends all blocks its message, four times
// its rank, to a place of its own or, with `same_place`, to the first. It writes what it sees once
// all have sent, before and after it waits: seen (blocks, 2, blocks, 4).
void probe_messages(int64_t blocks, int64_t announced, bool same_place, float* seen);

}  // namespace musc2::cuda
