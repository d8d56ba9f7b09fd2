#pragma once
// Counts at every threshold, from the highest value of a set of anomaly maps to the lowest. AUROC,
// AP, F1-max and AUPRO are all sums over these steps.
//   values (T) float32, no NaN: the maps one after the other, rows first; -0 equals +0
//   masks  (T) bytes, 1 where a pixel is anomalous, else 0
//   sizes  (maps, 2): height and width of each map, T = the sum of their products
// A region is a set of anomalous pixels of one map that are connected over edges or corners.
#include <cstdint>

namespace musc2::cpu {

// One step per different value of the anomalous pixels, fewer than 2^32, highest value first. All
// arrays have room for as many steps as there are anomalous pixels.
//   value     float32
//   above     number of normal pixels with a greater value
//   level     number of normal pixels with this value
//   anomalous number of anomalous pixels with this value, at least one
//   overlap   the sum over these pixels of 1 / the size of their region
//   counts    (2): the number of steps and of regions
void region_overlap(const float* values, const uint8_t* masks, const int64_t* sizes, int64_t maps,
                    float* value, int64_t* above, int64_t* level, int64_t* anomalous,
                    double* overlap, int64_t* counts);

// Adds maps to histograms of the values, which are cut to their first `bits` bits (sign, 8 of the
// exponent, the others of the fraction): normal and anomalous count pixels, overlap is as above,
// each (2^bits), lowest value first.
//   regions (1): the number of regions is added
void region_overlap_binned(const float* values, const uint8_t* masks, const int64_t* sizes,
                           int64_t maps, int64_t bits, int64_t* normal, int64_t* anomalous,
                           double* overlap, int64_t* regions);

}  // namespace musc2::cpu
