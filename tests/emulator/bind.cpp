// The functions of musc2._cuda_emulated beside the kernels: thread orders, kernels with mistakes,
// and single instructions.
#include <chrono>
#include <stdexcept>
#include <thread>

#include "bind/by_address.h"
#include "bind/extras.h"
#include "common/parallel.h"
#include "cuda/pooling.h"
#include "emulator/mbarrier.h"
#include "emulator/narrow_floats.h"
#include "emulator/order.h"
#include "emulator/runtime.h"
#include "emulator/tests/cluster_probe.h"
#include "emulator/tests/hopper_probe.h"
#include "emulator/tests/mistakes.h"
#include "emulator/tests/tile_probe.h"

namespace musc2::bind {
namespace {

// Writes the worker of each item, which takes so long; the item `failing` throws.
void workers_of_items(int64_t count, int threads, int64_t microseconds, int64_t failing,
                      int32_t* workers) {
  parallel_for(count, threads, [&](int64_t item, int worker) {
    if (item == failing) throw std::runtime_error("this item fails");
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    workers[item] = worker;
  });
}

}  // namespace

void bind_extras(pybind11::module_& module) {
  module.def("order", &emulation::order);
  module.def("set_order", &emulation::set_order);
  module.def("neighbor_weight", &cuda::neighbor_weight);
  module.def("launches", &emulation::launches);
  module.def("allowances", [] {
    pybind11::list all;
    for (const auto& [kernel, bytes] : emulation::allowances())
      all.append(pybind11::make_tuple(reinterpret_cast<std::uintptr_t>(kernel), bytes));
    return all;
  });
  module.def("messages_sent", &cuda::messages_sent);
  module.def("largest_cluster", &emulation::largest_cluster);
  module.def("set_largest_cluster", &emulation::set_largest_cluster);
  module.def("make_mistake", [](const std::string& name, std::uintptr_t result) {
    emulation::make_mistake(name, to_argument<int32_t*>(result));
  });
  module.def("launch_unallowed", &emulation::launch_unallowed);
  module.def("widen_half", [](uint16_t bits) { return __half2float({bits}); });
  module.def("narrow_half", [](float value) { return __float2half_rn(value).bits; });
  module.def("widen_bfloat16", [](uint16_t bits) { return __bfloat162float({bits}); });
  module.def("narrow_bfloat16", [](float value) { return __float2bfloat16_rn(value).bits; });
  module.def("workers_of_items", by_address(&workers_of_items));
  module.def("probe_multiply", by_address(&cuda::probe_multiply));
  module.def("probe_load_matrices", by_address(&cuda::probe_load_matrices));
  module.def("probe_copies", by_address(&cuda::probe_copies));
  module.def("probe_copying_twice", by_address(&cuda::probe_copying_twice));
  module.def("probe_warpgroup", by_address(&cuda::probe_warpgroup));
  module.def("probe_arrivals", by_address(&cuda::probe_arrivals));
  module.def("probe_cluster", by_address(&cuda::probe_cluster));
  module.def("probe_messages", by_address(&cuda::probe_messages));
  module.def("probe_registers", &cuda::probe_registers);
  module.def("probe_groups", by_address(&cuda::probe_groups));
#ifdef __SANITIZE_ADDRESS__
  module.attr("SANITIZED") = true;
#else
  module.attr("SANITIZED") = false;
#endif
}

}  // namespace musc2::bind
