"""Histograms of surface shape as point tokens: no weights, learned from the unlabelled set itself.

They describe three sizes of neighborhood around each center: how much normals vary and where they
lean, and how heights and local flatness are spread. Rotating a part together with the sensor, or
scaling it, changes nothing.
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

NAMES = {
    "shape": "built in, no weights: histograms of normals, heights and flatness around each center"
}
SCALES = (64, 128, 256)
MAX_CLOUDS = 40  # that fit uses
RANKS = {"matrix": 2, "offset": 1}


def load(
    name: str,
    *,
    weights: Path | None = None,
    download: bool = False,
    device: str = "cpu",
    precision: str = "float32",
) -> Shape:
    """Return an encoder that runs on the CPU in float32, whatever device and precision are."""
    learned.refuse_weights(name, weights)
    return Shape()


class Shape:
    """Encode a point group as 96 numbers.

    sensor: the direction that normals are turned to, see ``ops.point_normals``.
    """

    name = "shape"
    modality: Modality = "points"
    learns = True
    token_defaults = TokenDefaults(normalize=False, degrees=(1,), rescore=False)

    def __init__(
        self, *, channels: int = 96, sensor: tuple[float, float, float] = (0.0, 0.0, -1.0)
    ) -> None:
        self._channels = channels
        self._sensor = sensor
        self._state: dict[str, torch.Tensor] = {}

    def state(self) -> dict[str, torch.Tensor]:
        """Return what ``fit`` learned."""
        return dict(self._state)

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Set what ``state`` returned."""
        self._state = learned.check_state(self.name, state, RANKS)

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """Return tokens (1, G, C); of ``groups`` only the centers matter, not the neighborhoods."""
        if not self._state:
            raise learned.not_fitted(self.name)
        check_groups(self.name, cloud, groups)
        rows = self._histograms(cloud).flatten(1)
        return project_tokens(rows, self._state["matrix"], self._state["offset"])[None]

    def fit(self, clouds: Sequence[Cloud], *, seed: int = 0) -> None:
        """Learn scales and principal axes from at most 40 of the clouds."""
        if len(clouds) == 0:
            msg = f"{self.name}: fit needs at least one cloud, got none"
            raise InputError(msg)
        generator = torch.Generator().manual_seed(seed)
        with threads.one_thread():
            chosen = learned.sample_indices(len(clouds), MAX_CLOUDS, generator)
            share = -(-learned.MAX_TOKENS // len(chosen))
            samples = []
            for index in chosen:
                histograms = self._histograms(clouds[index])
                samples.append(learned.sample_rows(histograms, share, generator))
            self._learn_projection(torch.cat(samples))

    def _learn_projection(self, rows: torch.Tensor) -> None:
        """Balance the scales and keep the principal axes of rows (T, scales, 38)."""
        mean = rows.mean(0)
        norms = [learned.root_mean_norm(block, 1e-6) for block in (rows - mean).unbind(1)]
        scale = torch.stack([torch.tensor(1 / norm) for norm in norms])
        scale = scale[:, None].expand_as(mean).flatten()
        _, axes = learned.principal_axes((rows - mean).flatten(1) * scale, self._channels)
        matrix = scale[:, None] * axes
        self._state = {"matrix": matrix, "offset": -mean.flatten() @ matrix}

    def _histograms(self, cloud: Cloud) -> torch.Tensor:
        """Return the square roots of the histograms, (G, scales, 38)."""
        normals, variation = point_normals(cloud.points, sensor=self._sensor)
        histograms = group_histograms(
            cloud.points, normals, variation, cloud.centers, scales=SCALES
        )
        return histograms.sqrt_()
