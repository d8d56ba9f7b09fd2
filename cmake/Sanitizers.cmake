# The module _cpu under sanitizers; tests/sanitizers.sh builds and runs it so.
set(MUSC2_SANITIZE_CPU "OFF" CACHE STRING "sanitize the CPU module: OFF, ADDRESS (with UBSan) or THREAD")
set_property(CACHE MUSC2_SANITIZE_CPU PROPERTY STRINGS OFF ADDRESS THREAD)
if(MUSC2_SANITIZE_CPU STREQUAL "ADDRESS")
  set(MUSC2_CPU_SANITIZERS
    -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all)
elseif(MUSC2_SANITIZE_CPU STREQUAL "THREAD")
  set(MUSC2_CPU_SANITIZERS -fsanitize=thread)
elseif(NOT MUSC2_SANITIZE_CPU STREQUAL "OFF")
  message(FATAL_ERROR
    "MUSC2_SANITIZE_CPU must be OFF, ADDRESS or THREAD, got \"${MUSC2_SANITIZE_CPU}\"")
endif()

function(musc2_sanitize target)
  if(MUSC2_CPU_SANITIZERS)
    target_compile_options(${target} PRIVATE
      ${MUSC2_CPU_SANITIZERS} -O1 -g1 -fno-omit-frame-pointer)
  endif()
endfunction()
