"""The number of threads keeps to the processor quota of a container."""

import pytest

from musc2 import _cpu, set_num_threads
from musc2.ops._support import cpu_quota, dispatch


@pytest.fixture
def cgroup(tmp_path):
    """Return a function that writes control groups and says how many cores they allow."""

    def usable(groups, files):
        for name, text in files.items():
            path = tmp_path / "fs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "cgroup").write_text(groups)
        return cpu_quota.usable_cores(tmp_path / "fs", tmp_path / "cgroup")

    return usable


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("1000 100000\n", 1),
        ("max 100000\n", None),
        ("0 100000\n", None),
        ("garbage", None),
        ("100000 0\n", None),
        ("", None),
    ],
)
def test_the_quota_of_a_container_is_rounded_up(cgroup, quota, cores):
    assert cgroup("0::/\n", {"cpu.max": quota}) == cores


def test_the_smallest_quota_of_groups_within_each_other_counts(cgroup):
    files = {"a/b/cpu.max": "800000 100000", "a/cpu.max": "300000 100000", "cpu.max": "max 100000"}
    assert cgroup("0::/a/b\n", files) == 3


def test_a_path_that_the_container_does_not_see_ends_at_its_own_group(cgroup):
    assert cgroup("0::/../outside/x\n", {"cpu.max": "400000 100000"}) == 4
    assert cgroup("0::/docker/12ab\n", {"cpu.max": "400000 100000"}) == 4


def test_version_1_is_read_too(cgroup):
    files = {"cpu/x/cpu.cfs_quota_us": "250000\n", "cpu/x/cpu.cfs_period_us": "100000\n"}
    groups = "5:memory:/x\n4:cpu,cpuacct:/x\n1:name=systemd:/x\n"
    assert cgroup(groups, files) == 3
    files["cpu/x/cpu.cfs_quota_us"] = "-1\n"
    assert cgroup(groups, files) is None
    assert cgroup("5:memory:/x\n", {"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "1"}) is None


def test_no_groups_no_quota(tmp_path):
    assert cpu_quota.usable_cores(tmp_path, tmp_path / "missing") is None
    (tmp_path / "odd").write_text("\n::\nx\n0:cpu\n")
    assert cpu_quota.usable_cores(tmp_path, tmp_path / "odd") is None


def test_threads_keep_to_the_quota_unless_the_variable_says_how_many(monkeypatch):
    monkeypatch.delenv("MUSC2_NUM_THREADS", raising=False)
    _cpu.set_num_threads(0)
    cores = _cpu.num_threads()
    monkeypatch.setattr(cpu_quota, "usable_cores", lambda: 1)
    try:
        set_num_threads(None)
        assert dispatch.num_threads() == 1
        set_num_threads(3)
        assert dispatch.num_threads() == 3
        monkeypatch.setenv("MUSC2_NUM_THREADS", "5")
        set_num_threads(None)
        assert dispatch.num_threads() == 5
        monkeypatch.delenv("MUSC2_NUM_THREADS")
        monkeypatch.setattr(cpu_quota, "usable_cores", lambda: 4096)
        set_num_threads(None)
        assert dispatch.num_threads() == cores
    finally:
        monkeypatch.undo()
        set_num_threads(None)
