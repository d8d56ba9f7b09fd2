#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "cpu/isa/dispatch.h"

namespace musc2::cpu {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
constexpr const char* names[] = {"base", "avx2", "avxvnni", "avx512", "avx512vnni"};

// Whether the CPU has the instructions of AVX-VNNI; those of AVX-512 with VNNI have other codes.
bool has_avxvnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned leaf = 7, subleaf = 1, bit = 1u << 4;
  return __get_cpuid_count(leaf, subleaf, &eax, &ebx, &ecx, &edx) != 0 && (eax & bit) != 0;
}
#else
constexpr const char* names[] = {"base", "dotprod"};
#endif

std::atomic<int>& selected() {
  static std::atomic<int> isa{-1};
  return isa;
}

int find(const char* name) {
  for (int i = 0; i <= static_cast<int>(best_isa()); ++i) {
    if (std::strcmp(names[i], name) == 0 && runs(Isa{i})) return i;
  }
  return -1;
}

int initial() {
  const char* name = std::getenv("MUSC2_ISA");
  const int isa = name != nullptr ? find(name) : -1;
  return isa >= 0 ? isa : static_cast<int>(best_isa());
}

}  // namespace

#if defined(__x86_64__) || defined(_M_X64)
Isa best_isa() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::base;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (!avx512) return has_avxvnni() ? Isa::avxvnni : Isa::avx2;
  return __builtin_cpu_supports("avx512vnni") ? Isa::avx512vnni : Isa::avx512;
}

bool runs(Isa isa) { return isa <= best_isa() && (isa != Isa::avxvnni || has_avxvnni()); }

bool multiplies_bfloat16() {
  return best_isa() == Isa::avx512vnni && __builtin_cpu_supports("avx512bf16");
}
#else
Isa best_isa() {
#if defined(__aarch64__) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0 ? Isa::dotprod : Isa::base;
#elif defined(__aarch64__) && defined(__APPLE__)
  return Isa::dotprod;  // as all Macs with such a CPU
#else
  return Isa::base;
#endif
}

bool runs(Isa isa) { return isa <= best_isa(); }

bool multiplies_bfloat16() { return false; }
#endif

Isa active_isa() {
  int isa = selected().load(std::memory_order_relaxed);
  if (isa < 0) selected() = isa = initial();
  return static_cast<Isa>(isa);
}

bool set_isa(const char* name) {
  const int isa = *name == '\0' ? initial() : find(name);
  if (isa >= 0) selected() = isa;
  return isa >= 0;
}

const char* isa_name(Isa isa) { return names[static_cast<int>(isa)]; }

}  // namespace musc2::cpu
