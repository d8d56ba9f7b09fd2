#include "emulator/shared_memory.h"

#include <cstdint>
#include <cstring>
#include <new>

namespace musc2::emulation {

extern char shared_memory_begin[64], shared_memory_end[64];

namespace {

constexpr std::align_val_t dynamic_alignment{1024};

// Volatile, to keep the compiler from reasoning about the distance between two arrays.
std::byte* static_begin() {
  char* volatile begin = shared_memory_begin;
  return reinterpret_cast<std::byte*>(begin);
}

size_t static_bytes() {
  char* volatile end = shared_memory_end;
  return static_cast<size_t>(reinterpret_cast<std::byte*>(end) - static_begin());
}

// Not memcpy, because AddressSanitizer poisons bytes between the variables. Both ends of the range
// are aligned, so it consists of whole words.
__attribute__((no_sanitize("address"), noinline)) void copy_words(std::byte* to,
                                                                  const std::byte* from,
                                                                  size_t bytes) {
  auto* const words = reinterpret_cast<volatile uint64_t*>(to);
  for (size_t i = 0; i < bytes / sizeof(uint64_t); ++i)
    words[i] = reinterpret_cast<const volatile uint64_t*>(from)[i];
}

}  // namespace

SharedMemory::SharedMemory(size_t dynamic_bytes)
    : dynamic_bytes_(dynamic_bytes),
      dynamic_(dynamic_bytes == 0 ? nullptr : new (dynamic_alignment) std::byte[dynamic_bytes]),
      static_(static_bytes()) {}

void SharedMemory::Free::operator()(std::byte* memory) const {
  ::operator delete[](memory, dynamic_alignment);
}

void SharedMemory::poison_all() {
  if (dynamic_bytes_ > 0) std::memset(dynamic(), static_cast<int>(poison), dynamic_bytes_);
  static_.assign(static_.size(), poison);
}

void SharedMemory::swap_in() { copy_words(static_begin(), static_.data(), static_.size()); }

void SharedMemory::swap_out() { copy_words(static_.data(), static_begin(), static_.size()); }

void* SharedMemory::translate(const SharedMemory& other, void* address) const {
  if (&other == this) return address;
  auto* const byte = static_cast<std::byte*>(address);
  if (byte >= dynamic() && byte < dynamic() + dynamic_bytes_)
    return other.dynamic() + (byte - dynamic());
  if (byte >= static_begin() && byte < static_begin() + static_bytes()) {
    return const_cast<std::byte*>(other.static_.data()) + (byte - static_begin());
  }
  return nullptr;
}

}  // namespace musc2::emulation
