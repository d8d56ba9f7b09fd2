"""The options of all commands that score parts; it imports nothing but argparse."""

from __future__ import annotations

import argparse

# Held equal to the library's own by a test: importing it would cost a second.
PRESETS = ("musc-v2", "published", "musc")


def add_settings(command: argparse._ActionsContainer) -> None:
    """Add --config and --set."""
    command.add_argument(
        "--config",
        metavar="PRESET|FILE",
        default="musc-v2",
        help=f"{', '.join(PRESETS)}, or a .toml or .json file of settings (default: musc-v2)",
    )
    command.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="changes",
        help="change one setting; may be repeated; `musc2 config` lists them",
    )


def add_method(command: argparse._ActionsContainer) -> None:
    """Add the options that commands share which score parts."""
    add_settings(command)
    command.add_argument(
        "--encoder-2d",
        metavar="NAME",
        default="auto",
        help="of images: a name, a folder or a hub id; NAME@SIZE for images of another size; "
        "several with commas, whose scores are fused",
    )
    command.add_argument(
        "--encoder-3d",
        metavar="NAME",
        default="auto",
        help="of point groups: a name; several with commas",
    )
    command.add_argument(
        "--weights",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="weights of an encoder that are elsewhere; may be repeated",
    )
    command.add_argument(
        "--device", default="auto", help="of all computation: auto, cpu, cuda or cuda:N"
    )
    command.add_argument(
        "--skip-errors", action="store_true", help="go on without parts that cannot be read"
    )
