#include "bind/extras.h"

namespace musc2::bind {

void bind_extras(pybind11::module_&) {}

}  // namespace musc2::bind
