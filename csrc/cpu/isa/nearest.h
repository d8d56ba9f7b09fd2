#pragma once
#include "cpu/isa/blocks.h"
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

// Writes the numbers of the buckets that may hold a point within `limit` (a squared distance), and returns how many.
MUSC2_LEAF(int64_t, near_buckets, const Boxes* boxes, int64_t groups, Place from, float limit, int32_t* buckets)

// Writes the keys (keys.h) of the points within `limit`, in no particular order, and returns how many. It may write
// to the room of one key per lane of the blocks.
MUSC2_LEAF(int64_t, near_points, const Block* blocks, int64_t count, Place from, float limit, uint64_t* keys)

// Squared distance of each point of the blocks to the nearest of the members; NaN in lanes that hold no point.
MUSC2_LEAF(void, nearest_members, const Block* blocks, int64_t count, const Place* members, int64_t members_count,
           Lanes* distances)

}  // namespace musc2::cpu
