#pragma once
// Runs CUDA kernels without a GPU: their source compiles with the C++ compiler, and each thread is a fiber (scheduler.h
// says what that shows and what not). csrc/cuda/device.h includes this instead of the CUDA headers when
// MUSC2_EMULATE is defined.
#include <type_traits>

#include "testing/clusters.h"
#include "testing/collectives.h"
#include "testing/intrinsics.h"
#include "testing/language.h"
#include "testing/narrow_floats.h"
#include "testing/scheduler.h"

namespace musc2::emulation {

template <class... Parameters, class... Arguments>
void launch(const Shape& wanted, void (*kernel)(Parameters...), const Arguments&... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "a kernel's arguments are copied as bytes");
  run(wanted, [&] { kernel(arguments...); });
}

}  // namespace musc2::emulation
