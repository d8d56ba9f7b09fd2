"""Which patch holds which groups, of all samples: docs/method/algorithm.md section 6."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch

from musc2 import ops
from musc2._transfer import upload
from musc2.cloud import Cloud
from musc2.ops import Links


def packed(
    clouds: Sequence[Cloud], grid: tuple[int, int], *, groups: int, device: torch.device
) -> Links:
    """Return patch and groups (N, G) and start (N, h * w + 1) of the centers of N clouds.

    The samples of one size take one call.
    """
    by_size: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for sample, cloud in enumerate(clouds):
        if cloud.size is not None:
            by_size[cloud.size].append(sample)
    links: list[Links] = []
    for size, samples in by_size.items():
        pixels = torch.cat([_center_pixels(clouds[sample]) for sample in samples])
        offsets = list(range(0, groups * len(samples) + 1, groups))
        own = ops.link_patches(upload(pixels, device), size=size, grid=grid, offsets=offsets)
        links.append(own)
    order = torch.tensor([sample for samples in by_size.values() for sample in samples])
    together = Links(
        torch.cat([own.patch for own in links]).reshape(-1, groups),
        torch.cat([own.start for own in links]),
        torch.cat([own.groups for own in links]).reshape(-1, groups),
    )
    return together if len(links) == 1 else of_samples(together, order.argsort())


def of_samples(links: Links, samples: torch.Tensor) -> Links:
    """Return the links of some of the samples."""
    if len(samples) == len(links.patch) and bool((samples.diff() == 1).all()):
        return links
    rows = upload(samples, links.patch.device)
    return Links(links.patch[rows], links.start[rows], links.groups[rows])


def _center_pixels(cloud: Cloud) -> torch.Tensor:
    return torch.zeros(0) if cloud.pixels is None else cloud.pixels[cloud.centers]
