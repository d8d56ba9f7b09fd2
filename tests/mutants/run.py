"""Mutation testing: change the source in one place at a time; a test of it has to fail.

python tests/mutants/run.py                          # all modules of modules.py, half an hour
python tests/mutants/run.py verdict --share 0.2      # a fifth of the mutants of one module
python tests/mutants/run.py --journal FILE           # go on where a run was interrupted
python tests/mutants/run.py --journal FILE --left    # those that were left again, after new tests
Survivors are printed; the exit status is 1 if one of them is not judged in judged.txt.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import random
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", MUSC2_NUM_THREADS="2")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

# What tests import, apart from musc2, once for all: the processes of mutants are forked from here.
import _pytest.python  # noqa: E402, F401
import hypothesis.extra.numpy  # noqa: E402, F401
import pytest  # noqa: E402
import sklearn.metrics  # noqa: E402, F401
import torch  # noqa: E402, F401
from modules import TESTS  # noqa: E402
from mutations import Mutant, mutants  # noqa: E402
from selection import Record, first_failure, in_child, recorded  # noqa: E402
from swapping import Loading, can_swap, functions_of, swap_code  # noqa: E402

OPTIONS = ["-o", "addopts=", "-m", "not long", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
OPTIONS += ["--tb=native", "--assert=plain"]  # nobody reads why a test fails
OPTIONS += ["-k", "not memory_does_not_grow"]  # 15 s each
# Of modules that are imported above.
OPTIONS += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]


class Collected:
    """A plugin that calls a function instead of running the tests that were collected."""

    def __init__(self, work: Callable[[pytest.Session], Any]) -> None:
        self._work = work
        self.result: Any = None

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.result = self._work(session)
        return True


def collected(files: list[str], work: Callable[[pytest.Session], Any]) -> Any:
    """Return what ``work`` returns for the tests of some files."""
    plugin = Collected(work)
    pytest.main([*OPTIONS, *files], plugins=[plugin])
    return plugin.result


class Journal:
    """What became of mutants, a line each, in a file that an interrupted run goes on from.

    Lines count as long as the module's source is the same.
    """

    def __init__(self, path: Path, name: str) -> None:
        digest = zlib.crc32(path_of(name).read_bytes())
        self._path, self._start = path, f"{name} {digest:08x}"

    def results(self) -> dict[str, str]:
        """Return "killed", "survived" or "not run" of each mutant, the last that was written."""
        by_key = {}
        for line in self._path.read_text().splitlines() if self._path.exists() else []:
            start, result, key = line.split("\t")
            if start == self._start:
                by_key[key] = result
        return by_key

    def add(self, mutant: Mutant, result: str) -> None:
        """Write a line."""
        with self._path.open("a") as file:
            file.write(f"{self._start}\t{result}\t{mutant.key}\n")


def run(name: str, chosen: list[Mutant], journal: Journal, seconds: float) -> bool:
    """Run tests of mutants, which take some seconds each; return whether tests pass without one.

    Functions are swapped in processes that are forked when all tests are collected. What runs
    before that, as when the module is imported, takes a process that imports the mutant. So does a
    mutant that lived, since its function may have run when the module was imported.
    """
    file = str(path_of(name))

    def work(session: pytest.Session) -> Record | None:
        importlib.import_module(f"musc2.{name}")
        functions = functions_of(file)
        gc.freeze()
        record = in_child(lambda: recorded(session, file), 600)
        if not isinstance(record, Record):
            return None
        tests = Tests(record, seconds)
        for mutant in chosen:
            own = tests.of(mutant.lines)
            if own and not mutant.at_import and can_swap(mutant, functions):
                journal.add(mutant, tests.verdict(swapped(session, mutant, functions, own, record)))
        return record

    record = in_child(lambda: collected(TESTS[name], work), 86400)
    if record is None:
        return False
    tests = Tests(record, seconds)
    earlier = journal.results()
    for mutant in chosen:
        result, is_judged = earlier.get(mutant.key), f"{name} {mutant.key}" in judgements()
        if result == "killed" or (result == "survived" and is_judged):
            continue
        own = tests.every()
        journal.add(mutant, tests.verdict(imported(name, mutant, own, record)))
    return True


class Tests:
    """Choose the tests of mutants: those first that killed the last ones, then quick ones."""

    def __init__(self, record: Record, seconds: float) -> None:
        self._record, self._seconds = record, seconds
        self._killers: list[str] = []

    def of(self, lines: range) -> list[str]:
        """Return tests that run any of some lines."""
        quick_first = self._record.tests_of(lines)
        last = [test for test in self._killers if test in quick_first]
        return self._record.within([*dict.fromkeys(last + quick_first)], self._seconds)

    def every(self) -> list[str]:
        """Return tests whatever they run, for what is set when the module is imported."""
        quick_first = sorted(self._record.seconds, key=self._record.seconds.__getitem__)
        last = [test for test in self._killers if test in self._record.seconds]
        return self._record.within([*dict.fromkeys(last + quick_first)], self._seconds)

    def verdict(self, work: Callable[[], str]) -> str:
        """Return what became of a mutant; ``work`` returns which test failed."""
        failed = in_child(work, 60 + 20 * self._seconds)
        if failed:
            self._killers = [failed, *self._killers][:3]
        return "survived" if failed == "" else "killed"


def swapped(
    session: pytest.Session,
    mutant: Mutant,
    functions: list[FunctionType],
    tests: list[str],
    record: Record,
) -> Callable[[], str]:
    """Return a function that runs tests with the code of a mutant swapped in."""

    def work() -> str:
        swap_code(mutant, functions)
        return first_failure(session, tests, record)

    return work


def imported(name: str, mutant: Mutant, tests: list[str], record: Record) -> Callable[[], str]:
    """Return a function that imports a mutant and runs tests."""

    def work() -> str:
        sys.meta_path.insert(0, Loading(f"musc2.{name}", mutant))
        failed = collected(TESTS[name], lambda session: first_failure(session, tests, record))
        return "importing it" if failed is None else str(failed)

    return work


def path_of(name: str) -> Path:
    """Return the file of musc2.<name>."""
    spec = importlib.util.find_spec("musc2")
    assert spec is not None
    return Path(str(spec.origin)).parent / (name.replace(".", "/") + ".py")


def judgements() -> set[str]:
    """Return the mutants in judged.txt, a line each."""
    lines = Path(__file__).with_name("judged.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def main() -> int:
    """Run the mutants of the modules that the command line names."""
    parser = argparse.ArgumentParser(description="Change the source; tests have to fail.")
    parser.add_argument("modules", nargs="*", default=list(TESTS), metavar="MODULE")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn at random")
    parser.add_argument("--seconds", type=float, default=30, help="of tests for each mutant")
    parser.add_argument("--journal", type=Path, help="go on from this file")
    parser.add_argument("--left", action="store_true", help="run those again that were left")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    judged = judgements()
    left, total = 0, Counter[str]()
    path = arguments.journal or Path(tempfile.mkdtemp()) / "journal"
    for name in arguments.modules:
        start = time.perf_counter()
        every = list(mutants(path_of(name).read_text()))
        if arguments.share < 1:
            every = random.Random(0).sample(every, round(arguments.share * len(every)))
        journal = Journal(path, name)
        done = journal.results()
        due = []
        for mutant in every:
            is_left = done.get(mutant.key) != "killed" and f"{name} {mutant.key}" not in judged
            if mutant.key not in done or (arguments.left and is_left):
                due.append(mutant)
        if due and not run(name, due, journal, arguments.seconds):
            print(f"{name}: its tests fail without a change")
            return 2
        results = journal.results()
        counts: Counter[str] = Counter()
        for mutant in sorted(every, key=lambda mutant: mutant.lines.start):
            result, key = results[mutant.key], f"{name} {mutant.key}"
            if result != "killed" and key in judged:
                result = "judged"
            elif result != "killed":
                print(f"{key}    # line {mutant.lines.start}, {result}")
                left += 1
            counts[result] += 1
        total += counts
        seconds = time.perf_counter() - start
        print(f"== {name}: {len(every)} mutants, {dict(counts)}, {seconds:.0f} s", flush=True)
    print(f"== all: {total.total()} mutants, {dict(total)}")
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
