# The program that tests/instruction_sets/run.sh runs: the objects of the module _cpu for all instruction sets, without
# Python, linked statically so that it needs no other file.
option(MUSC2_INSTRUCTION_SET_CHECKS "define the target instruction_sets (development; Linux)" OFF)
if(NOT MUSC2_INSTRUCTION_SET_CHECKS)
  return()
endif()
set(checks tests/instruction_sets)
add_executable(instruction_sets EXCLUDE_FROM_ALL
  ${checks}/main.cpp ${checks}/agreement.cpp ${checks}/packed.cpp ${checks}/packing.cpp
  ${checks}/patches.cpp ${checks}/points.cpp ${checks}/searches.cpp ${checks}/tokens.cpp
  ${MUSC2_CPU_SOURCES})
target_include_directories(instruction_sets PRIVATE csrc/include csrc ${checks})
target_compile_options(instruction_sets PRIVATE ${MUSC2_CPU_OPTIONS})
musc2_warnings(instruction_sets)
foreach(isa IN LISTS MUSC2_ISAS)
  target_sources(instruction_sets PRIVATE $<TARGET_OBJECTS:_cpu_${isa}>)
endforeach()
target_link_options(instruction_sets PRIVATE -static)
target_link_libraries(instruction_sets PRIVATE Threads::Threads)
