#include "emulator/scheduler.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "emulator/order.h"
#include "emulator/warps.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace musc2::emulation {

Thread* running = nullptr;
Shape shape;

namespace {

constexpr size_t stack_bytes = 64 << 10;

uint64_t lives = 0;

std::string describe(const CallSite& site) {
  const std::string file = site.file;
  return file.substr(file.find_last_of('/') + 1) + ":" + std::to_string(site.line);
}

void check(const Shape& launched) {
  const auto [grid, block, cluster, dynamic_bytes] = launched;
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64)
    throw Error("no GPU runs blocks of " + std::to_string(threads) + " threads");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffff || grid.y > 65535 ||
      grid.z > 65535) {
    throw Error("no GPU runs this grid");
  }
  if (cluster == 0 || cluster > 16 || grid.x % cluster != 0)
    throw Error("the grid is not a multiple of the cluster");
  if (dynamic_bytes > shared_memory_limit) throw Error("no GPU has this much shared memory");
}

class Cluster {
 public:
  explicit Cluster(const std::function<void()>& kernel);
  void run(uint3 first_block);
  Block& block(unsigned rank) { return blocks_[rank]; }
  [[noreturn]] void abort_launch(const std::string& error);
  void pause() { Fiber::switch_to(running->fiber, scheduler_); }
  void call_kernel() { kernel_(); }

 private:
  Thread* threads_of(unsigned block) { return threads_.data() + block * block_threads_; }
  void begin(uint3 first_block);
  bool run_block(unsigned block);
  bool run_warp(Thread* warp, unsigned count);
  void step(Thread& thread);
  bool open(Thread* threads, unsigned count, State barrier, const char* name);
  std::string deadlock() const;

  const std::function<void()>& kernel_;
  Order order_{order()};
  Fiber scheduler_;
  unsigned block_threads_, warps_, returned_ = 0;
  std::deque<Block> blocks_;
  std::vector<Thread> threads_;
  std::vector<uint64_t> warp_values_;
  std::unique_ptr<std::byte[]> stacks_;
  std::vector<unsigned> block_order_, warp_order_, lane_order_;
  std::string error_;
};

Cluster* current = nullptr;

void run_thread() {
  current->call_kernel();
  running->state = State::returned;
  current->pause();
}

Cluster::Cluster(const std::function<void()>& kernel)
    : kernel_(kernel),
      block_threads_(shape.block.x * shape.block.y * shape.block.z),
      warps_((block_threads_ + lanes - 1) / lanes),
      threads_(size_t{shape.cluster} * block_threads_),
      warp_values_(size_t{shape.cluster} * warps_ * lanes),
      stacks_(new std::byte[threads_.size() * stack_bytes]) {
  for (unsigned rank = 0; rank < shape.cluster; ++rank) {
    Block& block =
        blocks_.emplace_back(Block{{}, rank, 0, false, SharedMemory(shape.dynamic_bytes)});
    for (unsigned number = 0; number < block_threads_; ++number) {
      Thread& thread = threads_of(rank)[number];
      thread.number = number;
      thread.block = &block;
      thread.warp_values = warp_values_.data() + (rank * warps_ + number / lanes) * lanes;
      thread.index = {number % shape.block.x, number / shape.block.x % shape.block.y,
                      number / (shape.block.x * shape.block.y)};
    }
  }
}

void Cluster::begin(uint3 first_block) {
  for (Block& block : blocks_) {
    block.index = {first_block.x + block.rank, first_block.y, first_block.z};
    block.memory.poison_all();
    block.life = ++lives;
    block.over = false;
  }
  for (size_t i = 0; i < threads_.size(); ++i) {
    threads_[i].state = State::ready;
    threads_[i].fiber.begin(run_thread, stacks_.get() + i * stack_bytes, stack_bytes);
  }
  returned_ = 0;
}

void Cluster::run(uint3 first_block) {
  begin(first_block);
  while (returned_ < threads_.size()) {
    order_.arrange(block_order_, shape.cluster);
    order_.arrange(warp_order_, warps_);
    bool moved = false;
    for (const unsigned block : block_order_) {
      blocks_[block].memory.swap_in();
      bool again = true;
      while (again) {
        again = run_block(block);
        moved |= again;
        again &= !order_.is_fair();
      }
      blocks_[block].memory.swap_out();
    }
    const auto all = static_cast<unsigned>(threads_.size());
    moved |= open(threads_.data(), all, State::at_cluster_barrier, "the barrier of the cluster");
    if (!moved) throw Error(deadlock());
  }
}

bool Cluster::run_block(unsigned block) {
  bool moved = false;
  for (const unsigned warp : warp_order_) {
    const unsigned count = std::min(lanes, block_threads_ - warp * lanes);
    moved |= run_warp(threads_of(block) + warp * lanes, count);
  }
  const Thread* const threads = threads_of(block);
  blocks_[block].over = std::all_of(threads, threads + block_threads_, [](const Thread& thread) {
    return thread.state == State::returned;
  });
  return open(threads_of(block), block_threads_, State::at_barrier, "the barrier of the block") ||
         moved;
}

bool Cluster::run_warp(Thread* warp, unsigned count) {
  bool moved = false, again = true;
  while (again) {
    again = false;
    order_.arrange(lane_order_, lanes);
    for (const unsigned lane : lane_order_) {
      if (lane >= count || warp[lane].state != State::ready) continue;
      if (!order_.skips_turn()) step(warp[lane]);
      again = true;
    }
    again |= settle_meetings(warp, count);
    again |= settle_waits(warp, count);
    moved |= again;
    again &= !order_.is_fair();
  }
  return moved;
}

void Cluster::step(Thread& thread) {
  running = &thread;
  threadIdx = thread.index;
  blockIdx = thread.block->index;
  Fiber::switch_to(scheduler_, thread.fiber);
  if (!error_.empty()) throw Error(error_);
  returned_ += thread.state == State::returned;
}

bool Cluster::open(Thread* threads, unsigned count, State barrier, const char* name) {
  const Thread* waiting = nullptr;
  const Thread* returned = nullptr;
  for (const Thread* thread = threads; thread < threads + count; ++thread) {
    if (thread->state == barrier) {
      waiting = thread;
    } else if (thread->state == State::returned) {
      returned = thread;
    } else {
      return false;
    }
  }
  if (waiting == nullptr) return false;
  const std::string who =
      emulation::describe(*waiting) + " waits at " + name + " at " + describe(waiting->site);
  if (returned != nullptr)
    throw Error(who + ", but " + emulation::describe(*returned) + " has returned");
  for (const Thread* thread = threads; thread < threads + count; ++thread) {
    if (thread->site.line == waiting->site.line) continue;
    throw Error(who + ", but " + emulation::describe(*thread) + " at " + describe(thread->site));
  }
  for (Thread* thread = threads; thread < threads + count; ++thread) thread->state = State::ready;
  return true;
}

std::string Cluster::deadlock() const {
  std::string text = "deadlock";
  for (const State state :
       {State::in_warp, State::at_barrier, State::at_cluster_barrier, State::until}) {
    const auto thread = std::find_if(threads_.begin(), threads_.end(),
                                     [&](const Thread& t) { return t.state == state; });
    if (thread == threads_.end()) continue;
    const char* const waits = state == State::in_warp ? " waits for lanes that never arrive at "
                              : state == State::until
                                  ? " waits for a condition that never holds at "
                                  : " waits at a barrier at ";
    text += "; " + emulation::describe(*thread) + waits + describe(thread->site);
  }
  return text;
}

void Cluster::abort_launch(const std::string& error) {
  error_ = error;
  pause();
  std::abort();
}

}  // namespace

void run(const Shape& launched, const std::function<void()>& kernel) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  check(launched);
  shape = launched;
  blockDim = shape.block;
  gridDim = shape.grid;
  Cluster cluster(kernel);
  current = &cluster;
  Order launch_order(order());
  std::vector<unsigned> numbers;
  const unsigned along_x = shape.grid.x / shape.cluster;
  launch_order.arrange(numbers, along_x * shape.grid.y * shape.grid.z);
  for (const unsigned number : numbers) {
    cluster.run({number % along_x * shape.cluster, number / along_x % shape.grid.y,
                 number / along_x / shape.grid.y});
  }
}

void wait(State state, CallSite site) {
  running->state = state;
  running->site = site;
  current->pause();
}

void meet(const Meeting& meeting, CallSite site) {
  if ((meeting.mask >> running->number % lanes & 1) == 0) {
    fail(describe(*running) + " is not in the mask of its own " + meeting.operation + " at " +
         describe(site));
  }
  running->meeting = meeting;
  wait(State::in_warp, site);
}

void wait_until(const std::function<bool()>& condition, CallSite site) {
  running->awaited = &condition;
  wait(State::until, site);
}

Block& cluster_block(unsigned rank) {
  if (rank >= shape.cluster) fail("the cluster has no block of rank " + std::to_string(rank));
  Block& block = current->block(rank);
  if (block.over) fail(describe(*running) + " uses a block that has ended");
  return block;
}

void fail(const std::string& message) { current->abort_launch(message); }

std::string describe(const Thread& thread) {
  const uint3 block = thread.block->index;
  return "block (" + std::to_string(block.x) + ", " + std::to_string(block.y) + ", " +
         std::to_string(block.z) + "), thread " + std::to_string(thread.number);
}

}  // namespace musc2::emulation
