# AUTO builds the CUDA module when a compiler is found, ON insists on it, OFF leaves it out.
# The module itself does not exist yet: AUTO and OFF build the same thing, and ON says so.
set(MUSC2_CUDA "AUTO" CACHE STRING "build the CUDA module: AUTO, ON or OFF")
set_property(CACHE MUSC2_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT MUSC2_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "MUSC2_CUDA must be AUTO, ON or OFF, got \"${MUSC2_CUDA}\"")
endif()
if(MUSC2_CUDA STREQUAL "ON")
  message(FATAL_ERROR "MUSC2_CUDA=ON: this version has no CUDA module yet; build with AUTO or OFF")
endif()
