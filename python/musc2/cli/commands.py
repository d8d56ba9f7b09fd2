"""What each command does, with the parsed options."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from musc2 import paths
from musc2.cli import settings, streams
from musc2.cli.check import check as check
from musc2.config import Config
from musc2.config_presets import PRESETS
from musc2.report import text


def score(options: argparse.Namespace) -> int:
    """Score the parts in a folder."""
    from musc2.cli import score_command

    return score_command.run(options)


def learn(options: argparse.Namespace) -> int:
    """Make a bank of the parts in a folder."""
    from musc2.cli import bank_commands

    return bank_commands.learn(options)


def inspect(options: argparse.Namespace) -> int:
    """Score parts against a bank."""
    from musc2.cli import bank_commands

    return bank_commands.inspect(options)


def watch(options: argparse.Namespace) -> int:
    """Score the parts that arrive in a folder."""
    from musc2.cli import watch

    return watch.run(options)


def bank_info(options: argparse.Namespace) -> int:
    """Print what a bank holds."""
    from musc2.cli import bank_commands

    return bank_commands.info(options)


def bank_add(options: argparse.Namespace) -> int:
    """Add parts to a bank."""
    from musc2.cli import bank_commands

    return bank_commands.add(options)


def bank_remove(options: argparse.Namespace) -> int:
    """Remove parts from a bank."""
    from musc2.cli import bank_commands

    return bank_commands.remove(options)


def evaluate(options: argparse.Namespace) -> None:
    """Evaluate on a labelled data set."""
    from musc2 import evaluation

    if options.out is not None:
        paths.check_writable(options.out)
    encoder_2d, encoder_3d = settings.encoders(options)
    results = evaluation.evaluate(
        options.name,
        options.root,
        categories=options.category,
        modality=options.modality,
        protocol=options.protocol,
        config=settings.resolved(options),
        encoder_2d=encoder_2d,
        encoder_3d=encoder_3d,
        device=options.device,
        out=options.out,
        progress=sys.stderr.isatty(),
    )
    streams.write(text.aligned(evaluation.rows(results)))
    streams.write(text.timings(evaluation.mean(results).timings))
    if options.out is not None:
        files = " ".join(path.name for path in evaluation.write(results, options.out))
        streams.write([f"{files} and a folder per category are in {options.out}"])


def synth(options: argparse.Namespace) -> None:
    """Generate a synthetic data set."""
    from musc2 import datasets

    out = datasets.write(
        options.name,
        options.out,
        categories=options.categories,
        count=options.count,
        size=options.size,
        seed=options.seed,
        layout=options.layout,
    )
    parts = datasets.load(options.name, out)
    defective = sum(part.label is True for part in parts)
    streams.write([f"{len(parts)} parts to test with, {defective} of them defective, are in {out}"])


def preprocess(options: argparse.Namespace) -> None:
    """Write a data set without its background."""
    from musc2.preprocess import preprocess

    progress = sys.stderr.isatty()
    done = preprocess(
        options.dataset,
        options.root,
        options.out,
        jobs=options.jobs,
        seed=options.seed,
        progress=progress,
    )
    earlier = f", {done.earlier} of them from before" if done.earlier else ""
    streams.write([f"{done.made + done.earlier} parts are in {options.out}{earlier}"])


def weights_fetch(options: argparse.Namespace) -> None:
    """Download the weights of an encoder."""
    from musc2 import encoders

    streams.write([str(encoders.fetch(options.name))])


def weights_list(options: argparse.Namespace) -> None:
    """List the encoders, which are on this machine, and what to know of their weights."""
    from musc2 import encoders
    from musc2.encoders import auto
    from musc2.encoders._checkpoints.catalog import WEIGHTS

    order = auto.order()
    rows = [("encoder", "on this machine", "auto", "weights", "license", "note")]
    for name in encoders.names():
        facts = WEIGHTS[name]
        here = "here" if encoders.available(name) else "not here"
        choice = "yes" if any(name in names for names in order.values()) else "no"
        rows.append((name, here, choice, facts.size, facts.license, facts.note))
    streams.write(text.aligned(rows))
    for subject, names in zip(("images", "scans"), order.values(), strict=True):
        streams.write([f"auto for {subject}: the first that is here of {', '.join(names)}"])


def weights_add(options: argparse.Namespace) -> None:
    """Copy weights into the cache."""
    from musc2 import encoders

    streams.write([str(encoders.add(options.path, options.name))])


def config(options: argparse.Namespace) -> None:
    """List the settings and presets, or write a file of settings."""
    chosen = settings.resolved(options)
    if options.out is not None:
        chosen.save(options.out)
        streams.write([f"the settings are in {options.out}"])
        return
    fields = {field.name: field for field in dataclasses.fields(Config)}
    if options.name is not None:
        if options.name not in fields:
            chosen.replace(**{options.name: None})  # raises the error that suggests a name
        fields = {options.name: fields[options.name]}
    columns = {name: Config.from_preset(name) for name in PRESETS}
    if chosen not in columns.values():
        columns = {"yours": chosen, **columns}
    rows = [("setting", *columns)]
    for name in fields:
        rows.append((name, *(_shown(getattr(values, name)) for values in columns.values())))
    lines = text.aligned(rows)
    for line, field in zip(lines[1:], fields.values(), strict=True):
        streams.write([*(lines[:1] if field.name == next(iter(fields)) else []), line])
        streams.write([f"    {field.metadata['doc']}", f"    {field.metadata['kind'].description}"])


def demo(options: argparse.Namespace) -> None:
    """Make a small synthetic set and score it."""
    from musc2 import demo

    paths.check_writable(options.out)
    result = demo.run(options.out, options.seed)
    rows = [("modality", "image AUROC", "seconds")]
    rows += [(row.modality, f"{row.auroc:.3f}", f"{row.seconds:.1f}") for row in result.rows]
    streams.write(text.aligned(rows))
    streams.write(text.timings(result.result.timings))
    if result.pictures:
        best = result.pictures[-1].name
        streams.write([f"{len(result.pictures)} pictures are in {options.out}; begin with {best}"])


def completion(options: argparse.Namespace) -> None:
    """Print the completion script of a shell."""
    from musc2.cli.completion import script

    streams.write_text(script(options.shell))


def info(options: argparse.Namespace) -> None:
    """Print versions and hardware."""
    from musc2.environment import show_versions

    show_versions()


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print warnings inside the block as one line each on the standard error."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        streams.write_message(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
