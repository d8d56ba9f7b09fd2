"""All parts of a data set: in threads, past those that are finished, and never in place."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from musc2.inputs.ordered_map import in_order
from musc2.ops._support import dispatch
from musc2.preprocess import eyecandies, files, mvtec_3d
from musc2.preprocess.task import Task, refuse, shown
from musc2.progress import Report, reporting

DATASETS = {"mvtec_3d": mvtec_3d, "eyecandies": eyecandies}
_RECORD = "prepare.json"  # in the result: what it was made with


@dataclass(frozen=True, kw_only=True)
class Done:
    """How many parts this call made, and how many it found finished."""

    made: int
    found: int


def prepare(
    dataset: str,
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    seed: int = 0,
    progress: bool | Report = False,
) -> Done:
    """Writes the data set in the folder ``root`` without its background to the folder ``out``.

    dataset: "mvtec_3d" or "eyecandies", in their original layouts; docs/prepare.md says what is written. ``out`` must
    be new, empty, or begun by a call with the same data set and seed, whose finished parts are left as they are. jobs:
    threads; all that musc2 uses when None. The first part, in order, that cannot be prepared stops the call with an
    error that names the file; those before it are finished.
    """
    if dataset not in DATASETS:
        refuse("dataset", f"must be one of {', '.join(DATASETS)}", repr(dataset))
    for name, value, low in (("jobs", jobs, 1), ("seed", seed, 0)):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= low
        if not whole and not (name == "jobs" and value is None):
            refuse(name, f"must be a whole number of at least {low}", repr(value))
    known, source, target = DATASETS[dataset], Path(root).expanduser(), Path(out).expanduser()
    _check_places(source, target)
    tasks = list(known.tasks(source, target))
    if not tasks:
        refuse(f"root ({source})", f"must be laid out as {known.LAYOUT}", shown(path.name for path in source.iterdir()))
    _record(target, {"dataset": dataset, "seed": seed})
    left = [task for task in tasks if not task.finished]
    _run(left, functools.partial(known.run, seed=seed), jobs or dispatch.num_threads(), len(tasks), progress)
    return Done(made=len(left), found=len(tasks) - len(left))


def _check_places(source: Path, target: Path) -> None:
    if not source.is_dir():
        refuse(f"root ({source})", "must be a folder that exists", "a file" if source.exists() else "none")
    inner, outer = source.resolve(), target.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        refuse(f"out ({target})", f"must be apart from root ({source}), which is never changed", "one inside the other")
    if target.exists() and not target.is_dir():
        refuse(f"out ({target})", "must be a folder, or a name for a new one", "a file")


def _record(target: Path, settings: dict[str, object]) -> None:
    """Notes what the result is made with; refuses a folder that holds anything else."""
    path = target / _RECORD
    if path.is_file():
        if (said := files.read_text(path)) != _as_text(settings):
            refuse(f"out ({target})", f"must be new, or begun with {json.dumps(settings)}", said.strip())
    elif target.is_dir() and any(target.iterdir()):
        names = shown(path.name for path in target.iterdir())
        refuse(f"out ({target})", "must be new, empty, or begun by musc2 prepare", names)
    else:
        files.write_text(path, _as_text(settings))


def _as_text(settings: dict[str, object]) -> str:
    return json.dumps(settings) + "\n"


def _run(tasks: list[Task], run: Callable[[Task], None], threads: int, total: int, progress: bool | Report) -> None:
    found = total - len(tasks)
    with reporting(progress) as report:
        done = in_order(run, tasks, threads=threads, ahead=2 * threads)
        for count, _ in enumerate(done, start=1):
            if report is not None:
                report("prepare", found + count, total)
