#pragma once
// Ops whose results on the other instruction sets are compared with those on base.
#include <functional>

#include "checks.h"

namespace musc2::instruction_sets {

// docs/dev/reliability.md, "Equal results", says which op promises what.
enum class Promise { bits, near };

void check_agreement(const std::string& name, Promise promise, const std::function<Results()>& run);

}  // namespace musc2::instruction_sets
