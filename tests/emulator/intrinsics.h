#pragma once
// Functions of a single thread by their CUDA names. Atomics are plain loads and stores, because a
// thread is interrupted only where it waits.
#include <math.h>

#include <algorithm>
#include <cmath>

#include "emulator/collectives.h"

inline unsigned __float_as_uint(float value) {
  return ::musc2::emulation::from_bits<unsigned>(::musc2::emulation::to_bits(value));
}
inline int __float_as_int(float value) {
  return ::musc2::emulation::from_bits<int>(::musc2::emulation::to_bits(value));
}
inline float __uint_as_float(unsigned bits) { return ::musc2::emulation::from_bits<float>(bits); }
inline float __int_as_float(int bits) {
  return ::musc2::emulation::from_bits<float>(::musc2::emulation::to_bits(bits));
}

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __popcll(unsigned long long bits) { return __builtin_popcountll(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __ffsll(long long bits) { return __builtin_ffsll(bits); }
inline int __clz(int bits) { return bits == 0 ? 32 : __builtin_clz(static_cast<unsigned>(bits)); }
inline int __clzll(long long bits) {
  return bits == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(bits));
}

inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float rsqrtf(float a) { return 1.0f / std::sqrt(a); }

using std::max;
using std::min;

template <class Value>
Value __ldg(const Value* address) {
  return *address;
}
template <class Value>
Value __ldcg(const Value* address) {
  return *address;
}
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class Value>
Value atomicExch(Value* address, std::common_type_t<Value> value) {
  const Value before = *address;
  *address = value;
  return before;
}
template <class Value>
Value atomicAdd(Value* address, std::common_type_t<Value> value) {
  return atomicExch(address, static_cast<Value>(*address + value));
}
template <class Value>
Value atomicMin(Value* address, std::common_type_t<Value> value) {
  return atomicExch(address, std::min(*address, value));
}
template <class Value>
Value atomicMax(Value* address, std::common_type_t<Value> value) {
  return atomicExch(address, std::max(*address, value));
}
template <class Value>
Value atomicOr(Value* address, std::common_type_t<Value> value) {
  return atomicExch(address, static_cast<Value>(*address | value));
}
template <class Value>
Value atomicCAS(Value* address, std::common_type_t<Value> expected,
                std::common_type_t<Value> value) {
  return *address == expected ? atomicExch(address, value) : *address;
}
