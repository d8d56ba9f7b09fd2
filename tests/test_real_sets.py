"""The benchmark of encoders on folders of real images, on generated ones."""

import argparse

import numpy as np
import pytest
import torch
from PIL import Image

from bench.quality import real_sets
from bench.quality.images import LabeledImages


def labeled(labels):
    return LabeledImages(paths=[], labels=np.array(labels), masks=np.zeros((0, 4, 4), bool))


@pytest.fixture
def folder(tmp_path, rng):
    """Two sets of 4 good and 4 defective images, one of them as JPEG."""
    for name, suffix in (("plates", "png"), ("cookies", "jpg")):
        for kind in ("good", "hole"):
            images = tmp_path / name / "part" / "test" / kind
            images.mkdir(parents=True)
            for number in range(4):
                pixels = rng.integers(100, 110, (64, 64, 3), dtype=np.uint8)
                mask = np.zeros((64, 64), np.uint8)
                if kind == "hole":
                    mask[16:40, 16 + number : 40] = 255
                    pixels[mask > 0] = rng.integers(0, 255, ((mask > 0).sum(), 3))
                    masks = tmp_path / name / "part" / "ground_truth" / kind
                    masks.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(mask).save(masks / f"{number:03}_mask.png")
                Image.fromarray(pixels).save(images / f"{number:03}.{suffix}")
    return tmp_path


def test_a_table_of_every_set_and_the_mean(folder, capsys, monkeypatch):
    monkeypatch.setattr(real_sets, "RESAMPLES", 20)
    parser = argparse.ArgumentParser()
    real_sets.add_arguments(parser)
    names = ["texture@64", "efficientnet-lite0@64"]
    real_sets.run(parser.parse_args([str(folder), "--encoders", *names]))
    lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:8]]
    assert [row[:2] for row in cells] == [
        [name, part] for name in names for part in ("cookies", "plates", "mean")
    ]
    values = np.array([[float(cell) for cell in row[2:]] for row in cells])
    np.testing.assert_allclose(values[:2].mean(0), values[2], atol=0.11)
    assert (values[:, 0] > 50).all()
    assert "efficientnet-lite0@64: " in lines[-1]


def test_parts_are_thinned_over_all_kinds(folder):
    sets = dict(real_sets.real_sets(folder))
    assert sorted(sets) == ["cookies", "plates"]
    thinned = real_sets.thinned(sets["plates"], 4)
    assert [path.parent.name for path in thinned.paths] == ["good", "good", "hole", "hole"]
    assert thinned.labels.tolist() == [False, False, True, True]
    assert thinned.masks.any(axis=(1, 2)).tolist() == [False, False, True, True]
    assert real_sets.thinned(sets["plates"], None) is sets["plates"]


def test_the_interval_of_a_difference():
    sets = {"set": labeled([False] * 20 + [True] * 20)}
    best = {"set": torch.arange(40.0)}
    worst = {"set": torch.arange(40.0).flip(0)}
    assert real_sets.difference(sets, best, best) == (0, 0, 0)
    assert real_sets.difference(sets, worst, best) == (100, 100, 100)
    generator = torch.Generator().manual_seed(0)
    noisy = {"set": torch.arange(40.0) + 30 * torch.rand(40, generator=generator)}
    low, middle, high = real_sets.difference(sets, best, noisy)
    assert -20 < low < middle < high <= 0
