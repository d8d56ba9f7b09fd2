#pragma once
// Warp operations. All work the same way: the lanes of a mask meet, then each sees the others'
// values.
#include "emulator/scheduler.h"

namespace musc2::emulation {

// Resumes the lanes of a warp whose whole mask has arrived. Returns whether there were any.
bool settle_meetings(Thread* warp, unsigned count);

// Resumes the lanes whose condition holds. Returns whether there were any.
bool settle_waits(Thread* warp, unsigned count);

}  // namespace musc2::emulation
