"""The command line: arguments -> the library."""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from musc2 import datasets, encoders, evaluation
from musc2.config import Config
from musc2.environment import show_versions
from musc2.errors import MuscError
from musc2.pipeline import score
from musc2.preprocess import DATASETS, prepare
from musc2.report import export, text


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0 when it did what it should, 2 when its input cannot be used."""
    given = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _say_warning
        try:
            given.run(given)
        except (MuscError, OSError) as error:
            sys.stderr.write(f"musc2: {error}\n")
            return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="musc2", description="Finds defective parts in images and 3D scans."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("score", help="score the parts in a folder")
    command.add_argument("rgb", metavar="FOLDER", nargs="?", type=Path, help="images, one per part")
    command.add_argument(
        "--pcd", metavar="FOLDER", type=Path, help="xyz maps or clouds, named as the images"
    )
    command.add_argument(
        "--masks", metavar="FOLDER", type=Path, help="foreground: what is not black"
    )
    command.add_argument(
        "--out", metavar="DIR", type=Path, help="write scores, overlays and maps there"
    )
    _add_method(command)
    command.set_defaults(run=_score)

    command = commands.add_parser("preprocess", help="write a data set without its background")
    command.add_argument("dataset", metavar="DATASET", help=" or ".join(DATASETS))
    command.add_argument(
        "root", metavar="ROOT", type=Path, help="the data set, which stays as it is"
    )
    command.add_argument(
        "out", metavar="OUT", type=Path, help="new, or begun by an earlier call: it goes on there"
    )
    command.add_argument(
        "--jobs", metavar="N", type=int, help="parts at a time; one per thread when not given"
    )
    command.add_argument(
        "--seed", metavar="S", type=int, default=0, help="of the search for planes"
    )
    command.set_defaults(run=_prepare)

    command = commands.add_parser("weights", help="networks for the encoders")
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    fetch = actions.add_parser("fetch", help="download the weights of an encoder")
    fetch.add_argument("name", metavar="NAME")
    fetch.set_defaults(run=_fetch)
    actions.add_parser("list", help="the encoders, and which are on this machine").set_defaults(
        run=_list
    )

    command = commands.add_parser("synth", help="make parts, in the folders of a data set")
    command.add_argument(
        "name", metavar="DATASET", help=f"its layout: {', '.join(datasets.names())}"
    )
    command.add_argument("out", metavar="OUT", type=Path, help="a new or empty folder")
    command.add_argument("--categories", metavar="N", type=int, default=1)
    command.add_argument(
        "--count",
        metavar="N",
        type=int,
        default=24,
        help="test parts in each, half of them defective",
    )
    command.add_argument("--size", metavar="PIXELS", type=int, default=224)
    command.add_argument(
        "--layout",
        default="original",
        help="mvtec_3d: or on_table; eyecandies: or prepared; visa: or meta or 1cls",
    )
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=_synth)

    command = commands.add_parser(
        "evaluate", help="score a data set and compare with what is known of its parts"
    )
    command.add_argument("name", metavar="DATASET", help=f"one of {', '.join(datasets.names())}")
    command.add_argument("root", metavar="ROOT", type=Path, help="the folder with its categories")
    command.add_argument(
        "--category", metavar="NAME", action="append", help="only this one; may be repeated"
    )
    command.add_argument("--modality", help="2d, 3d or 2d+3d; default: what the data set has")
    command.add_argument(
        "--protocol", help="published or exact; default: published where there is a published table"
    )
    command.add_argument(
        "--subsets",
        metavar="N",
        type=int,
        default=1,
        help="random parts of a category on their own",
    )
    command.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="write tables, scores, overlays and maps there; resumes",
    )
    _add_method(command)
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("demo", help="make a small synthetic set and score it")
    command.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("musc2-demo"), help="for the pictures"
    )
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=_demo)

    commands.add_parser("info", help="versions and hardware, for bug reports").set_defaults(
        run=lambda given: show_versions()
    )
    return parser


def _add_method(command: argparse.ArgumentParser) -> None:
    command.add_argument("--preset", default="musc-v2", help="musc-v2 (default), published or musc")
    command.add_argument(
        "--encoder-2d",
        metavar="NAME",
        default="auto",
        help="of images: a name, a folder or a hub id",
    )
    command.add_argument("--encoder-3d", metavar="NAME", default="auto", help="of point groups")
    command.add_argument("--device", default="auto", help="of the encoders: auto, cpu or cuda")
    command.add_argument(
        "--skip-errors", action="store_true", help="go on without parts that cannot be read"
    )


def _config(given: argparse.Namespace) -> Config:
    return Config.from_preset(given.preset).replace(
        on_error="skip" if given.skip_errors else "raise"
    )


def _score(given: argparse.Namespace) -> None:
    result = score(
        given.rgb,
        given.pcd,
        masks=given.masks,
        config=_config(given),
        encoder_2d=given.encoder_2d,
        encoder_3d=given.encoder_3d,
        device=given.device,
        progress=sys.stderr.isatty(),
    )
    sys.stdout.writelines(f"{line}\n" for line in text.ranking(result))
    if given.out is not None:
        written = export.write(result, given.out)
        sys.stdout.write(f"{written} pictures and maps are in {given.out}\n")


def _prepare(given: argparse.Namespace) -> None:
    done = prepare(
        given.dataset,
        given.root,
        given.out,
        jobs=given.jobs,
        seed=given.seed,
        progress=sys.stderr.isatty(),
    )
    before = f", {done.found} of them from before" if done.found else ""
    sys.stdout.write(f"{done.made + done.found} parts are in {given.out}{before}\n")


def _fetch(given: argparse.Namespace) -> None:
    sys.stdout.write(f"{encoders.fetch(given.name)}\n")


def _list(given: argparse.Namespace) -> None:
    rows = [(name, "here" if encoders.available(name) else "not here") for name in encoders.names()]
    sys.stdout.writelines(
        f"{line}\n" for line in text.aligned([("encoder", "on this machine"), *rows])
    )


def _synth(given: argparse.Namespace) -> None:
    how = {"count": given.count, "size": given.size, "seed": given.seed, "layout": given.layout}
    out = datasets.write(given.name, given.out, categories=given.categories, **how)
    found = datasets.load(given.name, out)
    defective = sum(sample.label is True for sample in found)
    sys.stdout.write(
        f"{len(found)} parts to test with, {defective} of them defective, are in {out}\n"
    )


def _evaluate(given: argparse.Namespace) -> None:
    found = evaluation.evaluate(
        given.name,
        given.root,
        categories=given.category,
        modality=given.modality,
        protocol=given.protocol,
        config=_config(given).replace(subset_count=given.subsets),
        encoder_2d=given.encoder_2d,
        encoder_3d=given.encoder_3d,
        device=given.device,
        out=given.out,
        progress=sys.stderr.isatty(),
    )
    sys.stdout.writelines(f"{line}\n" for line in text.aligned(evaluation.rows(found)))
    sys.stdout.writelines(f"{line}\n" for line in text.timings(evaluation.mean(found).timings))
    if given.out is not None:
        written = evaluation.write(found, given.out)
        sys.stdout.write(
            f"{' '.join(path.name for path in written)} and a folder per category are in {given.out}\n"
        )


def _demo(given: argparse.Namespace) -> None:
    found = importlib.import_module("musc2.demo").run(given.out, given.seed)
    rows = [("modality", "image AUROC", "seconds")]
    rows += [(row.modality, f"{row.auroc:.3f}", f"{row.seconds:.1f}") for row in found.rows]
    sys.stdout.writelines(f"{line}\n" for line in text.aligned(rows))
    sys.stdout.writelines(f"{line}\n" for line in text.timings(found.scores.timings))
    if found.pictures:
        sys.stdout.write(
            f"{len(found.pictures)} pictures are in {given.out}; begin with {found.pictures[-1].name}\n"
        )


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    sys.stderr.write(f"musc2: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
