#pragma once
// The 8-connected regions of a mask, as runs of pixels along its rows.
#include <cstdint>
#include <vector>

namespace musc2::cpu {

struct Run {
  int64_t begin, end;  // pixels of the mask, rows first
  int64_t region;
};

struct Regions {
  std::vector<Run> runs;       // in the order of their pixels
  std::vector<int64_t> sizes;  // pixels of each region, in the order of their first pixels
  int64_t pixels = 0;          // of all regions
};

// mask: (height, width) bytes, 0 or 1.
Regions find_regions(const uint8_t* mask, int64_t height, int64_t width);

}  // namespace musc2::cpu
