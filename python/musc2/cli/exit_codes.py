"""The exit codes of ``musc2``, beside 0 for success."""

from __future__ import annotations

import signal

PROBLEMS = 1  # check: score would fail
UNUSABLE = 2  # input or arguments that cannot be used; argparse has the same
SUSPICIOUS = 3  # with --fail-on-suspicious
LEFT_OUT = 4  # with --skip-errors: files that could not be read
INTERRUPTED = 128 + signal.SIGINT
