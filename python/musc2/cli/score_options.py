"""The options of ``musc2 score``; it imports nothing but argparse."""

from __future__ import annotations

import argparse
from pathlib import Path

from musc2.cli.method_options import add_method

FORMATS = ("table", "csv", "json", "parquet")
_EXAMPLES = """examples:
  musc2 score parts/rgb
  musc2 score parts/rgb --pcd parts/xyz --report
  musc2 score 'line/*/cam1_*.png' --threshold 1.6 --format csv > scores.csv
  musc2 score new/ --references good/ --references-are-good --fail-on-suspicious
"""


def add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command with its options."""
    command = commands.add_parser(
        "score",
        help="score the parts in a folder",
        description="Print the parts in a folder, the most suspicious first, and a verdict.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = command.add_argument_group("parts")
    add_parts(parts)
    _add_references(parts)
    add_outputs(command.add_argument_group("results"))
    method = command.add_argument_group("method")
    add_method(method)
    method.add_argument(
        "--cluster",
        metavar="ray|HOST:PORT",
        help="let the workers of a Ray cluster score the parts: of this machine, or of the one "
        "with this head",
    )
    command.set_defaults(command="score")


def add_parts(group: argparse._ActionsContainer) -> None:
    """Add the options that say which files are the parts."""
    group.add_argument(
        "rgb",
        metavar="FOLDER",
        nargs="*",
        type=Path,
        help="images, one file per part: a folder, files, or patterns in quotes",
    )
    group.add_argument(
        "--pcd",
        metavar="FOLDER",
        type=Path,
        help="xyz maps, clouds, meshes or depth, named like the images",
    )
    group.add_argument(
        "--masks",
        metavar="FOLDER",
        type=Path,
        help="foreground masks; black is background",
    )
    group.add_argument(
        "--intrinsics",
        metavar="FX,FY,CX,CY|FILE",
        help="of the camera, in pixels, when --pcd holds depth",
    )
    group.add_argument(
        "--recursive", action="store_true", help="search the folders below, too: names keep them"
    )


def add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command that reads the same parts and scores nothing."""
    command = commands.add_parser(
        "check",
        help="read the parts in a folder and say what is unusual",
        description="Read the parts in a folder, list what is unusual about them and what cannot "
        "be read. The exit code is 1 if score would fail on them.",
        epilog="example: musc2 check parts/rgb --pcd parts/xyz",
    )
    add_parts(command.add_argument_group("parts"))
    command.set_defaults(command="check")


def _add_references(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--references",
        metavar="FOLDER",
        type=Path,
        help="images of parts to compare with, which are not scored",
    )
    group.add_argument("--references-pcd", metavar="FOLDER", type=Path, help="their scans")
    group.add_argument("--references-masks", metavar="FOLDER", type=Path, help="their masks")
    group.add_argument(
        "--references-are-good",
        action="store_true",
        help="all references are good: they give the threshold",
    )


def add_outputs(group: argparse._ArgumentGroup) -> None:
    """Add the options that say what is printed and written of a result."""
    group.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="write tables and a picture per part to this folder (default with --report, --maps or "
        "--clouds: musc2-results)",
    )
    group.add_argument(
        "--report", action="store_true", help="write index.html, a report for any browser"
    )
    group.add_argument("--maps", action="store_true", help="write maps as 16-bit tiff files")
    group.add_argument(
        "--clouds", action="store_true", help="write clouds as .ply files with scores and colors"
    )
    group.add_argument(
        "--width", metavar="PIXELS", type=int, default=2000, help="of pictures (default: 2000)"
    )
    group.add_argument(
        "--threshold",
        metavar="SCORE",
        type=float,
        help="parts above it are suspicious (default: found from the scores)",
    )
    group.add_argument(
        "--top", metavar="N", type=int, help="print only the N worst parts (default: 20)"
    )
    group.add_argument(
        "--format", choices=FORMATS, default="table", help="of the output (default: table)"
    )
    group.add_argument(
        "--json", action="store_const", const="json", dest="format", help="same as --format json"
    )
    group.add_argument(
        "--fail-on-suspicious", action="store_true", help="exit with 3 if a part is suspicious"
    )
    verbosity = group.add_mutually_exclusive_group()
    verbosity.add_argument(
        "-q", "--quiet", action="store_true", help="print the verdict only, no progress"
    )
    verbosity.add_argument(
        "-v", "--verbose", action="store_true", help="print the seconds of each stage, too"
    )
