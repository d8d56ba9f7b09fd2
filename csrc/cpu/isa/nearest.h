#pragma once
#include "cpu/isa/dispatch.h"
#include "cpu/isa/packed_points.h"

namespace musc2::cpu {

// Writes the numbers of the buckets that may hold a point within `limit`, a squared distance.
// Returns how many.
MUSC2_ISA_FUNCTION(int64_t, near_buckets, const Boxes* boxes, int64_t groups, Point query,
                   float limit, int32_t* buckets)

// Writes the keys (keys.h) of the points within `limit`, in no particular order. Returns how many.
// `keys` needs room for one key per lane.
MUSC2_ISA_FUNCTION(int64_t, near_points, const PackedPoints* points, int64_t count, Point query,
                   float limit, uint64_t* keys)

// Squared distance of each point to the nearest of the members; NaN in unused lanes.
MUSC2_ISA_FUNCTION(void, nearest_members, const PackedPoints* points, int64_t count,
                   const Point* members, int64_t members_count, Lanes* distances)

}  // namespace musc2::cpu
