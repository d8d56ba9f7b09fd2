"""The setting memory bounds what is held at once, and changes no score."""

import errno
import math
import os
import subprocess
import sys

import pytest
import samples
import torch
from parts import SMALL, score_small

from bench.memory import features, whole_call
from musc2 import Config, _spill, score_tokens
from musc2._panels import pair_lists
from musc2._panels.distance_table import DistanceTable
from musc2._panels.medians import median_of


def equal(first, second):
    assert torch.equal(first.scores, second.scores)
    assert torch.equal(first.raw_scores, second.raw_scores)
    for name in ("patch_scores_2d", "patch_scores_3d"):
        pair = getattr(first, name), getattr(second, name)
        assert pair == (None, None) or torch.equal(*pair)


@pytest.mark.filterwarnings("ignore:score. copies")
@pytest.mark.parametrize("modality", ["2d", "3d", "2d3d"])
@pytest.mark.parametrize("has_references", [False, True])
@pytest.mark.parametrize("memory", [1, 40_000])
def test_a_tiny_memory_gives_the_same_bits(rng, modality, has_references, memory):
    parts = {}
    if "2d" in modality:
        parts["image_tokens"] = samples.image_tokens(rng, 11)
        parts["image_tokens"][3] = parts["image_tokens"][7]
    if "3d" in modality:
        parts |= {"point_tokens": samples.point_tokens(rng, 11), "clouds": samples.clouds(rng, 11)}
    options = {} if "3d" in modality else {"image_size": (24, 20)}
    if has_references:
        options["references"] = {name: values[8:] for name, values in parts.items()}
        parts = {name: values[:8] for name, values in parts.items()}
    whole = score_tokens(**parts, **options)
    equal(whole, score_tokens(**parts, **options, config=Config(memory=memory)))


def test_tokens_in_temporary_files_give_the_same_bits(rgb, pcd):
    masks = torch.ones(len(rgb), *rgb[0].shape[:2])
    masks[:, :8] = 0
    arguments = {"masks": masks, "encoder_3d": "shape"}
    whole = score_small(rgb, pcd, **arguments)
    spilled = score_small(rgb, pcd, **arguments, config=SMALL.replace(memory=1))
    equal(whole, spilled)


def test_a_full_disk_is_told_with_what_was_needed(monkeypatch, rng):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    tokens = samples.image_tokens(rng, 8)
    message = r"no room for the features of a layer in .*: 0\.0 GiB are needed.*TMPDIR.*memory"
    with pytest.raises(OSError, match=message):
        score_tokens(tokens, image_size=(24, 20), config=Config(memory=1))


def test_a_file_system_that_cannot_reserve_room_serves(monkeypatch):
    def unsupported(descriptor, offset, size):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    with _spill.temporary_file(1000, "nothing") as file:
        assert os.fstat(file.fileno()).st_size == 1000


def test_a_temporary_file_is_in_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mapped = _spill.empty((3, 5), memory=1, content="nothing")
    mapped.copy_(torch.arange(15.0).reshape(3, 5))
    assert list(tmp_path.iterdir()) == []
    assert mapped.sum() == 105


@pytest.mark.parametrize("memory", [0, 1 << 20])
def test_a_distance_table_gives_back_what_was_written(memory):
    table = DistanceTable(3, 2, 3, memory)
    for listed in pair_lists.of_all(3):
        distances = listed.pairs.float()
        table.write(listed, distances, distances + 10)
    d = table.rows(torch.tensor([2, 0]))
    inf = float("inf")
    assert d[1].tolist() == [[inf, 0, 0], [inf, 1, 2]]
    assert d[0].tolist() == [[10, 11, inf], [12, 12, inf]]


@pytest.mark.parametrize("samples_count", [2, 16, 17, 40])
def test_each_pair_is_listed_once(samples_count):
    pairs = torch.cat([listed.pairs for listed in pair_lists.of_all(samples_count)])
    expected = torch.combinations(torch.arange(samples_count))
    assert sorted(map(tuple, pairs.tolist())) == sorted(map(tuple, expected.tolist()))


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_a_median_in_passes_is_that_of_all_values(rng, count):
    values = torch.from_numpy(rng.random(count)).float() * 10.0 ** torch.arange(count).remainder(9)
    values[count // 2 :] = values[count // 2]
    assert median_of(lambda: torch.split(values, 3)) == float(values.median())


def test_the_setting_bounds_what_is_taken():
    script = """
import threading, torch
from musc2 import Config, score_tokens
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith("RssAnon")]
    return int(value) / 1024
tokens = torch.randn(150, 1, 14, 14, 4, generator=torch.Generator().manual_seed(0))
score_tokens(tokens[:8], image_size=(16, 16))
before, peak, is_over = anonymous(), [0.0], threading.Event()
def watch():
    while not is_over.wait(0.001):
        peak[0] = max(peak[0], anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
score_tokens(tokens, image_size=(16, 16), config=Config(memory=6 << 20))
is_over.set()
watcher.join()
print(peak[0] - before)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert float(result.stdout) <= 11  # MiB; the distances are 17


@pytest.mark.long
def test_two_layers_of_two_thousand_parts_take_less_than_a_gibibyte():
    """Beyond the tokens, which are in a file: 4.5 GiB, and distances of 12 GiB a layer.

    One block of pairs in 200 is searched, and others get its distances: all of them take 8 hours.
    """
    count, layers, side, channels = 2000, 2, 28, 384
    tokens = features(count, layers, side, side, channels)
    peak, _, pairs = whole_call(tokens, 256 << 20)
    assert pairs == layers * math.comb(count, 2)
    assert peak < 1024
