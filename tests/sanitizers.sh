#!/usr/bin/env bash
# The CPU module under AddressSanitizer and UBSan, then under ThreadSanitizer (Linux and gcc). Takes a quarter of an hour.
#   bash tests/sanitizers.sh [FOLDER]
# Packages with sanitized modules go to FOLDER, build/sanitized by default; those that are there are used again.
# The emulated GPU kernels have their own: tests/emulator/long_forms.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build/sanitized}

built() { # ADDRESS or THREAD
  [ -d "$folder/$1" ] || MUSC2_CUDA=OFF MUSC2_SANITIZE_CPU=$1 \
    pip install -q -c constraints.txt --no-deps --target "$folder/$1" -C cmake.define.MUSC2_STATIC_LIBSTDCXX=OFF .
}
tested() { # the same, then the tests
  local kind=$1
  shift
  PYTHONPATH=$folder/$kind OMP_NUM_THREADS=1 python -m pytest -q -n0 "$@"
}
library() { c++ -print-file-name="lib$1.so"; }

built ADDRESS
# libstdc++ too, or the sanitizer does not find what throws. A sanitized module needs other libraries than a module.
LD_PRELOAD="$(library asan) $(library stdc++)" ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
  tested ADDRESS tests/ops tests/attacks/test_op_arguments.py tests/attacks/test_op_values.py \
  tests/test_native.py --deselect tests/test_native.py::test_only_system_libraries_are_needed

built THREAD
# Python and torch are not instrumented: only accesses of the module itself are looked at.
LD_PRELOAD=$(library tsan) TSAN_OPTIONS=ignore_noninstrumented_modules=1:exitcode=66 \
  tested THREAD -m "long or not long" tests/attacks/test_concurrent_ops.py
