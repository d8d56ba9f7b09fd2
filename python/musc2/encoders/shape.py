"""Histograms of surface shape as point tokens: no weights, learned from the unlabelled set itself.

Around each center, at three sizes of neighborhood: how much normals vary, where they lean, how heights and local
flatness are spread. Turning a part or scaling it changes nothing, as long as the sensor is turned along.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from musc2.cloud import Cloud
from musc2.encoders import learned
from musc2.encoders.contract import Modality, TokenDefaults, check_groups
from musc2.errors import InputError
from musc2.ops import Groups, group_histograms, point_normals, project_tokens
from musc2.ops._support import threads

NAMES = {"shape": "built in, no weights: histograms of normals, heights and flatness around each center"}
SCALES = (64, 128, 256)
MOST_CLOUDS = 40  # that fit looks at
RANKS = {"matrix": 2, "offset": 1}


def load(
    name: str, *, weights: Path | None = None, download: bool = False, device: str = "cpu", precision: str = "float32"
) -> Shape:
    """Made for the CPU and float32; other devices and precisions change nothing."""
    learned.refuse_weights(name, weights)
    return Shape()


class Shape:
    """96 numbers per point group. ``sensor``: the direction that normals are turned to; see ``ops.point_normals``."""

    name = "shape"
    modality: Modality = "points"
    learns = True
    token_defaults = TokenDefaults(normalize=False, degrees=(1,), rescore=False)

    def __init__(self, *, channels: int = 96, sensor: tuple[float, float, float] = (0.0, 0.0, -1.0)) -> None:
        self._channels, self._sensor = channels, sensor
        self._state: dict[str, torch.Tensor] = {}

    def state(self) -> dict[str, torch.Tensor]:
        return dict(self._state)

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        self._state = learned.taken_back(self.name, state, RANKS)

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """-> (1, G, C). The neighborhoods are the encoder's own; of the groups only the centers matter."""
        if not self._state:
            raise learned.unfitted(self.name)
        check_groups(self.name, cloud, groups)
        rows = self._histograms(cloud).flatten(1)
        return project_tokens(rows, self._state["matrix"], self._state["offset"])[None]

    def fit(self, clouds: Sequence[Cloud], *, seed: int = 0) -> None:
        """Of more than 40 clouds, 40 are looked at."""
        if len(clouds) == 0:
            msg = f"{self.name}: fit needs at least one cloud, got none"
            raise InputError(msg)
        generator = torch.Generator().manual_seed(seed)
        with threads.one_thread():
            chosen = [clouds[i] for i in learned.some(len(clouds), MOST_CLOUDS, generator)]
            share = -(-learned.MOST_TOKENS // len(chosen))
            rows = torch.cat([learned.some_rows(self._histograms(cloud), share, generator) for cloud in chosen])
            mean = rows.mean(0)
            scale = torch.stack(
                [torch.tensor(1 / learned.root_mean_norm(block, 1e-6)) for block in (rows - mean).unbind(1)]
            )
            scale = scale[:, None].expand_as(mean).flatten()
            _, axes = learned.principal_axes((rows - mean).flatten(1) * scale, self._channels)
            matrix = scale[:, None] * axes
            self._state = {"matrix": matrix, "offset": -mean.flatten() @ matrix}

    def _histograms(self, cloud: Cloud) -> torch.Tensor:
        """(G, scales, 38), square roots."""
        normals, variation = point_normals(cloud.points, sensor=self._sensor)
        return group_histograms(cloud.points, normals, variation, cloud.centers, scales=SCALES).sqrt_()
