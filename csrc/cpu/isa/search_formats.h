#pragma once
// The formats of the search: how a cell of a row is multiplied with cells of columns.
// The sums of a tile start at -(|a|^2 + |b|^2) / 2, so that they end at -distance^2 / 2, and serve
// both the nearest of a row and that of a column.
#include "cpu/isa/micropanels.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

struct Float32 {
  using Sum = Floats;
  static Sum begin(const PackedPatches& a, int64_t row, const PackedPatches& b, int64_t column) {
    return load(b.half_norms + column) + a.half_norms[row];
  }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    float value;
    __builtin_memcpy(&value, &cell, sizeof value);
    return sum + value * reinterpret_cast<Floats>(load(column_cells));
  }
  static Floats end(Sum sum, const PackedPatches&, int64_t, const PackedPatches&, int64_t) {
    return sum;
  }
};

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__ARM_FEATURE_DOTPROD)
#define MUSC2_INT8_SEARCH
struct Int8 {
  using Sum = Ints;
#ifdef __ARM_FEATURE_DOTPROD
  static Sum begin(const PackedPatches&, int64_t, const PackedPatches&, int64_t) { return Ints{}; }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    return (Sum)vdotq_s32((int32x4_t)sum, (int8x16_t)load(column_cells),
                          (int8x16_t)vdupq_n_s32(cell));
  }
#else
  // The instruction multiplies unsigned by signed bytes: 128 is added to the column's bytes on the
  // fly, and the sum starts at the value that cancels it.
  static Sum begin(const PackedPatches& a, int64_t row, const PackedPatches&, int64_t) {
    return Ints{} + a.row_starts[row];
  }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
#ifdef __AVX512VNNI__
    const __m512i shifted =
        _mm512_xor_si512(_mm512_loadu_si512(column_cells), _mm512_set1_epi8(-128));
    return (Sum)_mm512_dpbusd_epi32((__m512i)sum, shifted, _mm512_set1_epi32(cell));
#else
    const __m256i shifted = _mm256_xor_si256((__m256i)load(column_cells), _mm256_set1_epi8(-128));
    return (Sum)_mm256_dpbusd_avx_epi32((__m256i)sum, shifted, _mm256_set1_epi32(cell));
#endif
  }
#endif
  static Floats end(Sum sum, const PackedPatches& a, int64_t row, const PackedPatches& b,
                    int64_t column) {
    const Floats product = __builtin_convertvector(sum, Floats) * load(b.scales + column);
    return product * a.scales[row] + (load(b.half_norms + column) + a.half_norms[row]);
  }
};
#endif

// AVX-512 without VNNI multiplies floats as fast.
#if defined(__AVX2__) && !defined(__AVX512F__) && !defined(MUSC2_INT8_SEARCH)
#define MUSC2_INT16_SEARCH
struct Int16 {
  using Sum = Ints;
  static Sum begin(const PackedPatches&, int64_t, const PackedPatches&, int64_t) { return Ints{}; }
  static Sum add(Sum sum, int32_t cell, const int32_t* column_cells) {
    return sum + (Sum)_mm256_madd_epi16((__m256i)load(column_cells), _mm256_set1_epi32(cell));
  }
  // The same for (a, b) and (b, a).
  static Floats end(Sum sum, const PackedPatches& a, int64_t row, const PackedPatches& b,
                    int64_t column) {
    const Floats scale = load(b.scales + column) * a.scales[row];
    return __builtin_convertvector(sum, Floats) * scale +
           (load(b.half_norms + column) + a.half_norms[row]);
  }
};
#endif

}  // namespace
}  // namespace musc2::cpu::MUSC2_ISA
