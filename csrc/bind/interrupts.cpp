#include "bind/interrupts.h"

#include <pybind11/pybind11.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

#include "common/parallel.h"

namespace musc2::bind {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto interval = std::chrono::milliseconds(100);

// Python handles signals in its main thread alone; other threads need not wait for the lock.
bool is_main_thread() {
#ifdef __linux__
  return syscall(SYS_gettid) == getpid();
#else
  return true;
#endif
}

void check_signals() {
  thread_local Clock::time_point due = Clock::now() + interval;
  if (Clock::now() < due) return;
  due = Clock::now() + interval;
  if (!is_main_thread()) return;
  const pybind11::gil_scoped_acquire locked;
  if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
}

}  // namespace

void check_signals_in_kernels() { set_checkpoint(&check_signals); }

}  // namespace musc2::bind
