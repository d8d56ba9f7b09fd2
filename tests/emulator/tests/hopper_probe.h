#pragma once
// Single instructions of cuda/hopper.h and cuda/arrival.h, for tests of which thread holds what and when things happen.
#include <cstdint>

namespace musc2::cuda {

// By one warpgroup: sums (128, 128) of all threads += left (64, 64) . right (256, 64)^T, over the 16 channels from
// 16 * `step` on. Numbers of 16 bits, packed for shared memory. kind: 1 bfloat16, 2 float16. `unwaited`: the sums as
// they are when all but this product have been waited for. shift: bytes that both sides lie off the place where they
// should.
void probe_warpgroup(int64_t kind, const uint16_t* left, const uint16_t* right, int64_t step, bool unwaited,
                     int64_t shift, float* sums);

// Thread 0 copies `copies` times 32 bytes, each to its own place, having announced `announced` bytes; all threads see
// what is there before they wait, then after: seen (2, 16). Each copy is `apart` bytes after the
// one before.
void probe_arrivals(int64_t copies, int64_t announced, int64_t apart, const uint32_t* cells, uint32_t* seen);

// A cluster of `blocks` blocks, each of which copies its 32 bytes of `cells` (blocks, 8) to all and announces
// `announced` bytes: what each sees after waiting, seen (blocks, blocks, 8). Then each arrives in all of them, but the
// last of them only when `all_arrive`, and waits for that.
void probe_cluster(int64_t blocks, int64_t announced, bool all_arrive, const uint32_t* cells, uint32_t* seen);

// Three warpgroups, of which two take registers and the third gives some: as many as there are, or, `too_many`, more.
void probe_registers(bool too_many);

// Two groups of 64 threads, each with a barrier of its own that `waiting` threads of the second group come to; a thread
// sees the number that the thread after it in its group wrote before: seen (128).
void probe_groups(int64_t waiting, uint32_t* seen);

}  // namespace musc2::cuda
