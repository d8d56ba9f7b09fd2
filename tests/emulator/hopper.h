#pragma once
// The scalar twin of csrc/cuda/ptx/hopper.h. It defines by itself which thread holds which sum and
// what descriptors mean; tests/ compares that with the PTX documentation. Everything happens as
// late as possible: the target of a copy holds NaN until a thread waits for its phase; operands are
// read when a thread waits for the product, and sums hold NaN (integers: its bits) until then.
// Errors:
//   - copies: to the target of a copy in flight, not aligned to 16 bytes, more bytes than announced
//     (other blocks of the cluster may copy before that), bytes announced twice in a phase;
//   - registers: taking more than other warps of the block have given up waits forever;
//   - products: operands that are not aligned to 1024 bytes or have another swizzle, a missing
//     fence, products into other sums than those in flight.
// The products of an instruction are summed exactly and cut off to float32, which is close to GPUs;
// those of integers wrap around.
#include "cuda/hopper.h"
#include "emulator/collectives.h"
#include "emulator/mbarrier.h"

namespace musc2::cuda::hopper {

void fence_mbarrier_init();
void arrive(Mbarrier& barrier, int rank);
void arrive_expect_bytes(Mbarrier& barrier, int bytes);
void bulk_copy(void* shared, const void* global, int bytes, Mbarrier& barrier);
void bulk_copy_multicast(void* shared, const void* global, int bytes, Mbarrier& barrier,
                         int blocks);

void change_registers(int registers, emulation::CallSite site);

template <int registers>
void increase_registers(MUSC2_CALL_SITE) {
  change_registers(registers, site);
}
template <int registers>
void decrease_registers(MUSC2_CALL_SITE) {
  change_registers(registers, site);
}

void fence_products(MUSC2_CALL_SITE);
void commit_products(MUSC2_CALL_SITE);
void products_end(int last, emulation::CallSite site);

template <int last>
void wait_products(MUSC2_CALL_SITE) {
  products_end(last, site);
}

inline void fence_sums(Sums&) {}
inline void fence_sums(IntegerSums&) {}

void multiply_bfloat16(Sums& first, Sums& second, Descriptor left, Descriptor right,
                       MUSC2_CALL_SITE);
void multiply_float16(Sums& first, Sums& second, Descriptor left, Descriptor right,
                      MUSC2_CALL_SITE);
void multiply_int8(IntegerSums& first, IntegerSums& second, Descriptor left, Descriptor right,
                   MUSC2_CALL_SITE);

}  // namespace musc2::cuda::hopper
