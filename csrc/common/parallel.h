#pragma once
// A small thread pool that survives fork(). OpenMP hangs in a forked child and clashes with the copies that torch and
// FAISS bring; here a child simply starts a fresh pool.
#include <cstdint>
#include <functional>

namespace musc2 {

int num_threads();
void set_num_threads(int count);  // count < 1 restores the default: MUSC2_NUM_THREADS, else the usable cores

// Calls body(item, worker) for every item in [0, count); worker < threads names the calling thread's slot, for scratch
// memory. Items are handed out one by one. Nested or concurrent calls run serially on the caller, as worker 0 of their
// own call. The first exception is rethrown on the caller.
void parallel_for(int64_t count, const std::function<void(int64_t item, int worker)>& body,
                  int threads = num_threads());

}  // namespace musc2
