"""Time every op as it is by default, a few rounds without baselines: a stage of ``first_call``."""

from __future__ import annotations

from collections.abc import Iterator

from bench.gpu import ceilings, groups, patches, points, tokens
from bench.gpu.bench import Bench
from bench.gpu.checks import Checks
from bench.gpu.works import Work

ROUNDS = 5


def works(bench: Bench) -> Iterator[Work]:
    """Yield the ceilings, then the ops, those that take longest last."""
    yield from ceilings.works(bench)
    yield from points.works(bench)
    yield from groups.works(bench)
    yield from tokens.works(bench)
    yield from patches.works(bench, [patches.PORTABLE])


def main() -> None:
    """Record the time of each."""
    checks = Checks(str(__doc__))
    bench = Bench(checks.device, checks.rehearsal, rounds=ROUNDS, baselines=False)
    for work in works(bench):
        checks.check(work.name, work.run)


if __name__ == "__main__":
    main()
