"""The command ``check``: read a set, say what is in it, what is unusual, and what would fail."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from musc2.cli import exit_codes, streams
from musc2.errors import InputError

if TYPE_CHECKING:
    from musc2.inputs import Prepared, Sample

_AHEAD = 8


def check(options: argparse.Namespace) -> int:
    """Print a summary of the parts in a folder; return 1 if ``score`` would fail on them."""
    from musc2 import inputs
    from musc2.cli import intrinsics, parts_of
    from musc2.inputs._survey import notes

    try:
        parts = parts_of.select(options)
        samples = inputs.pair(
            parts.rgb,
            parts.pcd,
            masks=parts.masks,
            names=parts.names,
            intrinsics=intrinsics.parse(options.intrinsics),
            op="check",
        )
    except InputError as error:
        streams.write(["problem: " + str(error)])
        return exit_codes.PROBLEMS
    headers = notes.read_headers(samples)
    streams.write([notes.number_of(len(samples), "part")])
    if headers:
        streams.write(["image sizes: " + notes.counted(notes.sizes(headers))])
        streams.write(["image kinds: " + notes.counted(notes.kinds(headers))])
    loaded, problems = _load(samples)
    streams.write(_scans(loaded))
    folders: dict[str, object] = {"rgb": parts.rgb, "pcd": parts.pcd}
    listed = notes.unusual(samples, folders, headers)
    for note in sorted(listed, key=lambda note: not note.important):
        streams.write([("warning: " if note.important else "note: ") + note.text])
    problems += _set_problems(samples, loaded)
    streams.write(f"problem: {problem}" for problem in problems)
    count = notes.number_of(len(listed), "note or warning", "notes and warnings")
    streams.write([f"{notes.number_of(len(problems), 'problem')}, {count}"])
    return exit_codes.PROBLEMS if problems else 0


def _load(samples: Sequence[Sample]) -> tuple[list[Prepared], list[str]]:
    """Return the parts that can be read, without pixels and points, and the errors of others."""
    from dataclasses import replace

    from musc2 import inputs
    from musc2.ops._support import dispatch

    loaded: list[Prepared] = []
    errors: list[str] = []
    threads = dispatch.num_threads()
    preparation = inputs.Preparation()
    for item in inputs.load(samples, preparation, on_error="skip", threads=threads, ahead=_AHEAD):
        if isinstance(item, inputs.LoadError):
            errors.append(str(item.error))
        else:
            cloud = item.cloud and replace(item.cloud, points=item.cloud.points[:0], rows=None)
            loaded.append(replace(item, image=None, cloud=cloud, mask=None))
    return loaded, errors


def _scans(loaded: Sequence[Prepared]) -> list[str]:
    """Return a line about the scans, if there are any."""
    from musc2.inputs._survey import notes

    maps, points = [], []
    for part in loaded:
        if part.cloud_size is not None:
            maps.append(f"{part.cloud_size[0]} x {part.cloud_size[1]}")
        elif part.cloud is not None:
            points.append(part.cloud.input_count)
    lines = [f"xyz map sizes: {notes.counted(maps)}"] if maps else []
    if points:
        count = notes.number_of(len(points), "cloud")
        lines.append(f"{count} of {min(points)} to {max(points)} points")
    return lines


def _set_problems(samples: Sequence[Sample], loaded: Sequence[Prepared]) -> list[str]:
    """Return what keeps readable parts from being scored together."""
    problems: list[str] = []
    if len(samples) < 2:
        problems.append(f"at least 2 parts are needed, got {len(samples)}")
    examples: dict[bool, str] = {}
    for part in loaded:
        if part.cloud is not None:
            examples.setdefault(part.cloud_size is None, part.sample.name)
    if len(examples) > 1:
        got = f"the cloud {examples[True]!r} and the map {examples[False]!r}"
        problems.append(f"scans must be all maps or all clouds, got {got}")
    return problems
