#pragma once
// The kernel that searches a panel, whatever multiplies its tiles: some warps multiply and reduce, one place after
// another, and the others measure what that completes.
#include "cuda/patch_minima.h"
#include "cuda/searched_places.h"

namespace musc2::cuda {
namespace {

// A Way of searching says which threads do what. Its first `groups` x Sums::threads threads multiply, each group its
// part of `down` by `across` tiles; the warps from `first_measuring` on measure; what is between, if anything, loads.

template <class Way>
struct SearchMemory {
  Minima<typename Way::Sums> minima[Way::groups];
  SearchedPlaces<Way::across> places;
  typename Way::Shared own;
};

// The patches of a group's part of a place.
template <class Way>
__device__ Part part_of(const Panel& panel, Place first) {
  using Sums = typename Way::Sums;
  const int group = static_cast<int>(threadIdx.x) / Sums::threads;
  return {panel.left.patches_from(first.left * TileShape::lines + group * Sums::rows, Sums::rows),
          panel.right.patches_from(first.right * TileShape::lines, Sums::columns)};
}

template <class Way>
__device__ void multiply_places(const Panel& panel, const Way& way, SearchMemory<Way>& shared) {
  using Sums = typename Way::Sums;
  Minima<Sums>& minima = shared.minima[threadIdx.x / Sums::threads];
  auto walk = way.walk();
  if (walk.is_over()) return;
  auto multiplier = way.multiplier();
  multiplier.begin(walk.place());
  Part part = part_of<Way>(panel, way.own(walk.place()));
  PartNorms<Sums> norms(panel, part);
  for (int number = 0; !walk.is_over(); ++number) {
    Sums sums;
    norms.begin(sums, minima);
    multiplier.finish(sums);
    const Part searched = part;
    walk.advance();
    if (!walk.is_over()) {
      multiplier.begin(walk.place());
      part = part_of<Way>(panel, way.own(walk.place()));
      norms = PartNorms<Sums>(panel, part);
    }
    if (!searched.rows.is_empty()) reduce_sums(panel, searched, sums, minima);
    Sums::barrier();
    if (Sums::thread() == 0) shared.places.add(number);
  }
}

template <class Way>
__device__ void measure_places(const Panel& panel, const Way& way, SearchMemory<Way>& shared) {
  const int worker = TileShape::warp() - Way::first_measuring;
  int number = 0;
  for (auto walk = way.walk(); !walk.is_over(); walk.advance(), ++number) {
    const Place at = way.own(walk.place());
    shared.places.template measure<typename Way::Format>(panel, at, number, worker, Way::measuring);
  }
}

template <class Way>
__global__ void __launch_bounds__(Way::threads, 1) search_panel(const __grid_constant__ Panel panel) {
  MUSC2_DYNAMIC_SHARED(unsigned char, stages);
  __shared__ SearchMemory<Way> shared;
  if (threadIdx.x == 0) {
    shared.places.begin(Way::groups, Way::measuring);
    Way::begin(shared.own);
  }
  Way::barrier();
  const Way way(panel, stages, shared.own);
  if (threadIdx.x < Way::groups * Way::Sums::threads) {
    Way::begin_multiplying();
    multiply_places(panel, way, shared);
  } else {
    Way::begin_others();
    if (TileShape::warp() < Way::first_measuring) {
      way.load();
    } else {
      measure_places(panel, way, shared);
    }
    __syncwarp();
  }
  Way::barrier();
}

template <class Way>
void launch_search(Panel panel, void* stream) {
  const int places = (panel.left.tiles() + Way::down - 1) / Way::down, bands = (places + 15) / 16;
  panel.band = (places + bands - 1) / bands;
  const Launch how{"nearest_patches", 0, Way::threads, Way::shared_bytes, stream, Way::blocks_together};
  launch(fill_device(how, search_panel<Way>), search_panel<Way>, panel);
}

}  // namespace
}  // namespace musc2::cuda
