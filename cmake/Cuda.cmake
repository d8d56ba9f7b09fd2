# The module _cuda. AUTO builds it if a working CUDA compiler is found, ON requires one, OFF skips it.
set(MUSC2_CUDA "AUTO" CACHE STRING "build the CUDA module: AUTO, ON or OFF")
set_property(CACHE MUSC2_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT MUSC2_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "MUSC2_CUDA must be AUTO, ON or OFF, got \"${MUSC2_CUDA}\"")
endif()
set(MUSC2_CUDA_ARCHS "" CACHE STRING
  "architectures as CMake names them; empty: this machine's GPU, or all without one")
if(MUSC2_CUDA STREQUAL "OFF")
  return()
endif()

# Also where the compiler is not on PATH.
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(MUSC2_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin
    PATHS /usr/local/cuda/bin /opt/cuda/bin)
  if(MUSC2_NVCC)
    set(ENV{CUDACXX} "${MUSC2_NVCC}")
  endif()
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(MUSC2_CUDA STREQUAL "ON")
    message(FATAL_ERROR "MUSC2_CUDA=ON, but no CUDA compiler works here: set CUDACXX or CUDA_HOME")
  elseif(DEFINED ENV{CUDACXX})
    message(WARNING "the CUDA compiler $ENV{CUDACXX} does not work: building for the CPU only")
  endif()
  return()
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

# The PTX of 120, which the driver compiles for later GPUs, does not run on 100. The driver compiles
# PTX when a program starts, so existing architectures are named.
set(architectures "${MUSC2_CUDA_ARCHS}")
if(NOT architectures AND EXISTS /dev/nvidiactl)
  set(architectures native)
elseif(NOT architectures AND CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.8)
  set(architectures 80-real 90)
elseif(NOT architectures)
  set(architectures 80-real 90-real 100-real 120)
endif()

# Point ops must give the same indices as on the CPU, so only the kernels named here use fused
# multiply-adds.
set(MUSC2_FUSED_KERNELS pool_grid nearest_patches)
list(TRANSFORM MUSC2_CUDA_OPS REPLACE "(.+)" "csrc/cuda/\\1.cu" OUTPUT_VARIABLE kernels)
foreach(op IN LISTS MUSC2_CUDA_OPS)
  if(NOT op IN_LIST MUSC2_FUSED_KERNELS)
    set_source_files_properties(csrc/cuda/${op}.cu PROPERTIES COMPILE_OPTIONS -fmad=false)
  endif()
endforeach()
function(musc2_add_kernels target architectures)
  add_library(${target} OBJECT ${ARGN})
  target_include_directories(${target} PRIVATE csrc/include csrc)
  target_compile_options(${target} PRIVATE
    -Xcompiler=-Wall,-Wextra $<$<BOOL:${MUSC2_WERROR}>:-Werror=all-warnings>)
  set_target_properties(${target} PROPERTIES CUDA_ARCHITECTURES "${architectures}"
    CUDA_VISIBILITY_PRESET hidden CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON CUDA_EXTENSIONS OFF)
endfunction()
musc2_add_kernels(musc2_kernels "${architectures}" csrc/cuda/devices.cu ${kernels})
set(objects $<TARGET_OBJECTS:musc2_kernels>)

# Instructions that only compute capability 9.0 has need objects for 90a, beside those for 90.
set(named ${architectures})
if(architectures STREQUAL "native")
  set(named ${CMAKE_CUDA_ARCHITECTURES_NATIVE})
endif()
if("${named}" MATCHES "(^|;)(90|all)" AND CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12.0)
  musc2_add_kernels(musc2_hopper_kernels 90a-real csrc/cuda/warpgroup_search.cu)
  target_compile_definitions(musc2_hopper_kernels PRIVATE MUSC2_HOPPER)
  target_compile_definitions(musc2_kernels PRIVATE MUSC2_HOPPER)
  list(APPEND objects $<TARGET_OBJECTS:musc2_hopper_kernels>)
  list(APPEND architectures 90a-real)
endif()

pybind11_add_module(_cuda MODULE NO_EXTRAS csrc/bind/cuda.cpp csrc/bind/no_extras.cpp ${objects})
target_include_directories(_cuda PRIVATE csrc/include csrc)
target_compile_definitions(_cuda PRIVATE MUSC2_MODULE=_cuda)
target_compile_options(_cuda PRIVATE -O2)
musc2_warnings(_cuda)
musc2_portable(_cuda)
# With the runtime linked statically the module loads, and reports what is wrong, without any part
# of CUDA installed.
target_link_libraries(_cuda PRIVATE CUDA::cudart_static)
set_target_properties(_cuda PROPERTIES CUDA_RUNTIME_LIBRARY Static LINKER_LANGUAGE CXX)
install(TARGETS _cuda LIBRARY DESTINATION musc2)
message(STATUS "musc2: CUDA ${CMAKE_CUDA_COMPILER_VERSION} for ${architectures}")
