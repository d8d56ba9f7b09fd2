#pragma once
// Runs a kernel's threads, one at a time, as fibers. Clusters of blocks run one after another (a block without a
// cluster is a cluster of one), their blocks side by side. A thread runs until it waits: at a barrier of its block or
// cluster, or in a warp operation for the lanes that its mask names. Error is thrown, with the place in the source, for
//   - barriers: threads that return or wait elsewhere while others of the block wait;
//   - warp operations: lanes that never come, a caller outside its own mask, different operations or masks that meet;
//   - clusters: use of a block that is over by another one;
//   - launches: sizes and amounts of shared memory that no GPU takes.
// It does not show: what the memory model allows beyond orders of whole threads, or rounding. A kernel that spins until
// another thread writes something hangs, unless it does so by wait_until().
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

#include "emulator/fibers.h"
#include "emulator/shared_memory.h"

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

// CUDA's own names for the coordinates of the running thread and for the shape of its launch.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace musc2::emulation {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Shape {
  dim3 grid, block;
  unsigned cluster = 1;  // blocks of one, along x
  size_t dynamic_bytes = 0;
};

inline constexpr unsigned lanes = 32, all_lanes = ~0u;
inline constexpr size_t shared_memory_limit = 227 << 10;  // bytes that a block may take, here and on compute 9.0

struct Place {
  const char* file = "";
  int line = 0;
};

enum class State : uint8_t { ready, at_barrier, at_cluster_barrier, in_warp, until, returned };

// What a lane brings to a warp operation, and takes from it.
struct Meeting {
  const char* operation = "";
  unsigned mask = 0;
  uint64_t value = 0;
  unsigned votes = 0;  // afterwards: the lanes of the mask whose value is not 0
};

struct Block {
  uint3 index{};
  unsigned rank = 0;  // in its cluster
  uint64_t life = 0;  // another number whenever a block begins
  bool over = false;  // all its threads have returned
  SharedMemory memory;
};

struct Thread {
  Fiber fiber;
  uint3 index{};
  unsigned number = 0;  // in its block
  Block* block = nullptr;
  uint64_t* warp_values = nullptr;  // what the lanes of this warp brought to their last operation
  State state = State::ready;
  Place place;  // where it waits
  Meeting meeting;
  const std::function<bool()>* awaited = nullptr;  // what it waits for: see wait_until
};

extern Thread* running;
extern Shape shape;

// Runs kernel() in every thread of the shape. Launches of several threads of the process take turns.
void run(const Shape& wanted, const std::function<void()>& kernel);

// For the running thread:
void wait(State state, Place place);                              // until the scheduler lets it go on
void meet(const Meeting& meeting, Place place);                   // wait, in_warp, for the lanes of the mask
void wait_until(const std::function<bool()>& come, Place place);  // come() is called while any thread or none runs
Block& neighbour(unsigned rank);                                  // the block of that rank in its cluster
[[noreturn]] void fail(const std::string& what);                  // ends the launch with an Error
std::string describe(const Thread& thread);                       // "block (1, 0, 0), thread 7"

}  // namespace musc2::emulation
