"""Equal content gives equal results, to the bit, in whatever type, layout and container it comes."""

import forms
import numpy as np
import pytest
import torch
from PIL import Image

from musc2 import inputs

ROUNDS = 480


def same(one, other):
    assert (one is None) == (other is None)
    assert one is None or torch.equal(one, other)


def compare(samples, expected, how):
    for part, wanted in zip(inputs.prepare(samples, how, threads=1), expected, strict=True):
        same(part.image, wanted.image)
        if wanted.cloud is not None:
            same(part.cloud.points, wanted.cloud.points)
            same(part.cloud.pixels, wanted.cloud.pixels)
            same(part.cloud.rows, wanted.cloud.rows)
        assert (part.image_size, part.cloud_size) == (wanted.image_size, wanted.cloud_size)


def preparation(rng):
    return inputs.Preparation(
        size=int(rng.integers(4, 20)),
        resample=str(rng.choice(["bicubic", "bilinear"])),
        resize=str(rng.choice(["square", "fit"])),
        patch=int(rng.integers(1, 4)),
        foreground=str(rng.choice(["depth", "published"])),
    )


@pytest.mark.parametrize("seed", range(4))
def test_equal_images_in_many_forms(seed, tmp_path):
    rng = np.random.default_rng(seed)
    for number in range(ROUNDS // 4):
        stack = rng.integers(0, 256, (3, *rng.integers(5, 16, 2), 3), dtype=np.uint8)
        if rng.random() < 0.3:
            stack[..., 1:] = stack[..., :1]
        how = preparation(rng)
        expected = list(inputs.prepare(inputs.pair(stack), how, threads=1))
        given, inside = forms.of_images(stack, rng, tmp_path / str(number))
        before = None if inside is None else inside.copy()
        compare(inputs.pair(given), expected, how)
        assert np.array_equal(inside, before)


@pytest.mark.parametrize("seed", range(4))
def test_equal_maps_in_many_forms(seed, tmp_path):
    rng = np.random.default_rng(100 + seed)
    for number in range(ROUNDS // 4):
        stack = rng.integers(-50, 50, (3, *rng.integers(5, 16, 2), 3)).astype(np.float32)
        how = preparation(rng)
        make = forms.of_maps
        if rng.random() < 0.3:  # as clouds of points
            make, stack = forms.of_clouds, stack.reshape(3, -1, 3)
        given, inside = make(stack, rng, tmp_path / str(number))
        before = inside.copy()
        compare(inputs.pair(pcd=given), list(inputs.prepare(inputs.pair(pcd=list(stack)), how, threads=1)), how)
        assert np.array_equal(inside, before)


def test_depth_of_every_form_equals_the_map_that_it_stands_for(tmp_path):
    rng = np.random.default_rng(7)
    for number in range(40):
        depth = rng.integers(0, 1000, (2, *rng.integers(5, 16, 2)), dtype=np.uint16)
        camera = tuple(float(value) for value in rng.uniform(3, 40, 4))
        how = preparation(rng)
        expected = list(inputs.prepare(inputs.pair(pcd=depth, intrinsics=camera), how, threads=1))
        floating = np.where(depth == 0, [np.nan, 0, -1, np.inf][number % 4], depth.astype(np.float64))
        folder = tmp_path / str(number)
        folder.mkdir()
        for index, one in enumerate(depth):
            Image.fromarray(one).save(folder / f"{index}.png")
        whole = [source.read() for source in inputs.clouds(depth, camera)]
        for given in (floating, list(floating), forms.tensor(floating), depth[..., None], folder):
            compare(inputs.pair(pcd=given, intrinsics=torch.tensor(camera, dtype=torch.float64)), expected, how)
        compare(inputs.pair(pcd=whole), expected, how)
