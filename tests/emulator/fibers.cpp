#include "emulator/fibers.h"

#include <cstdint>
#include <cstdlib>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace musc2::emulation {
namespace {

// The fibers of the current switch.
Fiber* left = nullptr;
Fiber* entered = nullptr;

#if defined(__x86_64__)
// Saves the callee-saved registers on the old stack and restores those on the new one. 20 times
// faster than swapcontext, which makes a system call for the signal mask.
__attribute__((naked, noinline)) void change_stack(void** /*old_top*/, void* /*new_top*/) {
  asm("pushq %rbp\n"
      "pushq %rbx\n"
      "pushq %r12\n"
      "pushq %r13\n"
      "pushq %r14\n"
      "pushq %r15\n"
      "movq %rsp, (%rdi)\n"
      "movq %rsi, %rsp\n"
      "popq %r15\n"
      "popq %r14\n"
      "popq %r13\n"
      "popq %r12\n"
      "popq %rbx\n"
      "popq %rbp\n"
      "ret\n");
}
#endif

}  // namespace

void Fiber::begin(void (*entry)(), std::byte* stack, size_t bytes) {
  entry_ = entry;
  stack_ = stack;
  bytes_ = bytes;
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(stack, bytes);
#endif
#if defined(__x86_64__)
  constexpr uintptr_t alignment = 16, saved_registers = 6;
  auto* top =
      reinterpret_cast<uintptr_t*>(reinterpret_cast<uintptr_t>(stack + bytes) & ~(alignment - 1));
  *--top = 0;  // the return address of first_step; keeps the alignment that the ABI requires
  *--top = reinterpret_cast<uintptr_t>(&Fiber::first_step);
  for (uintptr_t i = 0; i < saved_registers; ++i) *--top = 0;
  top_ = top;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack;
  context_.uc_stack.ss_size = bytes;
  context_.uc_link = nullptr;
  makecontext(&context_, &Fiber::first_step, 0);
#endif
}

void Fiber::switch_to(Fiber& from, Fiber& to) {
  left = &from;
  entered = &to;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&from.frames_, to.stack_, to.bytes_);
#endif
#if defined(__x86_64__)
  change_stack(&from.top_, to.top_);
#else
  swapcontext(&from.context_, &to.context_);
#endif
  arrive(from);
}

void Fiber::first_step() {
  arrive(*entered);
  entered->entry_();
  std::abort();
}

void Fiber::arrive([[maybe_unused]] Fiber& fiber) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fiber.frames_, &left->stack_, &left->bytes_);
#endif
}

}  // namespace musc2::emulation
