#include "packed.h"

#include <cstring>
#include <numeric>

namespace musc2::instruction_sets {

using cpu::Search;

const char* name_of(Search search) {
  constexpr const char* names[] = {"float32", "int8", "int16"};
  return names[static_cast<int>(search)];
}

Packed::Packed(Search search, const std::vector<float>& patches, int64_t rows, int64_t channels,
               const std::vector<float>& center)
    : search_(search) {
  const int64_t micropanel = cpu::micropanel_rows()();
  const int64_t steps = cpu::patch_cells()(search, channels);
  per_cell_ = search == Search::float32 ? 1 : search == Search::int8 ? 4 : 2;
  padded_ = (rows + micropanel - 1) / micropanel * micropanel;
  constexpr int32_t unwritten = 0x5a5a5a5a;
  cells_.assign(static_cast<size_t>(padded_ * steps), unwritten);
  row_starts_.assign(static_cast<size_t>(padded_), unwritten);
  half_norms_.assign(static_cast<size_t>(padded_), 1);
  scales_.assign(static_cast<size_t>(padded_), 1);
  errors_.assign(static_cast<size_t>(padded_), -1);
  order_.resize(static_cast<size_t>(rows));
  std::iota(order_.begin(), order_.end(), 0);
  packed_ = {cells_.data(),  half_norms_.data(), scales_.data(),
             errors_.data(), row_starts_.data(), rows,
             steps};
  std::vector<float> scratch(static_cast<size_t>(2 * channels + 6));
  cpu::pack_patches()(search, {patches.data(), order_.data(), channels}, center.data(),
                      scratch.data(), packed_);
}

double Packed::number(int64_t row, int64_t channel) const {
  const int64_t micropanel = cpu::micropanel_rows()();
  const int64_t step = channel / per_cell_, part = channel % per_cell_;
  const int32_t* cell = packed_.cells + row / micropanel * micropanel * packed_.steps +
                        row % micropanel + step * micropanel;
  const char* bytes = reinterpret_cast<const char*>(cell);
  if (search_ == Search::int8) return static_cast<int8_t>(bytes[part]);
  if (search_ == Search::int16) {
    int16_t value;
    std::memcpy(&value, bytes + 2 * part, sizeof value);
    return value;
  }
  float value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<double>(value);
}

std::vector<double> Packed::numbers(int64_t row) const {
  std::vector<double> values(static_cast<size_t>(channels()));
  for (int64_t c = 0; c < channels(); ++c) values[static_cast<size_t>(c)] = number(row, c);
  return values;
}

}  // namespace musc2::instruction_sets
