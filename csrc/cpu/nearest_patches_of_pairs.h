#pragma once
// Both directions of listed pairs of samples, one product for each pair: on a CPU only, where the
// GPU has an own call for each direction.
//   z          (samples, patches, channels) float32, finite
//   references (others, other_patches, channels) float32, or null: pairs are within z
//   pairs      (count, 2) int64: a sample of z and one of the references, or two of z
//   forward    (count, patches) float32: from each patch of the first to the nearest of the second
//   backward   (count, other_patches) float32: from the second to the first
// The distances are those of musc2/nearest_patches.h.
#include <cstdint>

namespace musc2::cpu {

void nearest_patches_of_pairs(const float* z, int64_t samples, int64_t patches, int64_t channels,
                              const float* references, int64_t others, int64_t other_patches,
                              int64_t memory, const int64_t* pairs, int64_t count, float* forward,
                              float* backward);

}  // namespace musc2::cpu
