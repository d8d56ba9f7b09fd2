"""Histograms of surface shape as point tokens: no weights, learned from the unlabelled set itself.

They describe three sizes of neighborhood around each center: how much normals vary and where they
lean, and how heights and local flatness are spread. Rotating a part together with the sensor, or
scaling it, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import torch

from musc2._transfer import download, upload
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
OPS = ("point_normals", "group_histograms", "project_tokens")  # that ``encode`` runs


def load(
    name: str,
    *,
    weights: Path | None = None,
    download: bool = False,
    device: str = "cpu",
    precision: str = "float32",
) -> Shape:
    """Return an encoder that works on ``device`` in float32, whatever the precision is."""
    learned.refuse_weights(name, weights)
    return Shape(device=device)


class Shape:
    """Encode a point group as 96 numbers.

    sensor: the direction that normals are turned to, see ``ops.point_normals``.
    device: where it works: on the CPU also where a GPU has no kernels for it.
    """

    name = "shape"
    modality: Modality = "points"
    learns = True
    token_defaults = TokenDefaults(normalize=False, degrees=(1,), rescore=False)

    def __init__(
        self,
        *,
        channels: int = 96,
        sensor: tuple[float, float, float] = (0.0, 0.0, -1.0),
        device: str | torch.device = "cpu",
    ) -> None:
        self._channels = channels
        self._sensor = sensor
        self._device = learned.device_of(OPS, device)
        self._state: dict[str, torch.Tensor] = {}
        self._moved: dict[str, torch.Tensor] = {}  # the state, on the device

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"_moved": {}}

    @property
    def device(self) -> torch.device:
        """Return where it works."""
        return self._device

    def state(self) -> dict[str, torch.Tensor]:
        """Return what ``fit`` learned."""
        return dict(self._state)

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Set what ``state`` returned."""
        self._set_state(learned.check_state(self.name, state, RANKS))

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """Return tokens (1, G, C); of ``groups`` only the centers matter, not the neighborhoods."""
        return self.encode_batch([cloud], [groups])[0]

    def encode_batch(self, clouds: Sequence[Cloud], groups: Sequence[Groups]) -> torch.Tensor:
        """Return tokens (B, 1, G, C) of clouds with equally many groups."""
        if not self._state:
            raise learned.not_fitted(self.name)
        for cloud, own in zip(clouds, groups, strict=True):
            check_groups(self.name, cloud, own)
        rows = self._histograms(clouds).sqrt_().flatten(2)
        state = self._state_on_device()
        return project_tokens(rows, state["matrix"], state["offset"])[:, None]

    def fit(self, clouds: Sequence[Cloud], *, seed: int = 0) -> None:
        """Learn scales and principal axes from at most 40 of the clouds.

        The device does not matter: histograms have the same bits everywhere, and what is learned
        from them is computed on the CPU.
        """
        if len(clouds) == 0:
            msg = f"{self.name}: fit needs at least one cloud, got none"
            raise InputError(msg)
        generator = torch.Generator().manual_seed(seed)
        with threads.one_thread():
            chosen = learned.sample_indices(len(clouds), MAX_CLOUDS, generator)
            share = -(-learned.MAX_TOKENS // len(chosen))
            samples = []
            for index in chosen:
                histograms = self._histograms([clouds[index]])[0]
                rows = torch.tensor(learned.sample_indices(len(histograms), share, generator))
                samples.append(histograms[upload(rows, self._device)])
            self._learn_projection(torch.cat(download(*samples)).sqrt_())

    def _learn_projection(self, rows: torch.Tensor) -> None:
        """Balance the scales and keep the principal axes of rows (T, scales, 38)."""
        mean = rows.mean(0)
        norms = [learned.root_mean_norm(block, 1e-6) for block in (rows - mean).unbind(1)]
        scale = torch.stack([torch.tensor(1 / norm) for norm in norms])
        scale = scale[:, None].expand_as(mean).flatten()
        _, axes = learned.principal_axes((rows - mean).flatten(1) * scale, self._channels)
        matrix = scale[:, None] * axes
        self._set_state({"matrix": matrix, "offset": -mean.flatten() @ matrix})

    def _set_state(self, state: dict[str, torch.Tensor]) -> None:
        self._state, self._moved = state, {}

    def _state_on_device(self) -> dict[str, torch.Tensor]:
        """Return the state where the encoder works; the first time a GPU waits for its copy."""
        if not self._moved:
            # Not queued on the caller's stream, as an upload would be: others use the copy, too.
            self._moved = {name: own.to(self._device) for name, own in self._state.items()}
        return self._moved

    def _histograms(self, clouds: Sequence[Cloud]) -> torch.Tensor:
        """Return the histograms of clouds with equally many centers, (B, G, scales, 38)."""
        offsets = [0, *accumulate(len(cloud.points) for cloud in clouds)]
        points = upload(_joined([cloud.points for cloud in clouds]), self._device)
        centers = upload(torch.stack([cloud.centers for cloud in clouds]), self._device)
        normals, variation = point_normals(points, sensor=self._sensor, offsets=offsets)
        surface = (points, normals, variation)
        return group_histograms(*surface, centers, scales=SCALES, offsets=offsets)


def _joined(points: list[torch.Tensor]) -> torch.Tensor:
    return points[0] if len(points) == 1 else torch.cat(points)
