#pragma once
#include "cpu/isa/dispatch.h"
#include "cpu/isa/packed_points.h"

namespace musc2::cpu {

// A cloud in buckets, and the state of farthest point sampling.
struct Sampling {
  const PackedPoints* points;
  const int32_t* first;  // bucket b has points[first[b]] to points[first[b + 1] - 1]
  const Boxes* boxes;    // of sixteen buckets each
  int64_t groups;        // number of them
  float* nearest;   // (points, lanes): squared distance to the nearest pick; -1: must not be picked
  float* farthest;  // (groups, lanes): the largest `nearest` of each bucket; -1 for unused lanes
  int32_t* touched;  // (groups, lanes): scratch
};

// Writes picks[1] to picks[count - 1]. picks[0] has been chosen; its position is `start`.
MUSC2_ISA_FUNCTION(void, farthest_picks, const Sampling& cloud, Point start, int64_t count,
                   int32_t* picks)

}  // namespace musc2::cpu
