"""The command ``musc2``: arguments -> the library.

Nothing heavy is imported before a command runs, so that help is there at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from musc2.cli.parser import build_parser
from musc2.errors import MuscError

__all__ = ["main"]

USAGE = 2
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0: success. 1: ``check`` names problems. 2: input that cannot be used. 3: suspicious parts, with
    --fail-on-suspicious. 4: parts were left out, with --skip-errors. 130: interrupted.
    """
    from musc2.cli import streams

    streams.prepare()
    options = build_parser().parse_args(arguments)
    try:
        from musc2.cli import commands

        with commands.warnings_as_lines():
            return getattr(commands, options.command)(options) or 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MuscError, OSError) as error:
        sys.stderr.write(f"musc2: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        sys.stderr.write("\nmusc2: interrupted\n")
        return INTERRUPTED
