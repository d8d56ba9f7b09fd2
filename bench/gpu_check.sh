#!/usr/bin/env bash
# Everything that only a GPU can show, in under 9 minutes: builds for this machine's GPU, runs the whole test suite with
# the cuda backend, part of it under compute-sanitizer, then the GPU benches. Needs nvcc, cmake, ninja and a Python with
# torch, numpy, pybind11 and pytest; no network. Log and results go to --out (bench/results), as they come.
#   bash bench/gpu_check.sh [--out DIR] [--rehearse]
# --rehearse goes through the same steps without a GPU, as far as they go. PYTHON chooses the Python, MUSC2_COMMIT names
# the commit where there is no git.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for python in "${PYTHON:-}" python python3; do
  if [ -n "$python" ] && "$python" -c 'import torch' 2>/dev/null; then
    PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m gpu.check "$@"
  fi
done
echo "gpu_check: no Python with torch: set PYTHON" >&2
exit 1
