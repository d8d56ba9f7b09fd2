# The module _cpu under sanitizers, or with counters of the lines that run; tests/sanitizers.sh and tests/coverage.sh
# build and run it so.
set(MUSC2_SANITIZE_CPU "OFF" CACHE STRING
  "instrument the CPU module: OFF, ADDRESS (with UBSan), THREAD or COVERAGE")
set_property(CACHE MUSC2_SANITIZE_CPU PROPERTY STRINGS OFF ADDRESS THREAD COVERAGE)
if(MUSC2_SANITIZE_CPU STREQUAL "ADDRESS")
  set(MUSC2_CPU_SANITIZERS
    -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all)
elseif(MUSC2_SANITIZE_CPU STREQUAL "THREAD")
  set(MUSC2_CPU_SANITIZERS -fsanitize=thread)
elseif(MUSC2_SANITIZE_CPU STREQUAL "COVERAGE")
  set(MUSC2_CPU_SANITIZERS --coverage)
elseif(NOT MUSC2_SANITIZE_CPU STREQUAL "OFF")
  message(FATAL_ERROR
    "MUSC2_SANITIZE_CPU must be OFF, ADDRESS, THREAD or COVERAGE, got \"${MUSC2_SANITIZE_CPU}\"")
endif()

function(musc2_sanitize target)
  if(MUSC2_CPU_SANITIZERS)
    target_compile_options(${target} PRIVATE
      ${MUSC2_CPU_SANITIZERS} -O1 -g1 -fno-omit-frame-pointer)
  endif()
endfunction()
