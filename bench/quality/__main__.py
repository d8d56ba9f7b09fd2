"""Run one of the quality benchmarks: python -m bench.quality COMMAND"""

from __future__ import annotations

import argparse

from bench.quality import (
    aupro,
    bank_sizes,
    densities,
    images,
    map_thresholds,
    real_sets,
    rules,
    screening,
    synthetic,
    thresholds,
)

COMMANDS = {
    "images": images,
    "real_sets": real_sets,
    "rules": rules,
    "screening": screening,
    "synthetic": synthetic,
    "densities": densities,
    "aupro": aupro,
    "bank_sizes": bank_sizes,
    "thresholds": thresholds,
    "map_thresholds": map_thresholds,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.quality")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        text = module.__doc__ or ""
        command = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
    arguments = parser.parse_args()
    COMMANDS[arguments.command].run(arguments)


if __name__ == "__main__":
    main()
