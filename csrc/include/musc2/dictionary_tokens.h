#pragma once
// Distances of the small patches around the middle of every cell of 8 x 8 pixels to the words of a
// dictionary.
//   images     (images, 3, height, width) float32, finite; height and width are multiples of 8
//   whitening  (108, components) float32; 108 = 3 colors x 6 rows x 6 columns of a patch
//   words      (words, components) float32
//   tokens     (images, height / 8, width / 8, words) float32
// Patches of 6 x 6 around every 4th pixel (their middles are 1.5, 5.5, 9.5 ... in both directions;
// borders are mirrored without repeating the edge), minus their mean, divided by their deviation +
// softness, times whitening; the Euclidean distance to every word; the mean over the 8 x 8 patches
// around a token's middle, weighted by a Gaussian of sigma 4 px.
#include <cstdint>

namespace musc2::cpu {

constexpr int64_t patch_side = 6;
constexpr int64_t patch_values = 3 * patch_side * patch_side;

void dictionary_tokens(const float* images, int64_t count, int64_t height, int64_t width,
                       const float* whitening, int64_t components, const float* words,
                       int64_t word_count, float softness, float* tokens);

}  // namespace musc2::cpu

namespace musc2::cuda {

// Bytes of scratch memory: for the whitened patches, and for twice as many values as the tokens
// have. It begins at a multiple of 4.
int64_t dictionary_tokens_scratch(int64_t count, int64_t height, int64_t width, int64_t components,
                                  int64_t word_count);

void dictionary_tokens(const float* images, int64_t count, int64_t height, int64_t width,
                       const float* whitening, int64_t components, const float* words,
                       int64_t word_count, float softness, float* tokens, void* scratch,
                       void* stream);

}  // namespace musc2::cuda
