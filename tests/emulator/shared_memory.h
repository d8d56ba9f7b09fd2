#pragma once
// The shared memory of running blocks.
//
// Static shared memory is what kernels declare with __shared__, here plain static variables. The
// objects of the kernels are linked between shared_memory_begin.cpp and shared_memory_end.cpp, so
// that together these variables are one range of memory. It is poisoned before each block, and each
// block of a cluster has its own copy while the blocks run in turns.
#include <cstddef>
#include <memory>
#include <vector>

namespace musc2::emulation {

inline constexpr std::byte poison{0xCB};  // as a float -2.7e7, as a bool neither true nor false

class SharedMemory {
 public:
  explicit SharedMemory(size_t dynamic_bytes);

  void poison_all();
  // Makes this block's static variables those that kernels access, and ends that.
  void swap_in();
  void swap_out();

  std::byte* dynamic() const { return dynamic_.get(); }

  // The address in `other` that corresponds to `address` in this block, which is running; null if
  // it is not in shared memory.
  void* translate(const SharedMemory& other, void* address) const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  size_t dynamic_bytes_;
  std::unique_ptr<std::byte[], Free> dynamic_;
  std::vector<std::byte> static_;  // while another block runs
};

}  // namespace musc2::emulation
