#pragma once
// Fibers: stacks between which one thread of the operating system switches by hand.
#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace musc2::emulation {

class Fiber {
 public:
  // The next switch to this fiber calls entry(), which must not return, on the given stack. What ran there before is
  // forgotten: no destructor runs.
  void begin(void (*entry)(), std::byte* stack, size_t bytes);

  // Leaves `from`, the one that runs, for `to`; returns when something switches back.
  static void change(Fiber& from, Fiber& to);

 private:
  static void first_step();
  static void arrive(Fiber& here);

#if defined(__x86_64__)
  void* top_ = nullptr;
#else
  ucontext_t context_;
#endif
  void (*entry_)() = nullptr;
  const void* stack_ = nullptr;  // what AddressSanitizer wants to know; of the first fiber it tells us
  size_t bytes_ = 0;
  void* frames_ = nullptr;
};

}  // namespace musc2::emulation
