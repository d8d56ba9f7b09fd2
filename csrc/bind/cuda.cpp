// The module musc2._cuda, and musc2._cuda_emulated from the same kernels without a GPU
// (tests/emulator). Arrays are passed by address (by_address.h); python/musc2/ops owns the public
// names.
#include <pybind11/pybind11.h>

#include "bind/by_address.h"
#include "bind/extras.h"
#include "cuda/devices.h"
#include "musc2/dictionary_tokens.h"
#include "musc2/farthest_points.h"
#include "musc2/gradient_tokens.h"
#include "musc2/group_histograms.h"
#include "musc2/group_points.h"
#include "musc2/link_patches.h"
#include "musc2/lowest_mean.h"
#include "musc2/nearest_patches.h"
#include "musc2/nearest_points.h"
#include "musc2/point_normals.h"
#include "musc2/pool_centers.h"
#include "musc2/pool_grid.h"
#include "musc2/project_tokens.h"
#include "musc2/rank_match.h"
#include "musc2/spread_points.h"

namespace cuda = musc2::cuda;
using musc2::bind::by_address;

PYBIND11_MODULE(MUSC2_MODULE, module) {
  module.def("why_not", &cuda::why_not);
  musc2::bind::bind_extras(module);

  module.def("farthest_points_scratch", by_address(&cuda::farthest_points_scratch));
  module.def("farthest_points", by_address(&cuda::farthest_points));
  module.def("nearest_points", by_address(&cuda::nearest_points));
  module.def("group_points_scratch", by_address(&cuda::group_points_scratch));
  module.def("group_points", by_address(&cuda::group_points));
  module.def("point_normals_scratch", by_address(&cuda::point_normals_scratch));
  module.def("point_normals", by_address(&cuda::point_normals));
  module.def("group_histograms_scratch", by_address(&cuda::group_histograms_scratch));
  module.def("group_histograms", by_address(&cuda::group_histograms));
  module.def("nearest_patches", by_address(&cuda::nearest_patches));
  module.def("nearest_patches_scratch", by_address(&cuda::nearest_patches_scratch));
  module.def("nearest_patches_in_window", by_address(&cuda::nearest_patches_in_window));
  module.def("lowest_mean", by_address(&cuda::lowest_mean));
  module.def("rank_match_scratch", by_address(&cuda::rank_match_scratch));
  module.def("rank_match", by_address(&cuda::rank_match));
  module.def("pool_grid", by_address(&cuda::pool_grid));
  module.def("pool_centers", by_address(&cuda::pool_centers));
  module.def("link_patches", by_address(&cuda::link_patches));
  module.def("spread_points", by_address(&cuda::spread_points));
  module.def("gradient_tokens_scratch", by_address(&cuda::gradient_tokens_scratch));
  module.def("gradient_tokens", by_address(&cuda::gradient_tokens));
  module.def("dictionary_tokens_scratch", by_address(&cuda::dictionary_tokens_scratch));
  module.def("dictionary_tokens", by_address(&cuda::dictionary_tokens));
  module.def("project_tokens", by_address(&cuda::project_tokens));
}
