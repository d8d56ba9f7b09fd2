"""``musc2 watch``: a line for each part that arrives in a folder."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musc2 import checks
from musc2.cli import _post, exit_codes, streams
from musc2.errors import InputError

if TYPE_CHECKING:
    from musc2.scorer import Scorer

Stamp = tuple[int, int]
"""The size and the time of the last change of a file."""


class Arrivals:
    """The parts of a folder that were not seen before, by stem.

    A part is there when its files, the image and the scan of one stem, are the same in two looks.
    """

    def __init__(self, folder: Path, pcd: Path | None, *, has_images: bool) -> None:
        from musc2.inputs import clouds, images

        first = images.FOLDER_ENDINGS if has_images else clouds.FOLDER_ENDINGS
        self._places = [(folder, first)]
        if pcd is not None:
            self._places.append((pcd, clouds.FOLDER_ENDINGS))
        self._seen: set[str] = set()
        self._last: dict[str, list[Stamp]] = {}

    def look(self, *, is_last: bool = False) -> Iterator[tuple[str, list[Path]]]:
        """Yield the stem and the files of each new part; the last look does not wait for them."""
        tables = [_files(folder, endings) for folder, endings in self._places]
        for stem in sorted(set(tables[0]).difference(self._seen)):
            files = [table[stem] for table in tables if stem in table]
            if len(files) < len(tables):
                continue
            stamps = _stamps(files)
            if stamps is not None and (is_last or self._last.get(stem) == stamps):
                self._seen.add(stem)
                yield stem, files
            elif stamps is not None:
                self._last[stem] = stamps


def run(options: argparse.Namespace) -> int:
    """Print a line for each part until Ctrl-C; with --once return 4 if a part cannot be read."""
    from musc2.scorer import Scorer

    interval = checks.number("watch", "--interval", options.interval, 0)
    for argument, folder in (("FOLDER", options.folder), ("--pcd", options.pcd)):
        if folder is not None and not folder.is_dir():
            checks.refuse("watch", argument, "must be a folder", str(folder))
    scorer = Scorer.load(options.bank, device=options.device)
    has_images = "2d" in scorer.encoders
    if has_images and (options.pcd is None) == ("3d" in scorer.encoders):
        state = "given" if "3d" in scorer.encoders else "left out"
        checks.refuse("watch", "--pcd", f"must be {state}, as in the bank", options.pcd)
    address = None if options.post is None else _post.check(options.post)
    arrivals = Arrivals(options.folder, options.pcd, has_images=has_images)
    failures = 0
    while True:
        for stem, files in arrivals.look(is_last=options.once):
            verdict = _judge(scorer, stem, files, has_images=has_images)
            failures += "error" in verdict
            streams.write([json.dumps(verdict) if options.json else _line(verdict)])
            reason = None if address is None else _post.send(address, verdict)
            if reason is not None:
                streams.write_message(f"watch: {stem} was not posted: {reason}")
        if options.once:
            return exit_codes.LEFT_OUT if failures else 0
        time.sleep(interval)


def _judge(scorer: Scorer, stem: str, files: list[Path], *, has_images: bool) -> dict[str, Any]:
    """Return the verdict of a part, or the reason why there is none."""
    start = time.perf_counter()
    verdict: dict[str, Any] = {"name": stem, "path": str(files[0])}
    rgb = files[:1] if has_images else None
    pcd = files[-1:] if not has_images or len(files) > 1 else None
    try:
        [part] = scorer.score(rgb, pcd, names=[stem])
    except InputError as error:
        return {**verdict, "error": str(error)}
    regions = part.regions if part.suspicious else []
    return {
        **verdict,
        "score": part.score,
        "threshold": scorer.threshold.value,
        "suspicious": part.suspicious,
        "boxes": [list(region.box) for region in regions],
        "seconds": time.perf_counter() - start,
    }


def _line(verdict: dict[str, Any]) -> str:
    name = verdict["name"]
    if "error" in verdict:
        return f"{name}  not read: {verdict['error']}"
    state = "suspicious" if verdict["suspicious"] else "normal"
    return f"{name}  {verdict['score']:.4f}  {state}  {verdict['seconds']:.2f} s"


def _files(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in endings and not path.name.startswith("."):
            files[path.stem] = path
    return files


def _stamps(files: list[Path]) -> list[Stamp] | None:
    """Return the stamp of each file; None if one is gone."""
    stamps: list[Stamp] = []
    for path in files:
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        stamps.append((status.st_size, status.st_mtime_ns))
    return stamps
