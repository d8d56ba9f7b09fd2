#pragma once
// The kernel that searches a panel, whatever multiplies its tiles.
#include "cuda/patch_distances.h"
#include "cuda/patch_minima.h"

namespace musc2::cuda {
namespace {

// Product multiplies `across` tiles side by side at a time, see tile_product.h.
template <class Product>
__global__ void __launch_bounds__(TileShape::threads, Product::blocks_each)
    search_panel(const __grid_constant__ Panel panel) {
  MUSC2_DYNAMIC_SHARED(unsigned char, stages);
  __shared__ WarpMinima<typename Product::Sums> minima;
  __shared__ bool complete[2][TileShape::lines];
  Product product(panel.left.searched, panel.right.searched, stages);
  Walk<Product::across> walk(panel);
  const auto begin = [&] {
    if (walk.is_over()) return;
    product.begin(panel.left.first_patch(walk.place().left), panel.right.first_patch(walk.place().right));
  };
  begin();
  while (!walk.is_over()) {
    typename Product::Sums sums[Product::across];
    product.finish(sums);
    const Place first = walk.place();
    walk.advance();
    begin();
#pragma unroll
    for (int k = 0; k < Product::across; ++k) {
      const Place at{first.left, first.right + k};  // one that is alone is wanted: no check keeps registers
      if (Product::across > 1 && !panel.wants(at)) continue;
      reduce_tile(panel, at, sums[k], minima);
      measure_completed<typename Product::Format>(panel, at, complete);
    }
  }
}

// Product: of the format that the panel is packed in.
template <class Product>
void launch_search(const Panel& panel, void* stream) {
  launch(
      {"nearest_patches", Product::blocks_each * multiprocessors(), TileShape::threads, Product::shared_bytes, stream},
      search_panel<Product>, panel);
}

}  // namespace
}  // namespace musc2::cuda
