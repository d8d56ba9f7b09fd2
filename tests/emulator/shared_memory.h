#pragma once
// Shared memory of the blocks that are being run.
//
// Static shared memory is what kernels declare with __shared__, here plain static variables. The objects of the kernels
// are linked between shared_memory_begin.cpp and shared_memory_end.cpp, so that together these variables are one
// stretch of memory: it is poisoned before each block, and when the blocks of a cluster run in turns each has its own
// copy.
#include <cstddef>
#include <memory>
#include <vector>

namespace musc2::emulation {

inline constexpr std::byte poison{0xCB};  // as a float -2.7e7, as a bool neither true nor false

class SharedMemory {
 public:
  explicit SharedMemory(size_t dynamic_bytes);

  void poison_all();
  void swap_in();   // this block's static variables are now the ones that kernels see
  void swap_out();  // until now

  std::byte* dynamic() const { return dynamic_.get(); }

  // The address at which `other` keeps what this block, which runs, has at `address`; null when that is not shared
  // memory.
  void* same_place_in(const SharedMemory& other, void* address) const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  size_t dynamic_bytes_;
  std::unique_ptr<std::byte[], Free> dynamic_;
  std::vector<std::byte> static_;  // while another block runs
};

}  // namespace musc2::emulation
