// Union-find over runs instead of pixels: masks are mostly empty, and memchr skips empty pixels.
#include "cpu/regions.h"

#include <algorithm>
#include <cstring>

namespace musc2::cpu {
namespace {

// The first x in [from, width) with row[x] == byte, or width.
int64_t find_byte(const uint8_t* row, int64_t from, int64_t width, int byte) {
  if (from >= width) return width;
  const void* match = std::memchr(row + from, byte, static_cast<size_t>(width - from));
  return match ? static_cast<const uint8_t*>(match) - row : width;
}

// During the search a run's `region` is the number of an earlier run of the same region, or its
// own.
int64_t first_run(std::vector<Run>& runs, int64_t run) {
  const auto parent = [&runs](int64_t i) -> int64_t& {
    return runs[static_cast<size_t>(i)].region;
  };
  while (parent(run) != run) run = parent(run) = parent(parent(run));
  return run;
}

void join(std::vector<Run>& runs, int64_t a, int64_t b) {
  a = first_run(runs, a);
  b = first_run(runs, b);
  runs[static_cast<size_t>(std::max(a, b))].region = std::min(a, b);
}

}  // namespace

Regions find_regions(const uint8_t* mask, int64_t height, int64_t width) {
  Regions regions;
  std::vector<Run>& runs = regions.runs;
  const auto run_at = [&runs](int64_t i) -> Run& { return runs[static_cast<size_t>(i)]; };
  int64_t above_end = 0;  // the number of runs up to the row above
  for (int64_t y = 0; y < height; ++y) {
    const int64_t row = y * width;
    int64_t above = above_end;
    above_end = static_cast<int64_t>(runs.size());
    while (above > 0 && run_at(above - 1).begin >= row - width) --above;
    for (int64_t x = find_byte(mask + row, 0, width, 1), end; x < width;
         x = find_byte(mask + row, end, width, 1)) {
      end = find_byte(mask + row, x, width, 0);
      const int64_t run = static_cast<int64_t>(runs.size());
      runs.push_back({row + x, row + end, run});
      regions.pixels += end - x;
      // Over a corner, a run touches one that ends at its begin.
      while (above < above_end && run_at(above).end + width < row + x) ++above;
      for (int64_t i = above; i < above_end && run_at(i).begin + width <= row + end; ++i)
        join(runs, i, run);
    }
  }
  // Replaces run numbers by region numbers. Runs before i are done.
  for (int64_t i = 0; i < static_cast<int64_t>(runs.size()); ++i) {
    Run& run = run_at(i);
    if (run.region == i) {
      run.region = static_cast<int64_t>(regions.sizes.size());
      regions.sizes.push_back(0);
    } else {
      run.region = run_at(run.region).region;
    }
    regions.sizes[static_cast<size_t>(run.region)] += run.end - run.begin;
  }
  return regions;
}

}  // namespace musc2::cpu
