#pragma once
// The different rows of a sample: plain surfaces and what lies around a part give many that are
// equal to the bit, and each needs to be searched once only.
#include <cstdint>

namespace musc2::cpu {

// Writes the first of each kind of equal rows to `first`, in ascending order, and for each row the
// number of its kind to `kind`. Returns the number of kinds.
int64_t distinct_rows(const float* rows, int64_t count, int64_t channels, int32_t* first,
                      int32_t* kind);

}  // namespace musc2::cpu
