#!/usr/bin/env bash
# The emulated kernels in other thread orders, then under AddressSanitizer and UBSan: nothing here depends on anything
# but the kernels, the emulator and their tests. CI skips it while none of these changed since the last passing run.
#   bash tests/emulator/long_forms.sh [--record]
# Needs the package installed with MUSC2_EMULATED=ON; installs a sanitized one in its place. --record writes the digest.
set -euo pipefail
cd "$(dirname "$0")/../.."
record=tests/emulator/long_forms.sha256
digest=$(git ls-files -s csrc/cuda csrc/common csrc/include tests/emulator tests/ops tests/oracle tests/cuda \
  cmake/Emulated.cmake ":!$record" | sha256sum | cut -d' ' -f1)
if [ "${1:-}" != --record ] && [ "$(cat "$record" 2>/dev/null)" = "$digest" ]; then
  echo "kernels, emulator and tests are those of the last recorded run: $digest"
  exit 0
fi

for order in fair random:3; do
  MUSC2_EMULATION_ORDER=$order python -m pytest -q -k emulated --ignore tests/cuda # these try orders themselves
done

MUSC2_EMULATED=ON MUSC2_SANITIZE=ON pip install -q -c constraints.txt --no-deps .
# libstdc++ too, or the sanitizer does not find what throws.
preload="$(c++ -print-file-name=libasan.so) $(c++ -print-file-name=libstdc++.so)"
sanitized() {
  LD_PRELOAD=$preload ASAN_OPTIONS=detect_leaks=0 MUSC2_EMULATION_ORDER=reverse python -m pytest -q "$@"
}
sanitized -k "(emulated or emulator) and not nearest_patches" tests/ops tests/emulator
# The searches take long there: a part of their tests.
sanitized -k "emulated and (oracle or references or scratch or window or ties)" tests/ops/test_nearest_patches.py
sanitized -k emulated tests/cuda/test_farthest_messages.py
sanitized -k "emulated and clusters-of-2 and (references or panels or finite)" tests/cuda

[ "${1:-}" != --record ] || echo "$digest" >"$record"
