#pragma once
// The distance from every patch of every sample to the nearest patch of every other sample.
//   z          (samples, patches, channels) float32, finite
//   references (others, other_patches, channels) float32, or null: the samples score each other
//   distance   (samples, patches, others) float32: min over q of |z[i, p] - references[j, q]|; when
//              the samples score each other others = samples and entries with j = i are +infinity
//   index      like distance, int32, or null: the q of the minimum, -1 where j = i
// Distances are measured in float32 from z itself; the lowest index wins ties. On a CPU no other q
// is nearer, as measured. Each unordered pair of samples is searched once and serves both
// directions. Scratch memory stays within `memory` bytes, unless a single pair of panels needs
// more. Results do not depend on the number of threads.
#include <cstdint>

namespace musc2::cpu {

void nearest_patches(const float* z, int64_t samples, int64_t patches, int64_t channels,
                     const float* references, int64_t others, int64_t other_patches, int64_t memory,
                     float* distance, int32_t* index);

// The same over patches q at most `window` grid cells away from p in both directions; all samples
// are grids of height x width patches. Every pair of patches is measured in float32.
void nearest_patches_in_window(const float* z, int64_t samples, int64_t height, int64_t width,
                               int64_t channels, const float* references, int64_t others,
                               int64_t window, float* distance, int32_t* index);

}  // namespace musc2::cpu

namespace musc2::cuda {

// On a GPU the search has a precision, which decides which q is reported: 0 is float32, 1 bfloat16,
// 2 int8, 3 float16, 4 the default. 4 is taken as 1, and 2 as well, unless it searches by Hopper's
// own instructions. z and references may hold float32 (type 0), bfloat16 (1) or float16 (3) values. Values
// of 16 bits start at a multiple of 16 bytes and are searched in their own format, whatever the
// precision, but float16 also in int8; distances are measured in float32. The search tells squared
// distances apart to 2^-19 of them, with Hopper's own instructions to 2^-17; of patches closer to
// each other than that it reports the lowest index. A search in float16 clamps features that are
// farther than 65504 from their mean. Values need not be finite: indices still name patches then,
// but not necessarily the nearest.
//
// scratch: nearest_patches_scratch(the same arguments; `mutual`: without references) bytes at a
// multiple of 16. They are at most `memory`, unless a pair of samples needs more, which is
//   packed features of both, padded to 16 bytes: 2 or 4 bytes each (0 for 16 bits and whole chunks
//     of 8 channels); for Hopper's instructions 1 or 2, padded to 128 bytes and to 128 patches;
//   norms, 4 bytes per patch, and as much for scales in int8;
//   keys, 8 bytes per result and direction;
//   a count per 128 patches.
// Without `distance` nothing is measured or written, which shows the cost of the search alone.
int64_t nearest_patches_scratch(int64_t samples, int64_t patches, int64_t channels, bool mutual,
                                int64_t others, int64_t other_patches, int64_t precision,
                                int64_t memory, int64_t type);

void nearest_patches(const void* z, int64_t samples, int64_t patches, int64_t channels,
                     const void* references, int64_t others, int64_t other_patches, int64_t memory,
                     float* distance, int32_t* index, int64_t precision, int64_t type,
                     void* scratch, void* stream);

void nearest_patches_in_window(const void* z, int64_t samples, int64_t height, int64_t width,
                               int64_t channels, const void* references, int64_t others,
                               int64_t window, float* distance, int32_t* index, int64_t type,
                               void* stream);

}  // namespace musc2::cuda
