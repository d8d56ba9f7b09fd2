#pragma once
// What kernels see of the emulator: csrc/cuda/platform.h includes this instead of the CUDA headers
// and PTX.

#include "emulator/collectives.h"
#include "emulator/cooperative_groups.h"
#include "emulator/hopper.h"
#include "emulator/intrinsics.h"
#include "emulator/language.h"
#include "emulator/mbarrier.h"
#include "emulator/narrow_floats.h"
#include "emulator/runtime.h"
#include "emulator/scheduler.h"
#include "emulator/tile.h"

#define MUSC2_DYNAMIC_SHARED(Type, name) \
  Type* const name = reinterpret_cast<Type*>(::musc2::emulation::running->block->memory.dynamic())

namespace musc2::cuda {

inline unsigned replace_bits(unsigned a, unsigned mask, unsigned b) { return (a & mask) | b; }

}  // namespace musc2::cuda
