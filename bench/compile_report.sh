#!/usr/bin/env bash
# Compiles the CUDA module for every architecture of a release, checks that they are in it, and writes what the compiler
# says of each kernel into bench/results/compile-report.md. Fails when a kernel spills more than it is known to.
#   bash bench/compile_report.sh [--out FILE]
# Needs nvcc, cmake and ninja, and on the PATH cuobjdump and nvdisasm, from PyPI: pip install
# nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm. No GPU. PYTHON chooses the Python.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m bench.gpu.compile_report "$@"
