#pragma once
// A small thread pool that survives fork(). OpenMP hangs in a forked child and clashes with the
// copies that torch and FAISS bring; here a child simply starts a new pool.
#include <cstdint>
#include <functional>

namespace musc2 {

int num_threads();
// count < 1 restores the default: MUSC2_NUM_THREADS if it is a number from 1 to max_threads,
// otherwise the usable cores.
void set_num_threads(int count);
constexpr int max_threads = 4096;

// The thread that calls parallel_for calls `check` between two items. It may throw to end the call.
void set_checkpoint(void (*check)());

// Calls body(item) for every item in [0, count). Threads take items one by one. Concurrent calls
// share the threads, nested ones run serially on the caller. The first exception is rethrown on the
// caller.
void parallel_for(int64_t count, const std::function<void(int64_t item)>& body);

// Likewise with body(item, worker): worker < threads is the thread's slot in scratch memory, which
// no other has at that time; 0 is the caller's. `threads` must be the number that the scratch memory
// was made for: num_threads() may change between two calls.
void parallel_for(int64_t count, int threads,
                  const std::function<void(int64_t item, int worker)>& body);

}  // namespace musc2
