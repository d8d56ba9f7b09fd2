// A short row's source and target are sorted by one block in shared memory, bitonic. A long one's by
// a block each in scratch memory; then each value of source goes to where the target of its rank is.
//
// Long rows take a radix sort from the lowest digit on. Each warp of the block has a range of
// consecutive items. It counts their digits, the block sums up the counts by digit and warp, and
// the warp moves its items in their order, so that equal targets stay in the order of their index.
// Lanes find those with the same digit by a ballot for each of its bits, so that a row of equal
// values takes no longer than others.
#include "cuda/ascending_bits.h"
#include "cuda/bitonic.h"
#include "cuda/device.h"
#include "musc2/rank_match.h"

namespace musc2::cuda {
namespace {

constexpr int short_columns = 1024, short_threads = 128;
constexpr int threads = 512, warps = threads / warp_lanes;
constexpr int digit_bits = 8, digits = 1 << digit_bits, passes = 32 / digit_bits;
constexpr int held = 4;  // items that a lane loads at a time
static_assert(passes % 2 == 0, "the sorted items are where they began");

// The key of a value in a row, and its position there.
__device__ Key row_key(const float* row, int64_t i) {
  return Key{ascending_bits(row[i])} << 32 | static_cast<Key>(i);
}

__device__ float value_of_row_key(Key key) {
  return from_ascending_bits(static_cast<unsigned>(key >> 32));
}

__global__ void __launch_bounds__(short_threads)
    match_short(const float* source, const float* target, uint32_t columns, float* matched) {
  __shared__ Key keys[2][short_columns];  // of source and target
  const int64_t first = int64_t{blockIdx.x} * columns;
  const KeyRows rows{keys[0], short_columns, bits_for(columns)};
  for (uint32_t i = threadIdx.x; i < 1u << rows.bits; i += short_threads) {
    keys[0][i] = i < columns ? row_key(source + first, i) : ~Key{0};
    keys[1][i] = i < columns ? row_key(target + first, i) : ~Key{0};
  }
  __syncthreads();
  sort_rows<short_threads>(rows, 2);
  for (uint32_t rank = threadIdx.x; rank < columns; rank += short_threads)
    matched[first + index_of(keys[1][rank])] = value_of_row_key(keys[0][rank]);
}

// What a block sorts by: the bits from `low` on.
template <class Item, int low>
class Sort {
 public:
  // starts: how many items of each digit a warp has, then where it moves the next one of them.
  // totals: for a number per warp.
  __device__ Sort(uint32_t count, uint32_t (*starts)[digits], uint32_t* totals)
      : starts_(starts), totals_(totals) {
    const uint32_t each = (count + threads - 1) / threads * warp_lanes;
    begin_ = min(count, warp() * each);
    end_ = min(count, begin_ + each);
  }

  // Sorts the items; `other` has room for as many.
  __device__ void run(Item* items, Item* other) const {
    for (int pass = 0; pass < passes; ++pass) {
      count(items, pass);
      __syncthreads();
      sum();
      __syncthreads();
      move(items, other, pass);
      __syncthreads();
      Item* const moved = other;
      other = items;
      items = moved;
    }
  }

 private:
  __device__ static uint32_t lane() { return threadIdx.x % warp_lanes; }
  __device__ static uint32_t warp() { return threadIdx.x / warp_lanes; }

  // Calls body(item, digit, peers) for this warp's items, a lane each, in their order; peers: the
  // lanes with the same digit, none for a lane without an item.
  template <class Body>
  __device__ void for_each(const Item* items, int pass, const Body& body) const {
    for (uint32_t first = begin_; first < end_; first += held * warp_lanes) {
      Item own[held];
#pragma unroll
      for (uint32_t i = 0; i < held; ++i) {
        const uint32_t place = first + i * warp_lanes + lane();
        own[i] = place < end_ ? items[place] : Item{0};
      }
#pragma unroll
      for (uint32_t i = 0; i < held; ++i) {
        if (first + i * warp_lanes >= end_) break;
        const auto digit =
            static_cast<unsigned>(own[i] >> (low + pass * digit_bits)) & (digits - 1);
        const bool exists = first + i * warp_lanes + lane() < end_;
        unsigned peers = __ballot_sync(whole_warp, exists);
        for (int bit = 0; bit < digit_bits; ++bit) {
          const bool is_set = (digit >> bit & 1) != 0;
          const unsigned voters = __ballot_sync(whole_warp, is_set);
          peers &= is_set ? voters : ~voters;
        }
        body(own[i], digit, exists ? peers : 0);
      }
    }
  }

  // Whether the calling lane is the first of these; no lane is the first of none.
  __device__ static bool is_first_of(unsigned peers) {
    return __ffs(static_cast<int>(peers)) == static_cast<int>(lane()) + 1;
  }

  __device__ void count(const Item* items, int pass) const {
    uint32_t* const counts = starts_[warp()];
    for (uint32_t digit = lane(); digit < digits; digit += warp_lanes) counts[digit] = 0;
    __syncwarp();
    for_each(items, pass, [&](Item, unsigned digit, unsigned peers) {
      if (is_first_of(peers)) counts[digit] += static_cast<uint32_t>(__popc(peers));
      __syncwarp();
    });
  }

  // Turns counts into starts: behind all smaller digits, then behind the same one of earlier warps.
  __device__ void sum() const {
    static_assert(digits % warp_lanes == 0 && digits <= threads);
    const uint32_t digit = threadIdx.x;
    const bool has_digit = digit < digits;
    uint32_t own = 0;
    for (int w = 0; has_digit && w < warps; ++w) own += starts_[w][digit];
    uint32_t up_to = own;
    for (unsigned step = 1; step < warp_lanes; step *= 2) {
      const uint32_t below = __shfl_up_sync(whole_warp, up_to, step);
      if (lane() >= step) up_to += below;
    }
    if (lane() == warp_lanes - 1) totals_[warp()] = up_to;
    __syncthreads();
    uint32_t start = up_to - own;
    for (uint32_t w = 0; w < warp(); ++w) start += totals_[w];
    for (int w = 0; has_digit && w < warps; ++w) {
      const uint32_t counted = starts_[w][digit];
      starts_[w][digit] = start;
      start += counted;
    }
  }

  __device__ void move(const Item* items, Item* moved, int pass) const {
    uint32_t* const next = starts_[warp()];
    const unsigned below = (1u << lane()) - 1;
    for_each(items, pass, [&](Item item, unsigned digit, unsigned peers) {
      if (peers != 0) moved[next[digit] + static_cast<uint32_t>(__popc(peers & below))] = item;
      __syncwarp();
      if (is_first_of(peers)) next[digit] += static_cast<uint32_t>(__popc(peers));
      __syncwarp();
    });
  }

  uint32_t (*starts_)[digits];
  uint32_t* totals_;
  uint32_t begin_, end_;  // of this warp's items
};

// A row's keys and its targets' order, twice each: a sort takes turns between them.
struct Rows {
  int64_t columns;
  Key* order;      // (rows, 2, columns): the key of a target, and its index
  unsigned* keys;  // (rows, 2, columns)

  __device__ Key* order_of(int64_t row) const { return order + 2 * row * columns; }
  __device__ unsigned* keys_of(int64_t row) const { return keys + 2 * row * columns; }
};

__global__ void __launch_bounds__(threads)
    sort(const float* source, const float* target, Rows rows) {
  __shared__ uint32_t starts[warps][digits];
  __shared__ uint32_t totals[warps];
  const int64_t row = blockIdx.x / 2, columns = rows.columns;
  const auto count = static_cast<uint32_t>(columns);
  if (blockIdx.x % 2 == 0) {
    unsigned* const keys = rows.keys_of(row);
    for (int64_t i = threadIdx.x; i < columns; i += threads)
      keys[i] = ascending_bits(source[row * columns + i]);
    __syncthreads();
    Sort<unsigned, 0>(count, starts, totals).run(keys, keys + columns);
  } else {
    Key* const order = rows.order_of(row);
    for (int64_t i = threadIdx.x; i < columns; i += threads)
      order[i] = row_key(target + row * columns, i);
    __syncthreads();
    Sort<Key, 32>(count, starts, totals).run(order, order + columns);
  }
}

__global__ void __launch_bounds__(threads) place(Rows rows, int64_t blocks_each, float* matched) {
  const int64_t row = blockIdx.x / blocks_each;
  const int64_t rank = blockIdx.x % blocks_each * threads + threadIdx.x;
  if (rank >= rows.columns) return;
  matched[row * rows.columns + index_of(rows.order_of(row)[rank])] =
      from_ascending_bits(rows.keys_of(row)[rank]);
}

}  // namespace

int64_t rank_match_scratch(int64_t rows, int64_t columns) {
  if (columns <= short_columns) return 0;
  return rows * columns * 2 * static_cast<int64_t>(sizeof(Key) + sizeof(unsigned));
}

void rank_match(const float* source, const float* target, int64_t rows, int64_t columns,
                float* matched, void* scratch, void* stream) {
  if (rows == 0 || columns == 0) return;
  if (columns <= short_columns) {
    MUSC2_LAUNCH(match_short, blocks_for(rows, 1), short_threads, 0, stream, source, target,
                 static_cast<uint32_t>(columns), matched);
    return;
  }
  auto* const order = static_cast<Key*>(scratch);
  const Rows all{columns, order, reinterpret_cast<unsigned*>(order + 2 * rows * columns)};
  MUSC2_LAUNCH(sort, blocks_for(2 * rows, 1), threads, 0, stream, source, target, all);
  const int64_t blocks_each = blocks_for(columns, threads);
  MUSC2_LAUNCH(place, blocks_for(rows * blocks_each, 1), threads, 0, stream, all, blocks_each,
               matched);
}

}  // namespace musc2::cuda
