option(MUSC2_WERROR "treat compiler warnings as errors (CI does)" OFF)
option(MUSC2_STATIC_LIBSTDCXX
  "link libstdc++ into the modules, so that wheels run on older systems" ON)

function(musc2_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wconversion $<$<BOOL:${MUSC2_WERROR}>:-Werror>)
endfunction()

# Without this a wheel built by gcc 12 needs GLIBCXX_3.4.30.
function(musc2_portable target)
  if(MUSC2_STATIC_LIBSTDCXX AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT APPLE)
    target_link_options(${target} PRIVATE
      -static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--gc-sections)
  endif()
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT APPLE AND NOT MUSC2_CPU_SANITIZERS)
    target_link_options(${target} PRIVATE -s)
  endif()
endfunction()
