"""Equal content gives equal results, to the bit, in whatever type, layout and container it comes."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from musc2 import inputs

ROUNDS = 480


class Exported:
    """What only speaks DLPack."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **how):
        return self.values.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


class Arrayed:
    """What only knows how to become a numpy array."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


IMAGE_TYPES = [
    lambda stack: stack,
    lambda stack: stack.astype(np.uint16) * 257,
    lambda stack: (stack.astype(np.uint16) * 257).astype(">u2"),
    lambda stack: (stack / 255).astype(np.float16),
    lambda stack: stack.astype(np.float32) / np.float32(255),
    lambda stack: stack / 255,
]
MAP_TYPES = [
    lambda stack: stack,
    lambda stack: stack.astype(np.float64),
    lambda stack: stack.astype(np.float16),
    lambda stack: stack.astype(np.int16),
    lambda stack: stack.astype(np.int64),
    lambda stack: stack.astype(">f4"),
]


def layout(stack, rng):
    """The same values: channels last or first, C or Fortran order, reversed strides, read-only."""
    if rng.random() < 0.5:
        stack = np.moveaxis(stack, 3, 1)
    how = rng.integers(4)
    if how == 0:
        stack = np.ascontiguousarray(stack)
    elif how == 1:
        stack = np.asfortranarray(stack)
    elif how == 2:
        stack = stack[:, :, ::-1].copy()[:, :, ::-1]
    else:
        stack = np.repeat(stack, 2, axis=2)[:, :, ::2]
    stack.setflags(write=bool(rng.integers(2)))
    return stack


def tensor(array):
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))


CONTAINERS = [
    lambda stack, rng: stack,
    lambda stack, rng: list(stack),
    lambda stack, rng: tuple(tensor(one) for one in stack),
    lambda stack, rng: tensor(stack),
    lambda stack, rng: tensor(stack).contiguous(memory_format=torch.channels_last),
    lambda stack, rng: Arrayed(stack),
    lambda stack, rng: Exported(tensor(stack)),
    lambda stack, rng: [Exported(tensor(one)) for one in stack],
    lambda stack, rng: [tensor(one) if rng.integers(2) else Arrayed(one) for one in stack],
]


def as_files(stack, rng, folder):
    """npy, npz or tiff, mixed; and the list or the folder of them."""
    folder.mkdir()
    for index, one in enumerate(stack):
        kind = rng.integers(3)
        if kind == 0:
            np.save(folder / f"{index}.npy", one)
        elif kind == 1:
            np.savez(folder / f"{index}.npz", one)
        else:
            kind = {"photometric": "rgb" if one.ndim == 3 else "minisblack"}
            if one.ndim == 3 and one.shape[2] != 3:
                kind["planarconfig"] = "separate"
            tifffile.imwrite(folder / f"{index}.tiff", np.ascontiguousarray(one), metadata=None, **kind)
    return sorted(folder.iterdir())


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
        if grey := rng.random() < 0.3:
            stack[..., 1:] = stack[..., :1]
        how = preparation(rng)
        expected = list(inputs.prepare(inputs.pair(stack), how, threads=1))
        form = layout(IMAGE_TYPES[rng.integers(len(IMAGE_TYPES))](stack), rng)
        before = form.copy()
        if grey and rng.random() < 0.5:
            form = form[:, 0] if form.shape[1] == 3 else form[..., 0]
            before = form.copy()
        container = rng.integers(len(CONTAINERS) + 3)
        if container < len(CONTAINERS):
            flat = form.ndim == 3 and container == 4  # channels_last needs four axes
            given = (CONTAINERS[3] if flat else CONTAINERS[container])(form, rng)
        elif container == len(CONTAINERS):
            given = as_files(form, rng, tmp_path / str(number))
        elif container == len(CONTAINERS) + 1:
            given = [Image.fromarray(one).convert(rng.choice(["RGB", "RGBA"])) for one in stack]
        else:
            given = tmp_path / str(number)
            given.mkdir()
            for index, one in enumerate(stack):
                image = Image.fromarray(one[..., 0] if grey else one)
                image.save(given / f"{index}.{rng.choice(['png', 'bmp', 'tif', 'ppm'])}")
        compare(inputs.pair(given), expected, how)
        assert (form == before).all()


@pytest.mark.parametrize("seed", range(4))
def test_equal_maps_in_many_forms(seed, tmp_path):
    rng = np.random.default_rng(100 + seed)
    for number in range(ROUNDS // 4):
        stack = rng.integers(-50, 50, (3, *rng.integers(5, 16, 2), 3)).astype(np.float32)
        how = preparation(rng)
        form = layout(MAP_TYPES[rng.integers(len(MAP_TYPES))](stack), rng)
        if rng.random() < 0.3:  # as clouds of points
            stack = stack.reshape(3, -1, 3)
            points = (form if form.shape[3] == 3 else np.moveaxis(form, 1, 3)).reshape(3, -1, 3)
            given = list(points) if rng.integers(2) else as_files(points, rng, tmp_path / str(number))
        elif (container := rng.integers(len(CONTAINERS) + 1)) < len(CONTAINERS):
            given = CONTAINERS[container](form, rng)
        else:
            given = as_files(form, rng, tmp_path / str(number))
            given = given if rng.integers(2) else tmp_path / str(number)
        before = form.copy()
        compare(inputs.pair(pcd=given), list(inputs.prepare(inputs.pair(pcd=list(stack)), how, threads=1)), how)
        assert (form == before).all()


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
        for given in (floating, list(floating), tensor(floating), depth[..., None], folder):
            compare(inputs.pair(pcd=given, intrinsics=torch.tensor(camera, dtype=torch.float64)), expected, how)
        compare(inputs.pair(pcd=whole), expected, how)
