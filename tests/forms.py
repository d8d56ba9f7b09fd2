"""Convert images and maps to random types, layouts and containers, as arrays and as files."""

import numpy as np
import tifffile
import torch
from PIL import Image


class Exported:
    """An array that exports DLPack and nothing else."""

    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


class Arrayed:
    """An array with ``__array__`` and nothing else."""

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
    """Return equal values: channels last or first, C or Fortran order, reversed, read-only."""
    if rng.random() < 0.5:
        stack = np.moveaxis(stack, 3, 1)
    memory = rng.integers(4)
    if memory == 0:
        stack = np.ascontiguousarray(stack)
    elif memory == 1:
        stack = np.asfortranarray(stack)
    elif memory == 2:
        stack = stack[:, :, ::-1].copy()[:, :, ::-1]
    else:
        stack = np.repeat(stack, 2, axis=2)[:, :, ::2]
    stack.setflags(write=bool(rng.integers(2)))
    return stack


def tensor(array):
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))


def channels_last(stack):
    return (
        tensor(stack).contiguous(memory_format=torch.channels_last)
        if stack.ndim == 4
        else tensor(stack)
    )


LISTS = [
    lambda stack, rng: list(stack),
    lambda stack, rng: tuple(tensor(values) for values in stack),
    lambda stack, rng: [Exported(tensor(values)) for values in stack],
    lambda stack, rng: [tensor(values) if rng.integers(2) else Arrayed(values) for values in stack],
]
CONTAINERS = [
    lambda stack, rng: stack,
    lambda stack, rng: tensor(stack),
    lambda stack, rng: channels_last(stack),
    lambda stack, rng: Arrayed(stack),
    lambda stack, rng: Exported(tensor(stack)),
    *LISTS,
]


def as_files(stack, rng, folder):
    """Write npy, npz and tiff files at random and return their paths."""
    folder.mkdir()
    for index, values in enumerate(stack):
        kind = rng.integers(3)
        if kind == 0:
            np.save(folder / f"{index}.npy", values)
        elif kind == 1:
            np.savez(folder / f"{index}.npz", values)
        else:
            kind = {"photometric": "rgb" if values.ndim == 3 else "minisblack"}
            if values.ndim == 3 and values.shape[2] != 3:
                kind["planarconfig"] = "separate"
            tifffile.imwrite(
                folder / f"{index}.tiff", np.ascontiguousarray(values), metadata=None, **kind
            )
    return sorted(folder.iterdir())


def of_images(stack, rng, folder):
    """stack: (N, H, W, 3) uint8 -> an equal argument, and the array in it or None."""
    gray = (stack == stack[..., :1]).all()
    form = layout(IMAGE_TYPES[rng.integers(len(IMAGE_TYPES))](stack), rng)
    if gray and rng.random() < 0.5:
        form = form[:, 0] if form.shape[1] == 3 else form[..., 0]
    container = rng.integers(len(CONTAINERS) + 3)
    if container < len(CONTAINERS):
        return CONTAINERS[container](form, rng), form
    if container == len(CONTAINERS):
        return as_files(form, rng, folder), form
    if container == len(CONTAINERS) + 1:
        return [
            Image.fromarray(values).convert(rng.choice(["RGB", "RGBA"])) for values in stack
        ], None
    folder.mkdir()
    for index, values in enumerate(stack):
        image = Image.fromarray(values[..., 0] if gray else values)
        image.save(folder / f"{index}.{rng.choice(['png', 'bmp', 'tif', 'ppm'])}")
    return folder, None


def of_maps(stack, rng, folder):
    """stack: (N, H, W, 3) float32, whole numbers -> an equal argument, and the array in it."""
    form = layout(MAP_TYPES[rng.integers(len(MAP_TYPES))](stack), rng)
    if (container := rng.integers(len(CONTAINERS) + 1)) < len(CONTAINERS):
        return CONTAINERS[container](form, rng), form
    files = as_files(form, rng, folder)
    return (files if rng.integers(2) else folder), form


def of_clouds(stack, rng, folder):
    """stack: (N, P, 3) float32, whole numbers -> an equal argument, and the array in it."""
    form = layout(MAP_TYPES[rng.integers(len(MAP_TYPES))](stack)[:, None], rng)
    form = form[:, 0] if form.shape[3] == 3 else form[:, :, 0].swapaxes(1, 2)
    if (container := rng.integers(len(LISTS) + 1)) < len(LISTS):
        return LISTS[container](form, rng), form
    return as_files(form, rng, folder), form
