"""The command ``musc2``: arguments -> the library.

Nothing heavy is imported before a command runs, so that help is there at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from musc2.cli import exit_codes, streams
from musc2.cli.parser import build_parser
from musc2.errors import MuscError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code, see ``exit_codes``."""
    streams.prepare()
    options = build_parser().parse_args(arguments)
    try:
        from musc2.cli import commands

        with commands.warnings_as_lines():
            return getattr(commands, options.command)(options) or 0
    except BrokenPipeError:
        streams.discard_output()
        return 0
    except (MuscError, OSError) as error:
        streams.write_message(str(error))
        return exit_codes.UNUSABLE
    except KeyboardInterrupt:
        streams.write_message("interrupted", start="\n")
        return exit_codes.INTERRUPTED
