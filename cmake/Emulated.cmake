# The module _cuda_emulated: the kernels of csrc/cuda compiled by the C++ compiler, for tests without
# a GPU.
option(MUSC2_EMULATED "build musc2._cuda_emulated (CI and development; Linux)" OFF)
option(MUSC2_SANITIZE "build it with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
if(NOT MUSC2_EMULATED)
  return()
endif()
set(emulator "${PROJECT_SOURCE_DIR}/tests/emulator")
if(NOT EXISTS "${emulator}/CMakeLists.txt")
  message(FATAL_ERROR 
    "MUSC2_EMULATED=ON needs tests/emulator, which source distributions leave out: "
    "build from a git checkout of musc2")
endif()
add_subdirectory("${emulator}")
