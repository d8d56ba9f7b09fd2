"""The stages of ``first_call``: the most telling first, and what may hang a GPU after the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.gpu.compiler import tool


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage: the module gpu.<module> in a process of its own."""

    name: str
    module: str
    seconds: float  # at most, all its processes together
    arguments: tuple[str, ...] = ()  # SITE and SECONDS stand for what first_call knows
    rehearsed: tuple[str, ...] | None = None  # further arguments of a rehearsal; None: it has none
    needs_gpu: bool = True
    always: bool = False  # also in a call that resumes another
    whole: bool = False  # its checks depend on each other: it runs as a whole or not at all
    limit: float = 0.0  # seconds of a check, where the default is not enough
    program: str = ""  # of NVIDIA's, which runs the process
    options: tuple[str, ...] = ()  # of that program
    environment: Mapping[str, str] = field(default_factory=dict)

    def prefix(self) -> list[str]:
        """Return the beginning of the stage's command."""
        return [tool(self.program) or self.program, *self.options] if self.program else []


def hopper(blocks: str, rehearsed: tuple[str, ...] | None = None) -> Stage:
    """Return the stage that searches by clusters of so many blocks, which never ran on a GPU."""
    return Stage(
        name=f"hopper {blocks}",
        module="hopper",
        seconds=15,
        arguments=("--blocks", blocks),
        rehearsed=rehearsed,
    )


def sanitizer(check: str, seconds: float) -> Stage:
    """Return the stage that runs tiny calls under compute-sanitizer."""
    return Stage(
        name=check,
        module="agreement",
        seconds=seconds,
        arguments=("--sizes", "tiny"),
        limit=15,
        program="compute-sanitizer",
        options=(
            *("--tool", check, "--kernel-name", "kns=musc2"),
            *("--error-exitcode", "9", "--print-limit", "20"),
        ),
        # Without torch's cache an array is an allocation of its own, whose end memcheck knows.
        environment={"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"},
    )


STAGES = (
    Stage(name="facts", module="facts", seconds=20, rehearsed=(), needs_gpu=False, always=True),
    Stage(
        name="install",
        module="install",
        seconds=150,
        arguments=("--site", "SITE"),
        rehearsed=(),
        always=True,
    ),
    Stage(
        name="agreement",
        module="agreement",
        seconds=70,
        rehearsed=("--sizes", "tiny", "real"),
    ),
    Stage(name="timings", module="timings", seconds=50, rehearsed=(), limit=10),
    hopper("2", rehearsed=()),
    hopper("4"),
    hopper("1"),
    # Nor did clusters whose blocks send each other messages.
    Stage(name="farthest", module="farthest", seconds=20, rehearsed=(), limit=10),
    Stage(name="end to end", module="end_to_end", seconds=60, rehearsed=(), whole=True, limit=30),
    Stage(name="counters", module="counters", seconds=60, limit=10),
    sanitizer("memcheck", 25),
    sanitizer("racecheck", 25),
    Stage(name="tests", module="suite", seconds=300, arguments=("--seconds", "SECONDS"), limit=300),
)
