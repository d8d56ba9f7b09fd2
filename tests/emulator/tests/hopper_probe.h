#pragma once
// Single instructions of ptx/hopper.h and ptx/mbarrier.h, to test which thread holds what and when
// things happen.
#include <cstdint>

namespace musc2::cuda {

// One warpgroup computes sums (128, 128) of all threads += left (64, C) . right (256, C)^T, over 32
// bytes of channels from 32 * `step` on. Rows are 128 bytes, packed for shared memory. kind: 1
// bfloat16, 2 float16, 3 int8 with sums of int32. unwaited: returns the sums after waiting for all
// but this product. shift: bytes by which both operands are misaligned.
void probe_warpgroup(int64_t kind, const void* left, const void* right, int64_t step, bool unwaited,
                     int64_t shift, void* sums);

// Thread 0 announces `announced` bytes and makes `copies` copies of 32 bytes, each `apart` bytes
// after the one before. All threads write what they see before and after they wait: seen (2, 16).
void probe_arrivals(int64_t copies, int64_t announced, int64_t apart, const uint32_t* cells,
                    uint32_t* seen);

// Each block of a cluster announces `announced` bytes and copies its 32 bytes of `cells` (blocks,
// 8) to all blocks; after waiting it writes what it sees, seen (blocks, blocks, 8). Then each block
// arrives in all of them (the last block only with `all_arrive`) and waits for these arrivals.
void probe_cluster(int64_t blocks, int64_t announced, bool all_arrive, const uint32_t* cells,
                   uint32_t* seen);

// Two warpgroups increase their registers and a third one decreases its own: by as many or, with
// `too_many`, by fewer.
void probe_registers(bool too_many);

// Two groups of 64 threads with a named barrier each, at which `waiting` threads of the second
// group arrive. Each thread reads what the next thread of its group wrote before: seen (128).
void probe_groups(int64_t waiting, uint32_t* seen);

}  // namespace musc2::cuda
