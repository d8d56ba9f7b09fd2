#!/usr/bin/env bash
# What the tests run (docs/dev/reliability.md has the figures); fails below 95 % and 90 %.
#   bash tests/coverage.sh python      # lines and branches of the package, also in processes that tests start
#   bash tests/coverage.sh cpu         # lines of csrc/cpu; needs gcc, builds into build/coverage
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1

case ${1:-} in
python)
  python -m pip install -q -c constraints.txt coverage
  python -m coverage erase
  python -m coverage run -m pytest -q -n0
  python -m coverage combine -q
  python -m coverage report --fail-under=95
  ;;
cpu)
  python -m pip install -q -c constraints.txt gcovr
  folder=build/coverage
  MUSC2_CUDA=OFF MUSC2_SANITIZE_CPU=COVERAGE python -m pip install -q -c constraints.txt --no-deps --upgrade \
    --target $folder/package -C build-dir=$folder/objects .
  find $folder/objects -name '*.gcda' -delete
  PYTHONPATH=$folder/package python -m pytest -q -n0 tests/ops tests/attacks/test_op_arguments.py \
    tests/attacks/test_op_values.py tests/test_native.py tests/test_patch_pairs.py \
    --deselect tests/test_native.py::test_only_system_libraries_are_needed
  # Threads count lines at the same time, so counts are not exact; whether one ran is.
  python -m gcovr --root . --filter csrc/cpu/ --object-directory $folder/objects --json $folder/lines.json \
    --merge-mode-functions=merge-use-line-min --gcov-ignore-parse-errors=negative_hits.warn \
    --gcov-ignore-parse-errors=suspicious_hits.warn $folder/objects
  python tests/line_coverage.py $folder/lines.json 90
  ;;
*)
  sed -n '2,4p' "$0"
  exit 2
  ;;
esac
