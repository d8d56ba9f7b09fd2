"""The options of the commands about banks; it imports nothing but argparse."""

from __future__ import annotations

import argparse
from pathlib import Path

from musc2.cli.method_options import add_method
from musc2.cli.score_options import add_outputs, add_parts

# Held equal to the library's own by a test: importing it would cost a second.
STORAGES = ("float32", "float16")
DROPS = ("oldest", "alike")


def add_banks(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add learn, inspect, watch and bank."""
    _add_learn(commands)
    _add_inspect(commands)
    _add_watch(commands)
    _add_bank(commands)


def _add_learn(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "learn",
        help="make a bank of parts that new ones are compared with",
        description="Read the parts in a folder once and write a bank, one file, for `inspect` and "
        "`watch`.",
        epilog="example: musc2 learn good/rgb --references-are-good --out line.musc2",
    )
    add_parts(command.add_argument_group("parts"))
    bank = command.add_argument_group("bank")
    bank.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        required=True,
        help="the file, such as line.musc2",
    )
    bank.add_argument(
        "--references-are-good",
        action="store_true",
        help="none of the parts is defective: they give the threshold",
    )
    bank.add_argument(
        "--storage",
        choices=STORAGES,
        default="float32",
        help="float16 takes half the memory for features (default: float32)",
    )
    bank.add_argument(
        "--bank-size",
        metavar="SHARE",
        type=float,
        help="share of each part's patches that are kept: 0.1 is a tenth of the features and of "
        "the time to compare (default: all)",
    )
    bank.add_argument("--capacity", metavar="N", type=int, help="parts that the bank holds at most")
    bank.add_argument(
        "--drop",
        choices=DROPS,
        default="oldest",
        help="the part that is dropped beyond the capacity: the oldest, or the older of the two "
        "that are most alike (default: oldest)",
    )
    bank.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    add_method(command.add_argument_group("method"))
    command.set_defaults(command="learn")


def _add_inspect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "inspect",
        help="score new parts against a bank",
        description="Print the scores of parts, each compared with the bank alone, and a verdict.",
        epilog="example: musc2 inspect new/*.png --bank line.musc2 --fail-on-suspicious",
    )
    parts = command.add_argument_group("parts")
    add_parts(parts)
    _add_file(parts)
    add_outputs(command.add_argument_group("results"))
    command.set_defaults(command="inspect")


def _add_watch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "watch",
        help="score the parts that arrive in a folder",
        description="Print a line for each part in a folder, and for each that arrives, until "
        "Ctrl-C. A file that is still being written is left until it stays the same.",
        epilog="example: musc2 watch camera/ --bank line.musc2 --json >> verdicts.jsonl",
    )
    command.add_argument("folder", metavar="FOLDER", type=Path, help="images, or scans")
    command.add_argument(
        "--pcd", metavar="FOLDER", type=Path, help="their scans, named like the images"
    )
    _add_file(command)
    command.add_argument(
        "--interval",
        metavar="SECONDS",
        type=float,
        default=0.5,
        help="between two looks at the folder (default: 0.5)",
    )
    command.add_argument("--json", action="store_true", help="print a JSON object for each part")
    command.add_argument(
        "--once", action="store_true", help="end after the parts that are there now"
    )
    command.add_argument(
        "--post",
        metavar="URL",
        help="send each verdict to this http or https address too, the JSON object of --json",
    )
    command.set_defaults(command="watch")


def _add_bank(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("bank", help="describe a bank, add parts to it or remove some")
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    info = actions.add_parser("info", help="print what a bank holds")
    _add_file(info)
    info.set_defaults(command="bank_info")
    add = actions.add_parser(
        "add", help="add parts; unit and thresholds are taken from all parts then"
    )
    add_parts(add)
    _add_file(add)
    add.set_defaults(command="bank_add")
    remove = actions.add_parser(
        "remove", help="remove parts; unit and thresholds are taken from the others then"
    )
    remove.add_argument("names", metavar="NAME", nargs="+", help="the parts, see `musc2 bank info`")
    _add_file(remove)
    remove.set_defaults(command="bank_remove")


def _add_file(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--bank", metavar="FILE", type=Path, required=True, help="a file that `musc2 learn` wrote"
    )
    command.add_argument(
        "--device", default="auto", help="of all computation: auto, cpu, cuda or cuda:N"
    )
