# The module _cuda_emulated: the kernels of csrc/cuda compiled by the C++ compiler, for tests without a GPU.
option(MUSC2_EMULATED "build musc2._cuda_emulated (CI and development; Linux)" OFF)
option(MUSC2_SANITIZE "build it with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
if(NOT MUSC2_EMULATED)
  return()
endif()

# In a directory of its own, because there the .cu files are C++ and elsewhere CUDA.
add_subdirectory(csrc/testing)
