#pragma once
// Warp operations. All are one thing: the lanes of a mask meet, and each then sees what the others brought.
#include "emulator/scheduler.h"

namespace musc2::emulation {

// Lets go the lanes of a warp whose whole mask has come; whether there were any.
bool settle_meetings(Thread* warp, unsigned count);

// Lets go the lanes for which what they wait for has come; whether there were any.
bool settle_waits(Thread* warp, unsigned count);

}  // namespace musc2::emulation
