#pragma once
// Runs a kernel's threads, one at a time, as fibers. Clusters of blocks run one after another (a
// block without a cluster is a cluster of one); the blocks of a cluster run concurrently. A thread
// runs until it waits: at a barrier of its block or cluster, or in a warp operation for the lanes
// of its mask. An Error with the position in the source is thrown for
//   - barriers: threads that return or wait elsewhere while others of the block wait;
//   - warp operations: lanes that never arrive, a caller outside its own mask, mixed operations or
//     masks;
//   - clusters: use of a block that has ended;
//   - launches: sizes and amounts of shared memory that no GPU takes.
// It does not show what the memory model allows beyond interleaving whole threads, nor rounding. A
// kernel that spins until another thread writes something hangs, unless it waits by wait_until().
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
inline constexpr size_t shared_memory_limit = 227 << 10;  // bytes per block, as on compute 9.0

struct CallSite {
  const char* file = "";
  int line = 0;
};

enum class State : uint8_t { ready, at_barrier, at_cluster_barrier, in_warp, until, returned };

// A lane's part in a warp operation.
struct Meeting {
  const char* operation = "";
  unsigned mask = 0;
  uint64_t value = 0;
  unsigned votes = 0;  // the result: lanes of the mask whose value is not 0
};

struct Block {
  uint3 index{};
  unsigned rank = 0;  // in its cluster
  uint64_t life = 0;  // a new number for each block that starts
  bool over = false;  // whether all its threads have returned
  SharedMemory memory;
};

struct Thread {
  Fiber fiber;
  uint3 index{};
  unsigned number = 0;  // in its block
  Block* block = nullptr;
  uint64_t* warp_values = nullptr;  // the lanes' values in the warp's last operation
  State state = State::ready;
  CallSite site;  // where it waits
  Meeting meeting;
  const std::function<bool()>* awaited = nullptr;  // the condition it waits for: see wait_until
};

extern Thread* running;
extern Shape shape;

// Runs kernel() in every thread of the shape. Launches from several host threads take turns.
void run(const Shape& launched, const std::function<void()>& kernel);

// For the running thread:
void wait(State state, CallSite site);             // until the scheduler resumes it
void meet(const Meeting& meeting, CallSite site);  // waits for the lanes of the mask
void wait_until(const std::function<bool()>& condition,
                CallSite site);                      // called in any thread, or in none
Block& cluster_block(unsigned rank);                 // the block with this rank in its cluster
[[noreturn]] void fail(const std::string& message);  // ends the launch with an Error
std::string describe(const Thread& thread);          // "block (1, 0, 0), thread 7"

}  // namespace musc2::emulation
