// The module musc2._cpu. Arrays are passed by address (by_address.h); python/musc2/ops owns the
// public names.
#include <pybind11/pybind11.h>

#include <string>

#include "bind/by_address.h"
#include "bind/interrupts.h"
#include "common/finite.h"
#include "common/parallel.h"
#include "cpu/isa/dispatch.h"
#include "cpu/nearest_patches_of_pairs.h"
#include "musc2/cluster_grid.h"
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
#include "musc2/region_overlap.h"
#include "musc2/spread_points.h"

namespace py = pybind11;
namespace cpu = musc2::cpu;
using musc2::bind::by_address;

PYBIND11_MODULE(_cpu, module) {
  musc2::bind::check_signals_in_kernels();
  module.def("num_threads", &musc2::num_threads);
  module.def("set_num_threads", &musc2::set_num_threads);
  module.def("isas", [] {
    py::list names;
    for (int i = 0; i <= static_cast<int>(cpu::best_isa()); ++i) {
      if (cpu::runs(cpu::Isa{i})) names.append(cpu::isa_name(cpu::Isa{i}));
    }
    return names;
  });
  module.def("multiplies_bfloat16", &cpu::multiplies_bfloat16);
  module.def("isa", [] { return std::string(cpu::isa_name(cpu::active_isa())); });
  module.def("set_isa", [](const std::string& name) { return cpu::set_isa(name.c_str()); });
  module.def("first_nonfinite", by_address(&cpu::first_nonfinite));
  module.def("largest_magnitude", by_address(&cpu::largest_magnitude));
  module.def("first_nan", by_address(&cpu::first_nan));

  module.def("nearest_patches", by_address(&cpu::nearest_patches));
  module.def("nearest_patches_in_window", by_address(&cpu::nearest_patches_in_window));
  module.def("nearest_patches_of_pairs", by_address(&cpu::nearest_patches_of_pairs));
  module.def("farthest_points", by_address(&cpu::farthest_points));
  module.def("group_points", by_address(&cpu::group_points));
  module.def("lowest_mean", by_address(&cpu::lowest_mean));
  module.def("nearest_points", by_address(&cpu::nearest_points));
  module.def("rank_match", by_address(&cpu::rank_match));
  module.def("link_patches", by_address(&cpu::link_patches));
  module.def("spread_points", by_address(&cpu::spread_points));
  module.def("pool_centers", by_address(&cpu::pool_centers));
  module.def("pool_grid", by_address(&cpu::pool_grid));
  module.def("gradient_tokens", by_address(&cpu::gradient_tokens));
  module.def("dictionary_tokens", by_address(&cpu::dictionary_tokens));
  module.def("project_tokens", by_address(&cpu::project_tokens));
  module.def("point_normals", by_address(&cpu::point_normals));
  module.def("group_histograms", by_address(&cpu::group_histograms));
  module.def("cluster_grid", by_address(&cpu::cluster_grid));
  module.def("region_overlap", by_address(&cpu::region_overlap));
  module.def("region_overlap_binned", by_address(&cpu::region_overlap_binned));
}
