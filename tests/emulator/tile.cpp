#include "emulator/tile.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "emulator/narrow_floats.h"

namespace musc2::cuda::tile {
namespace {

using emulation::CallSite;
using emulation::running;

constexpr size_t chunk_bytes = 16;

// What a lane of the warp passed to the instruction, once all lanes have met.
template <class Passed>
const Passed* from_lane(unsigned lane) {
  return reinterpret_cast<const Passed*>(running->warp_values[lane]);
}

void meet(const char* instruction, const void* passed, CallSite site) {
  emulation::meet({instruction, emulation::all_lanes, reinterpret_cast<uint64_t>(passed)}, site);
}

void check_aligned(const char* instruction, const void* address) {
  if (reinterpret_cast<uintptr_t>(address) % chunk_bytes == 0) return;
  emulation::fail(emulation::describe(*running) + " passes " + instruction +
                  " an address that is not a multiple of 16");
}

struct Operands {
  uint32_t a[4], b[2];
};

// Adds product(cell of the row, cell of the column) over all 8 cells to each sum of this lane.
template <class Product>
void multiply(const char* instruction, Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2],
              CallSite site, const Product& product) {
  const Operands own{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const unsigned lane = emulation::lane();
  meet(instruction, &own, site);
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + i % 2;
    double sum = sums[i];
    for (unsigned cell = 0; cell < 8; ++cell) {
      const uint32_t left = from_lane<Operands>(row % 8 * 4 + cell % 4)->a[row / 8 + cell / 4 * 2];
      const uint32_t right = from_lane<Operands>(column * 4 + cell % 4)->b[cell / 4];
      sum += product(left, right);
    }
    sums[i] = emulation::toward_zero(sum);
  }
  meet(instruction, nullptr, site);  // the others have read the operands
}

// A thread's groups of copies are numbered in the order of their commits.
struct Copy {
  unsigned char* to;
  unsigned char chunk[chunk_bytes];
  int group;
};

struct Copies {
  std::vector<Copy> in_flight;
  int committed = 0;
};

struct BlockCopies {
  uint64_t life = 0;
  std::vector<Copies> of_threads;
  std::set<const void*> targets;
};

BlockCopies& of_block() {
  static BlockCopies copies;
  if (copies.life != running->block->life)
    copies = {running->block->life, std::vector<Copies>(1024), {}};
  return copies;
}

}  // namespace

Matrices load_matrices(const void* row, CallSite site) {
  check_aligned("load_matrices", row);
  meet("load_matrices", row, site);
  const unsigned lane = emulation::lane();
  Matrices read;
  for (unsigned matrix = 0; matrix < 4; ++matrix) {
    const auto* read_row = from_lane<unsigned char>(matrix * 8 + lane / 4);
    std::memcpy(&read.cells[matrix], read_row + lane % 4 * sizeof(uint32_t), sizeof(uint32_t));
  }
  meet("load_matrices", nullptr, site);
  return read;
}

Matrices load_matrices(uint32_t row, CallSite site) {
  return load_matrices(running->block->memory.dynamic() + row, site);
}

void copy_async(uint32_t shared, const void* global, bool in_bounds) {
  copy_async(running->block->memory.dynamic() + shared, global, in_bounds);
}

void copy_async(void* shared, const void* global, bool in_bounds) {
  check_aligned("copy_async", shared);
  if (in_bounds) check_aligned("copy_async", global);
  BlockCopies& block = of_block();
  if (!block.targets.insert(shared).second) {
    emulation::fail(emulation::describe(*running) + " copies to the target of a copy in flight");
  }
  Copies& own = block.of_threads[running->number];
  Copy& copy =
      own.in_flight.emplace_back(Copy{static_cast<unsigned char*>(shared), {}, own.committed});
  if (in_bounds) std::memcpy(copy.chunk, global, chunk_bytes);
  std::memset(shared, 0xff, chunk_bytes);
}

void commit_copies() { ++of_block().of_threads[running->number].committed; }

void complete_copies(int last) {
  BlockCopies& block = of_block();
  Copies& own = block.of_threads[running->number];
  const auto lands = [&](const Copy& copy) { return copy.group < own.committed - last; };
  for (const Copy& copy : own.in_flight) {
    if (!lands(copy)) continue;
    std::memcpy(copy.to, copy.chunk, chunk_bytes);
    block.targets.erase(copy.to);
  }
  own.in_flight.erase(std::remove_if(own.in_flight.begin(), own.in_flight.end(), lands),
                      own.in_flight.end());
}

void multiply_bfloat16(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], CallSite site) {
  multiply("multiply_bfloat16", sums, a, b, site, [](uint32_t left, uint32_t right) {
    return __uint_as_float(left << 16) * __uint_as_float(right << 16) +
           __uint_as_float(left & 0xffff0000) * __uint_as_float(right & 0xffff0000);
  });
}

void multiply_float16(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], CallSite site) {
  const auto half = [](uint32_t cell, int shift) {
    return __half2float({static_cast<uint16_t>(cell >> shift)});
  };
  multiply("multiply_float16", sums, a, b, site, [half](uint32_t left, uint32_t right) {
    return half(left, 0) * half(right, 0) + half(left, 16) * half(right, 16);
  });
}

// Ignores the bits that tf32 does not have, as a GPU does.
void multiply_tf32(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], CallSite site) {
  multiply("multiply_tf32", sums, a, b, site, [](uint32_t left, uint32_t right) {
    return __uint_as_float(left & 0xffffe000) * __uint_as_float(right & 0xffffe000);
  });
}

uint32_t round_tf32(float value) {
  const uint32_t bits = __float_as_uint(value);
  const bool finite = (bits & 0x7f800000) != 0x7f800000;
  return finite ? (bits + 0x1000) & 0xffffe000 : bits;
}

}  // namespace musc2::cuda::tile
