#pragma once
// Single instructions of cuda/hopper.h by one warpgroup, for tests of which thread holds what and when things happen.
#include <cstdint>

namespace musc2::cuda {

// sums (128, 128) of all threads = left (64, 64) . right (256, 64)^T, over the 16 channels from 16 * `step` on; `add`:
// on top of what the sums hold. Numbers of 16 bits, packed for shared memory. kind: 1 bfloat16, 2 float16. `unwaited`:
// the sums as they are before the wait. shift: bytes that both sides lie off the place where they should.
void probe_warpgroup(int64_t kind, const uint16_t* left, const uint16_t* right, int64_t step, bool add, bool unwaited,
                     int64_t shift, float* sums);

// Thread 0 copies `copies` times 32 bytes, each to its own place, having announced `announced` bytes; all threads see
// what is there before they wait, then after: seen (2, 16). Each copy is `apart` bytes after the
// one before.
void probe_arrivals(int64_t copies, int64_t announced, int64_t apart, const uint32_t* cells, uint32_t* seen);

}  // namespace musc2::cuda
