# The module _cpu: every op's csrc/cpu/<op>.cpp, and csrc/cpu/isa for all instruction sets.
list(TRANSFORM MUSC2_OPS REPLACE "(.+)" "csrc/cpu/\\1.cpp" OUTPUT_VARIABLE MUSC2_CPU_SOURCES)
list(APPEND MUSC2_CPU_SOURCES
  csrc/common/parallel.cpp csrc/common/finite.cpp
  csrc/cpu/isa/active.cpp
  csrc/cpu/buckets.cpp csrc/cpu/neighbors.cpp csrc/cpu/growth.cpp csrc/cpu/cells.cpp
  csrc/cpu/regions.cpp csrc/cpu/nearest_patches_in_window.cpp
  csrc/cpu/distinct_rows.cpp csrc/cpu/patch_pair.cpp csrc/cpu/nearest_patches_of_pairs.cpp)
# Point ops must give the same indices on every machine, so nothing is contracted to fused
# multiply-adds here.
set(MUSC2_CPU_OPTIONS -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math)
# NO_EXTRAS: pybind11 would add -flto, which must not mix objects of different instruction sets.
pybind11_add_module(_cpu MODULE NO_EXTRAS
  csrc/bind/cpu.cpp csrc/bind/interrupts.cpp ${MUSC2_CPU_SOURCES})
target_include_directories(_cpu PRIVATE csrc/include csrc)
target_compile_options(_cpu PRIVATE ${MUSC2_CPU_OPTIONS})
musc2_warnings(_cpu)
musc2_sanitize(_cpu)
musc2_add_isa_sources(_cpu "${MUSC2_ISA_SOURCES}")
target_link_options(_cpu PRIVATE ${MUSC2_CPU_SANITIZERS})
target_link_libraries(_cpu PRIVATE Threads::Threads)
musc2_portable(_cpu)
install(TARGETS _cpu LIBRARY DESTINATION musc2)
