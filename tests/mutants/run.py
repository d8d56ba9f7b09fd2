"""Mutation testing: change the source in one place at a time; a test of it has to fail.

python tests/mutants/run.py                          # all modules of modules.py, an hour
python tests/mutants/run.py verdict --share 0.2      # a fifth of the mutants of one module
Survivors are printed; the exit status is 1 if one of them is not judged in judged.txt.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
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
from selection import Record, in_child, passes, recorded  # noqa: E402
from swapping import Loading, swap_code  # noqa: E402

OPTIONS = ["-o", "addopts=", "-m", "not long", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
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


def outcomes(name: str, chosen: list[Mutant]) -> dict[str, str] | None:
    """Return "killed" or "survived" for each mutant; None if tests fail without one.

    Functions are swapped in processes that are forked when all tests are collected. What runs
    before that, as when the module is imported, takes a process that imports the mutant.
    """
    file = str(path_of(name))

    def work(session: pytest.Session) -> tuple[Record, dict[str, str]] | None:
        record = in_child(lambda: recorded(session, file), 600)
        if not isinstance(record, Record):
            return None
        results: dict[str, str] = {}
        for mutant in chosen:
            tests = record.tests_of(mutant.lines)
            if not mutant.at_import:
                results[mutant.key] = verdict(swapped(session, mutant, file, tests), record, tests)
        return record, results

    answer = in_child(lambda: collected(TESTS[name], work), 7200)
    if isinstance(answer, str):
        raise RuntimeError(answer)
    if answer is None:
        return None
    record, results = answer
    tests = record.tests_of(range(1, sys.maxsize)) or list(record.seconds)
    for mutant in chosen:
        if results.get(mutant.key, "not run") == "not run":
            results[mutant.key] = verdict(imported(name, mutant, tests), record, tests)
    return results


def swapped(
    session: pytest.Session, mutant: Mutant, file: str, tests: list[str]
) -> Callable[[], bool]:
    """Return a function that runs tests with the code of a mutant swapped in."""

    def work() -> bool:
        swap_code(mutant, file)
        return passes(session, tests)

    return work


def imported(name: str, mutant: Mutant, tests: list[str]) -> Callable[[], bool]:
    """Return a function that imports a mutant and runs tests."""

    def work() -> bool:
        sys.meta_path.insert(0, Loading(f"musc2.{name}", mutant))
        return bool(collected(TESTS[name], lambda session: passes(session, tests)))

    return work


def verdict(work: Callable[[], bool], record: Record, tests: list[str]) -> str:
    """Return what became of a mutant that ``work`` runs tests of."""
    if not tests:
        return "not run"
    limit = 20 + 10 * sum(record.seconds[test] for test in tests)
    result = in_child(work, limit)
    if isinstance(result, str):
        raise RuntimeError(result)
    return "survived" if result else "killed"


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
    arguments = parser.parse_args()
    os.chdir(ROOT)
    judged = judgements()
    left, total = 0, Counter[str]()
    for name in arguments.modules:
        start = time.perf_counter()
        chosen = list(mutants(path_of(name).read_text()))
        if arguments.share < 1:
            chosen = random.Random(0).sample(chosen, round(arguments.share * len(chosen)))
        results = outcomes(name, chosen)
        if results is None:
            print(f"{name}: its tests fail without a change")
            return 2
        counts: Counter[str] = Counter()
        for mutant in sorted(chosen, key=lambda mutant: mutant.lines.start):
            result, key = results[mutant.key], f"{name} {mutant.key}"
            if result != "killed" and key in judged:
                result = "judged"
            elif result != "killed":
                print(f"{key}    # line {mutant.lines.start}, {result}")
                left += 1
            counts[result] += 1
        total += counts
        seconds = time.perf_counter() - start
        print(f"== {name}: {len(chosen)} mutants, {dict(counts)}, {seconds:.0f} s", flush=True)
    print(f"== all: {total.total()} mutants, {dict(total)}")
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
