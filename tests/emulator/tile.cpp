#include "emulator/tile.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "emulator/narrow_floats.h"

namespace musc2::cuda::tile {
namespace {

using emulation::Place;
using emulation::running;

constexpr size_t chunk_bytes = 16;

// What each lane of the warp brought, once all have come.
template <class Brought>
const Brought* from_lane(unsigned lane) {
  return reinterpret_cast<const Brought*>(running->warp_values[lane]);
}

void meet(const char* instruction, const void* brought, Place place) {
  emulation::meet({instruction, emulation::all_lanes, reinterpret_cast<uint64_t>(brought)}, place);
}

void check_aligned(const char* instruction, const void* address) {
  if (reinterpret_cast<uintptr_t>(address) % chunk_bytes == 0) return;
  emulation::fail(emulation::describe(*running) + " passes " + instruction + " an address off the 16 bytes");
}

struct Operands {
  uint32_t a[4], b[2];
};

// Adds product(cell of the row, cell of the column) of all 8 cells to each sum of this lane.
template <class Product>
void multiply(const char* instruction, Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], Place place,
              const Product& product) {
  const Operands own{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const unsigned lane = emulation::lane();
  meet(instruction, &own, place);
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
  meet(instruction, nullptr, place);  // the others have read the operands
}

// Copies of one block; a thread's groups are numbered as they end.
struct Copy {
  unsigned char* to;
  unsigned char chunk[chunk_bytes];
  int group;
};

struct Copies {
  std::vector<Copy> under_way;
  int ended = 0;
};

struct BlockCopies {
  uint64_t life = 0;
  std::vector<Copies> of_threads;
  std::set<const void*> targets;
};

BlockCopies& of_block() {
  static BlockCopies copies;
  if (copies.life != running->block->life) copies = {running->block->life, std::vector<Copies>(1024), {}};
  return copies;
}

}  // namespace

Matrices load_matrices(const void* row, Place place) {
  check_aligned("load_matrices", row);
  meet("load_matrices", row, place);
  const unsigned lane = emulation::lane();
  Matrices read;
  for (unsigned matrix = 0; matrix < 4; ++matrix) {
    const auto* read_row = from_lane<unsigned char>(matrix * 8 + lane / 4);
    std::memcpy(&read.cells[matrix], read_row + lane % 4 * sizeof(uint32_t), sizeof(uint32_t));
  }
  meet("load_matrices", nullptr, place);
  return read;
}

void copy_chunk(void* shared, const void* global, bool there) {
  check_aligned("copy_chunk", shared);
  if (there) check_aligned("copy_chunk", global);
  BlockCopies& block = of_block();
  if (!block.targets.insert(shared).second) {
    emulation::fail(emulation::describe(*running) + " copies to where a copy is under way");
  }
  Copies& own = block.of_threads[running->number];
  Copy& copy = own.under_way.emplace_back(Copy{static_cast<unsigned char*>(shared), {}, own.ended});
  if (there) std::memcpy(copy.chunk, global, chunk_bytes);
  std::memset(shared, 0xff, chunk_bytes);
}

void copies_end() { ++of_block().of_threads[running->number].ended; }

void copies_land(int last) {
  BlockCopies& block = of_block();
  Copies& own = block.of_threads[running->number];
  const auto lands = [&](const Copy& copy) { return copy.group < own.ended - last; };
  for (const Copy& copy : own.under_way) {
    if (!lands(copy)) continue;
    std::memcpy(copy.to, copy.chunk, chunk_bytes);
    block.targets.erase(copy.to);
  }
  own.under_way.erase(std::remove_if(own.under_way.begin(), own.under_way.end(), lands), own.under_way.end());
}

void multiply_bfloat16(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], Place place) {
  multiply("multiply_bfloat16", sums, a, b, place, [](uint32_t left, uint32_t right) {
    return __uint_as_float(left << 16) * __uint_as_float(right << 16) +
           __uint_as_float(left & 0xffff0000) * __uint_as_float(right & 0xffff0000);
  });
}

void multiply_float16(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], Place place) {
  const auto half = [](uint32_t cell, int shift) { return __half2float({static_cast<uint16_t>(cell >> shift)}); };
  multiply("multiply_float16", sums, a, b, place, [half](uint32_t left, uint32_t right) {
    return half(left, 0) * half(right, 0) + half(left, 16) * half(right, 16);
  });
}

// The bits that tf32 does not have are ignored, as they are by a GPU.
void multiply_tf32(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], Place place) {
  multiply("multiply_tf32", sums, a, b, place, [](uint32_t left, uint32_t right) {
    return __uint_as_float(left & 0xffffe000) * __uint_as_float(right & 0xffffe000);
  });
}

uint32_t round_tf32(float value) {
  const uint32_t bits = __float_as_uint(value);
  const bool finite = (bits & 0x7f800000) != 0x7f800000;
  return finite ? (bits + 0x1000) & 0xffffe000 : bits;
}

}  // namespace musc2::cuda::tile
