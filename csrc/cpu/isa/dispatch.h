#pragma once
// Per-ISA kernels: hot inner loops are compiled once per instruction set, each copy in a namespace
// named after it. Their sources include nothing of the standard library but <cstdint>, <cstddef>
// and <immintrin.h>: an inline function compiled for AVX-512 could be the copy that the linker
// keeps for all.

#include <cstddef>
#include <cstdint>

namespace musc2::cpu {

#if defined(__x86_64__) || defined(_M_X64)
enum class Isa : int { base, avx2, avxvnni, avx512, avx512vnni };
#elif defined(__aarch64__)
enum class Isa : int { base, dotprod };
#else
enum class Isa : int { base };
#endif

Isa best_isa();                  // the widest that this machine runs
bool runs(Isa isa);              // not every one below: AVX-VNNI is missing on many with AVX-512
Isa active_isa();                // best_isa(), or a lower one that MUSC2_ISA or set_isa() selects
bool set_isa(const char* name);  // false: unknown, or not on this machine; "": the default
const char* isa_name(Isa isa);
bool multiplies_bfloat16();  // whether networks are faster in bfloat16 on this machine

}  // namespace musc2::cpu

// MUSC2_ISA_FUNCTION(float, dot, const float* a, const float* b, int64_t n) declares the copies,
// and musc2::cpu::dot(), which returns a pointer to the active one.
#if defined(__x86_64__) || defined(_M_X64)
#define MUSC2_ISA_FUNCTION(Result, name, ...)                                                 \
  namespace base {                                                                            \
  Result name(__VA_ARGS__);                                                                   \
  }                                                                                           \
  namespace avx2 {                                                                            \
  Result name(__VA_ARGS__);                                                                   \
  }                                                                                           \
  namespace avxvnni {                                                                         \
  Result name(__VA_ARGS__);                                                                   \
  }                                                                                           \
  namespace avx512 {                                                                          \
  Result name(__VA_ARGS__);                                                                   \
  }                                                                                           \
  namespace avx512vnni {                                                                      \
  Result name(__VA_ARGS__);                                                                   \
  }                                                                                           \
  inline auto* name() {                                                                       \
    static constexpr decltype(&base::name) copies[] = {base::name, avx2::name, avxvnni::name, \
                                                       avx512::name, avx512vnni::name};       \
    return copies[static_cast<int>(active_isa())];                                            \
  }
#elif defined(__aarch64__)
#define MUSC2_ISA_FUNCTION(Result, name, ...) \
  namespace base {                            \
  Result name(__VA_ARGS__);                   \
  }                                           \
  namespace dotprod {                         \
  Result name(__VA_ARGS__);                   \
  }                                           \
  inline auto* name() { return active_isa() == Isa::dotprod ? dotprod::name : base::name; }
#else
#define MUSC2_ISA_FUNCTION(Result, name, ...) \
  namespace base {                            \
  Result name(__VA_ARGS__);                   \
  }                                           \
  inline auto* name() { return base::name; }
#endif
