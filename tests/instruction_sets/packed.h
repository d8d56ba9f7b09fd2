#pragma once
// Patches packed for a search, and what they mean in plain numbers.
#include <vector>

#include "cpu/isa/patches.h"

namespace musc2::instruction_sets {

const char* name_of(cpu::Search search);

class Packed {
 public:
  Packed(cpu::Search search, const std::vector<float>& patches, int64_t rows, int64_t channels,
         const std::vector<float>& center);

  const cpu::PackedPatches& patches() const { return packed_; }
  int64_t padded() const { return padded_; }
  int64_t rows() const { return packed_.rows; }
  // The packed number of a channel: an integer, or a float that the search multiplies.
  double number(int64_t row, int64_t channel) const;
  std::vector<double> numbers(int64_t row) const;
  int64_t channels() const { return packed_.steps * per_cell_; }

 private:
  cpu::Search search_;
  int64_t padded_, per_cell_;
  std::vector<int32_t> cells_, row_starts_, order_;
  std::vector<float> half_norms_, scales_, errors_;
  cpu::PackedPatches packed_;
};

}  // namespace musc2::instruction_sets
