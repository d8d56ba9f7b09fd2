"""Equal content gives equal results, to the bit, in every type, layout and container."""

import forms
import numpy as np
import pytest
import torch
from PIL import Image

from musc2 import inputs

ROUNDS = 480


def same(tensor, expected):
    assert (tensor is None) == (expected is None)
    assert tensor is None or torch.equal(tensor, expected)


def prepare(samples, preparation):
    return [inputs.prepare(sample, preparation) for sample in samples]


def compare(samples, expected, preparation):
    for prepared, reference in zip(prepare(samples, preparation), expected, strict=True):
        same(prepared.image, reference.image)
        if reference.cloud is not None:
            same(prepared.cloud.points, reference.cloud.points)
            same(prepared.cloud.pixels, reference.cloud.pixels)
            same(prepared.cloud.rows, reference.cloud.rows)
        assert prepared.image_size == reference.image_size
        assert prepared.cloud_size == reference.cloud_size


def random_preparation(rng):
    return inputs.Preparation(
        size=int(rng.integers(4, 20)),
        resample=str(rng.choice(["bicubic", "bilinear"])),
        resize=str(rng.choice(["square", "fit"])),
        patch=int(rng.integers(1, 4)),
        foreground=str(rng.choice(["nonzero_depth", "nonzero_xyz"])),
    )


@pytest.mark.parametrize("seed", range(4))
def test_equal_images_in_many_forms(seed, tmp_path):
    rng = np.random.default_rng(seed)
    for number in range(ROUNDS // 4):
        stack = rng.integers(0, 256, (3, *rng.integers(5, 16, 2), 3), dtype=np.uint8)
        if rng.random() < 0.3:
            stack[..., 1:] = stack[..., :1]
        preparation = random_preparation(rng)
        expected = prepare(inputs.pair(stack), preparation)
        rgb, array = forms.of_images(stack, rng, tmp_path / str(number))
        before = None if array is None else array.copy()
        compare(inputs.pair(rgb), expected, preparation)
        assert np.array_equal(array, before)


@pytest.mark.parametrize("seed", range(4))
def test_equal_maps_in_many_forms(seed, tmp_path):
    rng = np.random.default_rng(100 + seed)
    for number in range(ROUNDS // 4):
        stack = rng.integers(-50, 50, (3, *rng.integers(5, 16, 2), 3)).astype(np.float32)
        preparation = random_preparation(rng)
        make = forms.of_maps
        if rng.random() < 0.3:  # as clouds of points
            make, stack = forms.of_clouds, stack.reshape(3, -1, 3)
        expected = prepare(inputs.pair(pcd=list(stack)), preparation)
        pcd, array = make(stack, rng, tmp_path / str(number))
        before = array.copy()
        compare(inputs.pair(pcd=pcd), expected, preparation)
        assert np.array_equal(array, before)


def test_depth_of_every_form_equals_the_map_that_it_stands_for(tmp_path):
    rng = np.random.default_rng(7)
    for number in range(40):
        depth = rng.integers(0, 1000, (2, *rng.integers(5, 16, 2)), dtype=np.uint16)
        camera = tuple(float(value) for value in rng.uniform(3, 40, 4))
        preparation = random_preparation(rng)
        expected = prepare(inputs.pair(pcd=depth, intrinsics=camera), preparation)
        floating = np.where(
            depth == 0, [np.nan, 0, -1, np.inf][number % 4], depth.astype(np.float64)
        )
        folder = tmp_path / str(number)
        folder.mkdir()
        for index, values in enumerate(depth):
            Image.fromarray(values).save(folder / f"{index}.png")
        intrinsics = torch.tensor(camera, dtype=torch.float64)
        for pcd in (floating, list(floating), forms.tensor(floating), depth[..., None], folder):
            samples = inputs.pair(pcd=pcd, intrinsics=intrinsics)
            compare(samples, expected, preparation)
        maps = [source.read() for source in inputs.list_clouds(depth, camera)]
        compare(inputs.pair(pcd=maps), expected, preparation)
