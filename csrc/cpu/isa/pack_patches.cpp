#include "cpu/isa/micropanels.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

// Of a value minus the center's, and of what an integer leaves of it, relative to the value.
constexpr float rounding_error = 6e-8f;

// Each packer converts a row, padded with zeros to whole cells, into cells side by side, and
// returns -|x|^2 / 2 of the packed values.
float pack_float32(const float* row, int64_t count, int32_t* cells, float* error) {
  __builtin_memcpy(cells, row, static_cast<size_t>(count) * sizeof(float));
  const float norm2 = squared_norm(row, count);
  *error = rounding_error * 1.001f * __builtin_sqrtf(norm2);
  return -norm2 / 2;
}

// The largest magnitude of a row.
float largest_magnitude(const float* row, int64_t count) {
  int32_t largest_bits = 0;  // floats that are not negative sort like integers
  for (int64_t c = 0; c < count; ++c) {
    int32_t bits;
    __builtin_memcpy(&bits, row + c, sizeof bits);
    bits &= 0x7fffffff;
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  float largest;
  __builtin_memcpy(&largest, &largest_bits, sizeof largest);
  return largest;
}

int32_t nearest_integer(float value) {
  return static_cast<int32_t>(value + (value < 0 ? -0.5f : 0.5f));
}

// A sum of products is at most the product of both norms: rows whose integers have a norm below
// the root of 2^31 cannot overflow. Rounding adds at most half the root of the channels to it.
float pack_int16(float* row, int64_t count, int32_t* cells, float* scale, float* error) {
  constexpr float largest_integer = 32767, largest_norm = 46340;
  const float root = __builtin_sqrtf(static_cast<float>(count));
  const float largest = largest_magnitude(row, 2 * count);
  // Squares of tiny values vanish: their norm is below that of a row of the largest one.
  const float length =
      largest > 1e-15f ? __builtin_sqrtf(squared_norm(row, 2 * count)) : largest * root * 1.5f;
  const float by_norm = length / (largest_norm - root), by_integer = largest / largest_integer;
  *scale = by_norm > by_integer ? by_norm : by_integer;
  // The inverse of the smallest numbers would be infinite: such a row is packed as zeros.
  const float inverse = largest > 1e-30f ? 1 / *scale : 0;
  int64_t norm = 0;
  for (int64_t s = 0; s < count; ++s) {
    const int32_t low = nearest_integer(row[2 * s] * inverse),
                  high = nearest_integer(row[2 * s + 1] * inverse);
    cells[s] = static_cast<int32_t>((low & 0xffff) | static_cast<uint32_t>(high) << 16);
    norm += low * low + high * high;
    row[2 * s] -= *scale * static_cast<float>(low);
    row[2 * s + 1] -= *scale * static_cast<float>(high);
  }
  *error = (__builtin_sqrtf(squared_norm(row, 2 * count)) + 2 * rounding_error * length) * 1.001f;
  return -(*scale) * (*scale) * static_cast<float>(norm) / 2;
}

float pack_int8(float* row, int64_t count, int32_t* cells, float* scale, float* error,
                int32_t* row_start) {
  const float largest = largest_magnitude(row, 4 * count);
  // The inverse of a denormal number may be infinite: such a row is packed as zeros.
  const float inverse = largest > 1e-36f ? 127 / largest : 0;
  const float length = __builtin_sqrtf(squared_norm(row, 4 * count));
  *scale = largest / 127;
  auto* bytes = reinterpret_cast<int8_t*>(cells);
  int32_t total = 0,
          norm = 0;  // the largest norm, 127 * 127 * channels, fits up to 133,000 channels
  for (int64_t c = 0; c < 4 * count; ++c) {
    const int32_t value = nearest_integer(row[c] * inverse);
    bytes[c] = static_cast<int8_t>(value);
    total += value;
    norm += value * value;
    row[c] -= *scale * static_cast<float>(value);
  }
  *error = (__builtin_sqrtf(squared_norm(row, 4 * count)) + 2 * rounding_error * length) * 1.001f;
  *row_start = -128 * total;
  return -(*scale) * (*scale) * static_cast<float>(norm) / 2;
}

float pack_row(Search search, float* row, int64_t cells, int32_t* row_cells, PackedPatches packed,
               int64_t r) {
  switch (search) {
    case Search::int8:
      return pack_int8(row, cells, row_cells, packed.scales + r, packed.errors + r,
                       packed.row_starts + r);
    case Search::int16:
      return pack_int16(row, cells, row_cells, packed.scales + r, packed.errors + r);
    default:
      return pack_float32(row, cells, row_cells, packed.errors + r);
  }
}

}  // namespace

int64_t micropanel_rows() { return micropanel; }

int64_t patch_cells(Search search, int64_t channels) { return cells_per_row(search, channels); }

void pack_patches(Search search, const Features& features, const float* center, float* scratch,
                  PackedPatches packed) {
  const int64_t channels = features.channels, steps = packed.steps;
  const int64_t cells = cells_per_row(search, channels);
  float* row = scratch;
  auto* row_cells = reinterpret_cast<int32_t*>(scratch + channels + 3);
  for (int64_t i = 0; i < 3; ++i) row[channels + i] = 0;
  for (int64_t r = 0; r < round_to_micropanels(packed.rows); ++r) {
    packed.scales[r] = 0;
    packed.errors[r] = 0;
    packed.row_starts[r] = 0;
    if (r < packed.rows) {
      const float* patch = feature_row(features, r);
      for (int64_t c = 0; c < channels; ++c) row[c] = patch[c] - center[c];
      packed.half_norms[r] = pack_row(search, row, cells, row_cells, packed, r);
    } else {
      packed.half_norms[r] = -__builtin_inff();
      for (int64_t s = 0; s < steps; ++s) row_cells[s] = 0;
    }
    int32_t* to = packed.cells + cell_offset(r, steps);
    for (int64_t s = 0; s < steps; ++s) to[s * micropanel] = row_cells[s];
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
