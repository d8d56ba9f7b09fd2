"""The commands and options of ``musc2``; it imports nothing but argparse."""

from __future__ import annotations

import argparse
from pathlib import Path

from musc2.cli.bank_options import add_banks
from musc2.cli.method_options import add_method, add_settings
from musc2.cli.score_options import add_check, add_score

# Held equal to the library's own lists by a test: importing these would cost a second.
DATASETS = (
    "btad",
    "eyecandies",
    "folder",
    "mvtec_3d",
    "mvtec_ad",
    "real3d_ad",
    "synthetic",
    "visa",
)
PREPROCESSED = ("mvtec_3d", "eyecandies")


class _Version(argparse.Action):
    """Print the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *arguments: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"musc2 {version('musc2')}\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; the parsed options hold the name of a function of ``commands``."""
    top = argparse.ArgumentParser(
        prog="musc2",
        description="Find defective parts in unlabelled images and 3D scans.",
        epilog="`musc2 COMMAND --help` shows the options of a command.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_score(commands)
    add_check(commands)
    add_banks(commands)
    _add_evaluate(commands)
    _add_synth(commands)
    _add_preprocess(commands)
    _add_weights(commands)
    _add_config(commands)
    _add_small(commands)
    return top


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "evaluate",
        help="evaluate on a labelled data set",
        description="Score each category of a data set and compare with its labels.",
        epilog="example: musc2 evaluate mvtec_3d data/mvtec_3d --out results",
    )
    command.add_argument("name", metavar="DATASET", help=f"one of {', '.join(DATASETS)}")
    command.add_argument("root", metavar="ROOT", type=Path, help="the folder with its categories")
    command.add_argument(
        "--category", metavar="NAME", action="append", help="only this one; may be repeated"
    )
    command.add_argument(
        "--modality",
        choices=("2d", "3d", "2d+3d"),
        help="default: what the data set has",
    )
    command.add_argument(
        "--protocol",
        choices=("published", "exact"),
        help="default: published if there is a published table of the data set",
    )
    command.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="write tables, scores, pictures and maps there; an interrupted run resumes",
    )
    add_method(command)
    command.set_defaults(command="evaluate")


def _add_synth(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "synth",
        help="generate a synthetic data set",
        description="Generate parts, half of them defective, in the layout of a data set.",
        epilog="example: musc2 synth mvtec_3d made --categories 3",
    )
    command.add_argument("name", metavar="DATASET", help=f"its layout: {', '.join(DATASETS)}")
    command.add_argument("out", metavar="OUT", type=Path, help="a new or empty folder")
    command.add_argument("--categories", metavar="N", type=int, default=1, help="default: 1")
    command.add_argument(
        "--count", metavar="N", type=int, default=24, help="test parts per category (default: 24)"
    )
    command.add_argument(
        "--size", metavar="PIXELS", type=int, default=224, help="of the images (default: 224)"
    )
    command.add_argument(
        "--layout",
        default="original",
        help="mvtec_3d: original or on_table; eyecandies: original or preprocessed; "
        "visa: original, meta or 1cls",
    )
    command.add_argument("--seed", type=int, default=0, help="default: 0")
    command.set_defaults(command="synth")


def _add_preprocess(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "preprocess",
        help="write a data set without its background",
        description="Remove the background of a data set, as published results are made.",
        epilog="example: musc2 preprocess mvtec_3d data/mvtec_3d data/mvtec_3d_parts",
    )
    command.add_argument("dataset", metavar="DATASET", help=" or ".join(PREPROCESSED))
    command.add_argument("root", metavar="ROOT", type=Path, help="the data set, left unchanged")
    command.add_argument(
        "out", metavar="OUT", type=Path, help="output folder; an interrupted run resumes"
    )
    command.add_argument(
        "--jobs", metavar="N", type=int, help="parts at a time (default: one per thread)"
    )
    command.add_argument(
        "--seed", metavar="S", type=int, default=0, help="of the search for planes (default: 0)"
    )
    command.set_defaults(command="preprocess")


def _add_weights(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("weights", help="list, download or add the weights of encoders")
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    fetch = actions.add_parser("fetch", help="download the weights of an encoder")
    fetch.add_argument("name", metavar="NAME", help="an encoder, see `musc2 weights list`")
    fetch.set_defaults(command="weights_fetch")
    add = actions.add_parser("add", help="copy weights that you have into the cache")
    add.add_argument("path", metavar="FILE", type=Path, help="a file or a folder of weights")
    add.add_argument(
        "--as", metavar="NAME", dest="name", help="the encoder; default: by the file's name"
    )
    add.set_defaults(command="weights_add")
    listing = actions.add_parser("list", help="list the encoders and which are on this machine")
    listing.set_defaults(command="weights_list")


def _add_config(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "config",
        help="list the settings and presets, or write a file of settings",
        description="List every setting with its value in each preset, and what it does.",
        epilog="example: musc2 config --config published --set map_blur=2 --out mine.toml",
    )
    command.add_argument("name", metavar="SETTING", nargs="?", help="describe this setting only")
    add_settings(command)
    command.add_argument(
        "--out", metavar="FILE", type=Path, help="write the settings to a .toml or .json file"
    )
    command.set_defaults(command="config")


def _add_small(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "demo",
        help="make a small synthetic set and score it",
        description="Generate 24 parts, score them in 2D, 3D and both, and write pictures.",
    )
    command.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("musc2-demo"),
        help="folder of the pictures (default: musc2-demo)",
    )
    command.add_argument("--seed", type=int, default=0, help="default: 0")
    command.set_defaults(command="demo")
    command = commands.add_parser(
        "completion",
        help="print the completion script of a shell",
        description="Print a script that completes commands and options.",
        epilog="example: source <(musc2 completion bash)",
    )
    command.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")
    command.set_defaults(command="completion")
    command = commands.add_parser("info", help="print versions and hardware, for bug reports")
    command.set_defaults(command="info")
