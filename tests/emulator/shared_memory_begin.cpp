// Linked before the kernels: see shared_memory.h.
namespace musc2::emulation {
extern char shared_memory_begin[64];
alignas(64) char shared_memory_begin[64];
}  // namespace musc2::emulation
