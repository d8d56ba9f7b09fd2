"""Preprocess all parts of a data set, in threads, leaving finished parts as they are."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from musc2 import checks
from musc2.datasets.layouts import describe
from musc2.inputs.ordered_map import ordered_map
from musc2.ops._support import dispatch
from musc2.preprocess import eyecandies, mvtec_3d, task_files
from musc2.preprocess.task import OP, Task
from musc2.progress import Report, reporting

DATASETS = {"mvtec_3d": mvtec_3d, "eyecandies": eyecandies}
_RECORD = "preprocess.json"  # in the output folder: the settings it was made with


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How many parts a call made, and how many were finished earlier."""

    made: int
    earlier: int


def preprocess(
    dataset: str,
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    seed: int = 0,
    progress: bool | Report = False,
) -> Summary:
    """Write a data set without its backgrounds; docs/guide/preprocess.md says what is written.

    Args:
        dataset: "mvtec_3d" or "eyecandies".
        root: The folder of the data set in its original layout, which is never changed.
        out: A new or empty folder, or one that a call with the same data set and seed began: its
            finished parts are left as they are.
        jobs: The number of threads; None: as many as the kernels use.
        seed: Of the search for planes.
        progress: True for a bar, or a callback(stage, done, total).

    Returns:
        How many parts were made, and how many were finished earlier.

    Raises:
        InputError: A part cannot be preprocessed. The error names the file; all parts before it, in
            order, are finished.
    """
    checks.choice(OP, "dataset", dataset, DATASETS)
    threads = dispatch.num_threads() if jobs is None else checks.whole(OP, "jobs", jobs, 1)
    checks.whole(OP, "seed", seed, 0)
    module = DATASETS[dataset]
    source, target = Path(root).expanduser(), Path(out).expanduser()
    _check_folders(source, target)
    tasks = list(module.tasks(source, target))
    if not tasks:
        requirement = f"must be laid out as {module.LAYOUT}"
        checks.refuse(OP, f"root ({source})", requirement, describe(source))
    _record(target, {"dataset": dataset, "seed": seed})
    task_files.remove_unfinished(target)
    unfinished = [task for task in tasks if not task.is_finished]
    _run(unfinished, functools.partial(module.run, seed=seed), threads, len(tasks), progress)
    return Summary(made=len(unfinished), earlier=len(tasks) - len(unfinished))


def _check_folders(source: Path, target: Path) -> None:
    if not source.is_dir():
        got = "a file" if source.exists() else "none"
        checks.refuse(OP, f"root ({source})", "must be a folder that exists", got)
    inner, outer = source.resolve(), target.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        requirement = f"must be apart from root ({source}), which is never changed"
        checks.refuse(OP, f"out ({target})", requirement, "one inside the other")
    if target.exists() and not target.is_dir():
        checks.refuse(OP, f"out ({target})", "must be a folder, or a name for a new one", "a file")


def _record(target: Path, settings: dict[str, object]) -> None:
    """Write the settings to the output folder; raise if it holds anything else."""
    path = target / _RECORD
    text = json.dumps(settings) + "\n"
    if path.is_file():
        recorded = task_files.read_text(path)
        if recorded != text:
            requirement = f"must be new, or begun with {text.strip()}"
            checks.refuse(OP, f"out ({target})", requirement, recorded.strip())
    elif target.is_dir() and any(target.iterdir()):
        requirement = "must be new, empty, or begun by musc2 preprocess"
        checks.refuse(OP, f"out ({target})", requirement, describe(target))
    else:
        task_files.write_text(path, text)


def _run(
    tasks: Sequence[Task],
    run: Callable[[Task], None],
    threads: int,
    total: int,
    progress: bool | Report,
) -> None:
    earlier = total - len(tasks)
    with reporting(progress, OP) as report:
        results = ordered_map(run, tasks, threads=threads, ahead=2 * threads)
        for count, _ in enumerate(results, start=1):
            if report is not None:
                report(OP, earlier + count, total)
