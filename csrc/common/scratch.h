#pragma once
// Uninitialized scratch memory, on huge pages where the system has them: with 4 KiB pages, address
// translation alone takes several percent of the time to go through tens of MiB.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace musc2 {

template <class T>
class ScratchArray {
 public:
  explicit ScratchArray(int64_t count) {
    constexpr size_t huge_page = size_t{2} << 20;
    const size_t needed = static_cast<size_t>(count) * sizeof(T);
    const size_t alignment = needed >= huge_page ? huge_page : 64;
    const size_t bytes = (needed + alignment - 1) / alignment * alignment;
    data_.reset(static_cast<T*>(std::aligned_alloc(alignment, bytes > 0 ? bytes : alignment)));
    if (!data_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (alignment == huge_page) madvise(data_.get(), bytes, MADV_HUGEPAGE);
#endif
  }
  T* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T[], Free> data_;
};

}  // namespace musc2
