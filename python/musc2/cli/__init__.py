"""The command ``musc2``: arguments -> the library.

Nothing heavy is imported before a command runs, so that help is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from musc2.cli.parser import build_parser
from musc2.errors import MuscError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 for success, 2 for input that cannot be used."""
    options = build_parser().parse_args(arguments)
    from musc2.cli import commands

    with commands.warnings_as_lines():
        try:
            getattr(commands, options.command)(options)
        except (MuscError, OSError) as error:
            sys.stderr.write(f"musc2: {error}\n")
            return 2
    return 0
