# Compiles csrc/cpu/isa/<name>.cpp once per instruction set, each time in a namespace of that name
# (MUSC2_ISA). csrc/cpu/isa/dispatch.h selects one of them at run time.
set(MUSC2_ISAS base)
set(MUSC2_FLAGS_base "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  list(APPEND MUSC2_ISAS avx2 avxvnni avx512 avx512vnni)
  set(MUSC2_FLAGS_avx2 -mavx2 -mfma -mf16c)
  set(MUSC2_FLAGS_avxvnni ${MUSC2_FLAGS_avx2} -mavxvnni)
  set(MUSC2_FLAGS_avx512
    ${MUSC2_FLAGS_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512)
  set(MUSC2_FLAGS_avx512vnni ${MUSC2_FLAGS_avx512} -mavx512vnni)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  list(APPEND MUSC2_ISAS dotprod)
  # clang takes both forms, but zig's only the second, and gcc the first.
  set(MUSC2_FLAGS_dotprod
    $<IF:$<CXX_COMPILER_ID:GNU>,-march=armv8.2-a+dotprod,-mcpu=generic+dotprod>)
endif()

# Sources whose results may differ in the last bits between instruction sets are fused.
set(MUSC2_FUSED_ISA_SOURCES
  pack_patches search_patches measure_patches measure_within search_rows
  pool_tokens linear_rows orient_gradients)
foreach(name IN LISTS MUSC2_FUSED_ISA_SOURCES)
  set_source_files_properties(csrc/cpu/isa/${name}.cpp PROPERTIES
    COMPILE_OPTIONS -ffp-contract=fast)
endforeach()

function(musc2_add_isa_sources target names)
  list(TRANSFORM names REPLACE "(.+)" "csrc/cpu/isa/\\1.cpp" OUTPUT_VARIABLE sources)
  foreach(isa IN LISTS MUSC2_ISAS)
    add_library(${target}_${isa} OBJECT ${sources})
    target_include_directories(${target}_${isa} PRIVATE csrc/include csrc)
    target_compile_definitions(${target}_${isa} PRIVATE MUSC2_ISA=${isa})
    target_compile_options(${target}_${isa} PRIVATE
      -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-exceptions -Wno-psabi
      ${MUSC2_FLAGS_${isa}})
    musc2_warnings(${target}_${isa})
    musc2_sanitize(${target}_${isa})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_${isa}>)
  endforeach()
endfunction()
