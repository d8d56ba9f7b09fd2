#pragma once
// Which patch of a grid each point group lies in, and which groups lie in each patch; a packed
// batch of samples.
//   pixels  (offsets[samples],) int64: row * width + column of a group's center, inside the image
//   offsets (samples + 1,) int64, ascending from 0: sample b owns the groups
//           [offsets[b], offsets[b + 1])
//   patch   (offsets[samples],) int32:
//           (row * grid_height / height) * grid_width + column * grid_width / width
//   start   (samples, grid_height * grid_width + 1) int32, and
//   groups  (offsets[samples],) int32: patch q of sample b holds the groups groups[offsets[b] +
//           start[b][q] .. start[b][q + 1]), numbered within the sample, ascending
// cuda: pixels outside the image are clamped.
#include <cstdint>

namespace musc2::cpu {

void link_patches(const int64_t* pixels, const int64_t* offsets, int64_t samples, int64_t height,
                  int64_t width, int64_t grid_height, int64_t grid_width, int32_t* patch,
                  int32_t* start, int32_t* groups);

}  // namespace musc2::cpu

namespace musc2::cuda {

void link_patches(const int64_t* pixels, const int64_t* offsets, int64_t samples, int64_t height,
                  int64_t width, int64_t grid_height, int64_t grid_width, int32_t* patch,
                  int32_t* start, int32_t* groups, void* stream);

}  // namespace musc2::cuda
