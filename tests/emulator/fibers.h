#pragma once
// Fibers: stacks between which one thread of the operating system switches.
#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace musc2::emulation {

class Fiber {
 public:
  // The next switch to this fiber calls entry(), which must not return, on the given stack.
  // Whatever ran on the stack before is dropped: no destructor runs.
  void begin(void (*entry)(), std::byte* stack, size_t bytes);

  // Switches from `from`, the running fiber, to `to`. Returns when another one switches back.
  static void switch_to(Fiber& from, Fiber& to);

 private:
  static void first_step();
  static void arrive(Fiber& fiber);

#if defined(__x86_64__)
  void* top_ = nullptr;
#else
  ucontext_t context_;
#endif
  void (*entry_)() = nullptr;
  const void* stack_ = nullptr;  // for AddressSanitizer, which fills it in for the first fiber
  size_t bytes_ = 0;
  void* frames_ = nullptr;
};

}  // namespace musc2::emulation
