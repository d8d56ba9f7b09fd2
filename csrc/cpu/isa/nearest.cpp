#include "cpu/isa/nearest.h"

#include "cpu/isa/point_distances.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

#if defined(__AVX512F__)
// Moves the lanes whose bit is set to the front, then interleaves distances and indices into keys.
int64_t write_keys(const PackedPoints& points, int, Floats distance, uint32_t hits,
                   uint64_t* keys) {
  const __mmask16 mask = static_cast<__mmask16>(hits);
  const __m512i high = _mm512_maskz_compress_epi32(mask, reinterpret_cast<__m512i>(distance));
  const __m512i low = _mm512_maskz_compress_epi32(mask, _mm512_load_si512(points.index));
  const __m512i front = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i back = _mm512_add_epi32(front, _mm512_set1_epi32(8));
  _mm512_storeu_si512(keys, _mm512_permutex2var_epi32(low, front, high));
  _mm512_storeu_si512(keys + 8, _mm512_permutex2var_epi32(low, back, high));
  return __builtin_popcount(hits);
}
#else
// Writes every lane, but keeps only those whose bit is set: a branch per lane would often be
// mispredicted.
int64_t write_keys(const PackedPoints& points, int lane, Floats distance, uint32_t hits,
                   uint64_t* keys) {
  uint32_t high[width];
  __builtin_memcpy(high, &distance, sizeof high);
  int64_t count = 0;
  for (int i = 0; i < width; ++i) {
    keys[count] = uint64_t{high[i]} << 32 | static_cast<uint32_t>(points.index[lane + i]);
    count += hits >> i & 1;
  }
  return count;
}
#endif

}  // namespace

int64_t near_buckets(const Boxes* boxes, int64_t groups, Point query, float limit,
                     int32_t* buckets) {
  const Floats limits = Floats{} + limit;
  int64_t count = 0;
  for (int64_t group = 0; group < groups; ++group) {
    for (int lane = 0; lane < lanes; lane += width) {
      uint32_t hits = bits(bounds(boxes[group], lane, query) <= limits);
      for (; hits != 0; hits &= hits - 1) {
        buckets[count++] = static_cast<int32_t>(group * lanes + lane + __builtin_ctz(hits));
      }
    }
  }
  return count;
}

int64_t near_points(const PackedPoints* points, int64_t count, Point query, float limit,
                    uint64_t* keys) {
  const Floats limits = Floats{} + limit;
  int64_t written = 0;
  for (int64_t i = 0; i < count; ++i) {
    for (int lane = 0; lane < lanes; lane += width) {
      const Floats distance = distances(points[i], lane, query);
      const uint32_t hits = bits(distance <= limits);
      if (hits != 0) written += write_keys(points[i], lane, distance, hits, keys + written);
    }
  }
  return written;
}

void nearest_members(const PackedPoints* points, int64_t count, const Point* members,
                     int64_t members_count, Lanes* nearest) {
  for (int64_t i = 0; i < count; ++i) {
    for (int lane = 0; lane < lanes; lane += width) {
      Floats smallest = distances(points[i], lane, members[0]);
      for (int64_t m = 1; m < members_count; ++m)
        smallest = smaller(distances(points[i], lane, members[m]), smallest);
      store(nearest[i].value + lane, smallest);
    }
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
