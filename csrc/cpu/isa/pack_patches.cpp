#include "cpu/isa/micropanels.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

uint32_t nearest_bfloat16(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

float widen(uint32_t bfloat16) {
  const uint32_t bits = bfloat16 << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// Each packer converts a row, padded with zeros to whole cells, into cells side by side, and
// returns -|x|^2 / 2 of the packed values.
float pack_float32(const float* row, int64_t count, int32_t* cells) {
  __builtin_memcpy(cells, row, static_cast<size_t>(count) * sizeof(float));
  return -squared_norm(row, count) / 2;
}

float pack_bfloat16(float* row, int64_t count, int32_t* cells) {
  for (int64_t s = 0; s < count; ++s) {
    const uint32_t low = nearest_bfloat16(row[2 * s]), high = nearest_bfloat16(row[2 * s + 1]);
    cells[s] = static_cast<int32_t>(low | high << 16);
    row[2 * s] = widen(low);
    row[2 * s + 1] = widen(high);
  }
  return -squared_norm(row, 2 * count) / 2;
}

float pack_int8(const float* row, int64_t count, int32_t* cells, float* scale, int32_t* row_start) {
  int32_t largest_bits = 0;  // floats that are not negative sort like integers
  for (int64_t c = 0; c < 4 * count; ++c) {
    int32_t bits;
    __builtin_memcpy(&bits, row + c, sizeof bits);
    bits &= 0x7fffffff;
    largest_bits = bits > largest_bits ? bits : largest_bits;
  }
  float largest;
  __builtin_memcpy(&largest, &largest_bits, sizeof largest);
  // The inverse of a denormal number may be infinite: such a row is packed as zeros.
  const float inverse = largest > 1e-36f ? 127 / largest : 0;
  auto* bytes = reinterpret_cast<int8_t*>(cells);
  int32_t total = 0,
          norm = 0;  // the largest norm, 127 * 127 * channels, fits up to 133,000 channels
  for (int64_t c = 0; c < 4 * count; ++c) {
    const float scaled = row[c] * inverse;
    const auto value = static_cast<int32_t>(scaled + (scaled < 0 ? -0.5f : 0.5f));
    bytes[c] = static_cast<int8_t>(value);
    total += value;
    norm += value * value;
  }
  *scale = largest / 127;
  *row_start = -128 * total;
  return -(*scale) * (*scale) * static_cast<float>(norm) / 2;
}

}  // namespace

int64_t micropanel_rows() { return micropanel; }

int64_t patch_cells(Search search, int64_t channels) { return cells_per_row(search, channels); }

void pack_patches(Search search, const float* patches, int64_t channels, const float* center,
                  float* scratch, PackedPatches packed) {
  const int64_t cells = cells_per_row(search, channels), steps = packed.steps;
  float* row = scratch;
  auto* row_cells = reinterpret_cast<int32_t*>(scratch + channels + 3);
  for (int64_t i = 0; i < 3; ++i) row[channels + i] = 0;
  for (int64_t r = 0; r < round_to_micropanels(packed.rows); ++r) {
    if (search == Search::int8) packed.scales[r] = 0, packed.row_starts[r] = 0;
    if (r < packed.rows) {
      for (int64_t c = 0; c < channels; ++c) row[c] = patches[r * channels + c] - center[c];
      packed.half_norms[r] =
          search == Search::float32 ? pack_float32(row, cells, row_cells)
          : search == Search::bfloat16
              ? pack_bfloat16(row, cells, row_cells)
              : pack_int8(row, cells, row_cells, packed.scales + r, packed.row_starts + r);
    } else {
      packed.half_norms[r] = -__builtin_inff();
      for (int64_t s = 0; s < steps; ++s) row_cells[s] = 0;
    }
    int32_t* to = packed.cells + cell_offset(r, steps);
    for (int64_t s = 0; s < steps; ++s) to[s * micropanel] = row_cells[s];
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
