#pragma once
// Describes the surface around each center by histograms that rotating or scaling a cloud does not
// change.
//   points     (T, 3) float32, finite; cloud b is the rows [offsets[b], offsets[b+1]), at least one
//              of them
//   normals    (T, 3) float32, unit length, and variation (T,) float32: as point_normals gives them
//   centers    (clouds, centers_each) int64, indices into their cloud
//   scales     (scale_count,) int64, ascending, from 1 to 1024
//   histograms (clouds, centers_each, scale_count, 38) float32
// For each scale: the k = min(scale, points of the cloud) nearest points p of the center c; n is
// the mean of their normals scaled to unit length (that of the center where the mean is zero); R
// the median over the cloud's centers of the distance to the k-th (the mean of the middle two where
// they are even in number). Four histograms:
//    8 bins, 0 ... 0.8       sine of the angle between a normal and n
//   10 bins, -0.6 ... 0.6    normal . t / |t|, t = p - c without its part along n; only points with
//                            |t| > 0.1 R
//   12 bins, -0.35 ... 0.35  ((p - mean of the k points) . n) / R; 0 where R is 0
//    8 bins, -9 ... -2       log(variation + 1e-5)
// A value between the middles of two bins counts for both by its nearness; beyond the outermost
// middles for the bin at that end. Each histogram sums to 1, or is 0 where no point counts.
#include <cstdint>

namespace musc2 {

constexpr int64_t histogram_bins = 38;

}  // namespace musc2

namespace musc2::cpu {

void group_histograms(const float* points, const float* normals, const float* variation,
                      const int64_t* offsets, int64_t clouds, const int64_t* centers,
                      int64_t centers_each, const int64_t* scales, int64_t scale_count,
                      float* histograms);

}  // namespace musc2::cpu

namespace musc2::cuda {

// Bytes of scratch memory, which begins at a multiple of 4. widest: the neighbors of a center, the
// last of the scales or fewer in small clouds.
int64_t group_histograms_scratch(int64_t clouds, int64_t centers_each, int64_t widest,
                                 int64_t scale_count);

// scales is on the host; it is read before the call returns. largest_cloud: its points. An index
// out of range is clamped.
void group_histograms(const float* points, const float* normals, const float* variation,
                      const int64_t* offsets, int64_t clouds, const int64_t* centers,
                      int64_t centers_each, const int64_t* scales, int64_t scale_count,
                      float* histograms, int64_t largest_cloud, void* scratch, void* stream);

}  // namespace musc2::cuda
