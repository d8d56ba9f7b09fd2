#pragma once
// The scalar twin of the instructions of cuda/hopper.h, which includes this when kernels are emulated. It says by
// itself which thread holds which sum and what the descriptions of rows mean; tests/ compares that with the
// PTX documentation. Everything happens as late as it may: what is being copied to holds NaN until a thread waits for
// its phase, rows are read when a thread waits for the product, and sums hold NaN until then. Errors are
//   - copies: to where a copy is under way, off the 16 bytes, more bytes than announced (but what another block of the
//     cluster copies may come before that), announced twice in a phase;
//   - registers: more than others of the block have given, of as many as it can be launched with, wait for ever;
//   - products: rows off the 1024 bytes or in another order of chunks, sums that others are under way for, no begin.
// The products of an instruction are added exactly, and the sum is cut off to float32, which is about what GPUs do.
#include "cuda/hopper.h"
#include "emulator/arrival.h"
#include "emulator/collectives.h"

namespace musc2::cuda::hopper {

void show_arrivals();
void arrive(Arrival& arrival, int rank);
void announce(Arrival& arrival, int bytes);
void copy(void* shared, const void* global, int bytes, Arrival& arrival);
void copy_to_all(void* shared, const void* global, int bytes, Arrival& arrival, int blocks);

void change_registers(int registers, emulation::Place place);

template <int registers>
void take_registers(MUSC2_HERE) {
  change_registers(registers, place);
}
template <int registers>
void give_registers(MUSC2_HERE) {
  change_registers(registers, place);
}

void begin_products(MUSC2_HERE);
void end_products(MUSC2_HERE);
void products_end(int last, emulation::Place place);

template <int last>
void wait_products(MUSC2_HERE) {
  products_end(last, place);
}

inline void touch(Sums&) {}

void multiply_bfloat16(Sums& first, Sums& second, Rows left, Rows right, MUSC2_HERE);
void multiply_float16(Sums& first, Sums& second, Rows left, Rows right, MUSC2_HERE);

}  // namespace musc2::cuda::hopper
