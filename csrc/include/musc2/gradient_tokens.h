#pragma once
// Describes the edges in eight directions around the middle of every cell of 8 x 8 pixels (DAISY
// layout).
//   images  (images, 3, height, width) float32, finite; height and width are multiples of 8
//   tokens  (images, height / 8, width / 8, 136) float32
// Luminance (R + G + B) / 3, Gaussian of sigma 1, central differences (dx, dy). Eight maps max(0,
// dx cos a + dy sin a), a = 0, 45 ... 315 degrees; means of 2 x 2 pixels.
// A token is 17 times these 8 maps, blurred and bilinearly sampled: at the cell's middle (sigma 3),
// then at 7 px (sigma 3.5) and at 14 px (sigma 5.5) in the directions a. Kernels reach ceil(3
// sigma), sigma in cells of their map; borders are mirrored without repeating the edge.
#include <cstdint>

namespace musc2::cpu {

constexpr int64_t gradient_channels = 136;

void gradient_tokens(const float* images, int64_t count, int64_t height, int64_t width,
                     float* tokens);

}  // namespace musc2::cpu

namespace musc2::cuda {

// Bytes of scratch memory: for eight maps of half the sides of each image. It begins at a multiple
// of 4.
int64_t gradient_tokens_scratch(int64_t count, int64_t height, int64_t width);

void gradient_tokens(const float* images, int64_t count, int64_t height, int64_t width,
                     float* tokens, void* scratch, void* stream);

}  // namespace musc2::cuda
