"""The processor time that control groups allow this process, as a container's limit is set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path


def usable_cores(
    mounted: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")
) -> int | None:
    """Return how many cores the quota of this process pays for, rounded up; None without one.

    Groups lie within each other, and the smallest quota of all counts. A container sees its own
    group as the outermost one, whatever path the kernel names.
    """
    try:
        lines = groups.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    cores: list[float] = []
    for line in lines:  # "0::/path" in version 2, "4:cpu,cpuacct:/path" in version 1
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            cores += _quotas(mounted, path)
        elif "cpu" in controllers.split(","):
            cores += _quotas(mounted / "cpu", path)
    return math.ceil(min(cores)) if cores else None


def _quotas(root: Path, path: str) -> Iterator[float]:
    """Yield the quotas of a group and of those around it, in cores."""
    group = root / path.strip("/")
    for folder in (group, *group.parents):
        if folder.is_relative_to(root):
            cores = _quota(folder)
            if cores is not None:
                yield cores


def _quota(folder: Path) -> float | None:
    """Return the quota of one group, of version 2 or 1."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        cores = int(quota) / int(period)  # "max", or -1 in version 1, is none
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None
