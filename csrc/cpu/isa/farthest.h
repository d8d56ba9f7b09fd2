#pragma once
#include "cpu/isa/blocks.h"
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

// A cloud in buckets, and what farthest point sampling knows of it.
struct Sampling {
  const Block* blocks;
  const int32_t* first;  // bucket b has the blocks [first[b], first[b+1])
  const Boxes* boxes;    // of sixteen buckets each
  int64_t groups;        // how many of them
  float* nearest;        // (blocks, lanes): squared distance to the nearest pick; -1: never to be picked
  float* farthest;       // (groups, lanes): the largest of each bucket's `nearest`, -1 where there is no bucket
  int32_t* touched;      // (groups, lanes): scratch
};

// Writes picks[1 ... count-1]; picks[0] is there, at the place `start`.
MUSC2_LEAF(void, farthest_picks, const Sampling& cloud, Place start, int64_t count, int32_t* picks)

}  // namespace musc2::cpu
