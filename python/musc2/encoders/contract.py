"""The protocols of encoders, and the checks that encoders share."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import torch

from musc2 import _forks, checks
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.errors import DeviceError
from musc2.ops import Groups
from musc2.ops._support import dispatch
from musc2.torch_state import exact_float32

Modality = Literal["image", "points"]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
PRECISIONS = (*_DTYPES, "auto")
CAST_LAYERS = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d)  # autocast casts their weights


@dataclass(frozen=True, kw_only=True)
class TokenDefaults:
    """Recommended normalization, aggregation and re-scoring for an encoder's tokens.

    A Config can override each of them.
    """

    normalize: bool  # scale features to length 1
    degrees: tuple[int, ...]  # of the neighborhood aggregation; (1,) is none
    rescore: bool = True  # whether salient tokens tell which samples are alike
    layer_fusion: str = "balanced"  # "highest" for layers that see defects of different sizes

    def override(self, config: Config) -> TokenDefaults:
        """Return the defaults with the fields that ``config`` sets."""
        normalize, degrees = config.aggregate_normalize, config.aggregate_degrees
        return TokenDefaults(
            normalize=self.normalize if normalize is None else normalize,
            degrees=self.degrees if degrees is None else degrees,
            rescore=self.rescore if config.rescore is None else config.rescore,
            layer_fusion=config.layer_fusion or self.layer_fusion,
        )


PUBLISHED_DEFAULTS = TokenDefaults(normalize=True, degrees=(1, 3, 5))
"""The values of the published methods, for networks, callables and tokens of your own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageTokens:
    """The tokens of B images.

    tokens: (B, layers, h, w, C) float32; class_tokens: (B, D) float32, one per image, or None.
    """

    tokens: torch.Tensor
    class_tokens: torch.Tensor | None = None


class Pretrained:
    """The members that networks and callables share: they learn nothing from the set.

    image_scale: images are this many times as large, on each side, as the maps of their scores.
    images_on_gpu: whether ``encode`` takes images that are on the network's GPU already.
    """

    learns = False
    image_scale = 1
    images_on_gpu = False

    def fit(self, samples: Sequence[Any], *, seed: int = 0) -> None:
        """Do nothing."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return an empty state."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Do nothing."""


class Encoder(Protocol):
    """The members that image and point encoders have in common.

    If ``learns`` is True, ``score`` calls ``fit`` of a copy, so that an encoder that was passed to
    it never changes. Else it never calls ``fit``, and reads no sample for it.
    """

    @property
    def name(self) -> str:
        """Return the name for results and errors."""

    @property
    def modality(self) -> Modality:
        """Return "image" or "points"."""

    @property
    def token_defaults(self) -> TokenDefaults:
        """Return how the tokens are best compared."""

    @property
    def learns(self) -> bool:
        """Return whether ``fit`` learns from the unlabelled set."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return what ``fit`` learned; empty for networks."""

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Set what ``state`` returned, instead of calling ``fit``."""


class ImageEncoder(Encoder, Protocol):
    """Turn images into tokens."""

    @property
    def size(self) -> int:
        """Return the side in pixels that images are resized to by default."""

    @property
    def resample(self) -> str:
        """Return the interpolation of that resize, "bicubic" or "bilinear"."""

    @property
    def patch(self) -> int:
        """Return the number that both sides of an image must be a multiple of."""

    def fit(self, images: Sequence[torch.Tensor], *, seed: int = 0) -> None:
        """Learn from the unlabelled set; images: (3, H, W) float32 in [0, 1] each."""

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """Return the tokens of images (B, 3, H, W) float32 in [0, 1].

        The mean and deviation that a network was trained with are applied here.
        """


@runtime_checkable
class BlockEncoder(Protocol):
    """An image encoder whose tokens come from chosen blocks of a network."""

    @property
    def blocks(self) -> tuple[int, ...]:
        """Return the blocks, counted from 0, rising."""

    def with_blocks(self, blocks: tuple[int, ...]) -> ImageEncoder:
        """Return a variant that takes its tokens from other blocks and shares the weights."""


@runtime_checkable
class NormEncoder(Protocol):
    """An image encoder whose patch tokens pass through a final norm, or do not."""

    def with_final_norm(self, final_norm: bool) -> ImageEncoder:
        """Return a variant with the final norm or without it that shares the weights."""


@runtime_checkable
class RuntimeEncoder(Protocol):
    """An encoder whose network runs in torch or in OpenVINO."""

    @property
    def runtime(self) -> str:
        """Return "torch" or "openvino"."""

    def with_runtime(self, runtime: str) -> Any:
        """Return a variant that runs in ``runtime`` and shares the weights."""


class PointEncoder(Encoder, Protocol):
    """Turn the point groups of a cloud into tokens."""

    def fit(self, clouds: Sequence[Cloud], *, seed: int = 0) -> None:
        """Learn from the unlabelled set."""

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """Return tokens (layers, G, C) float32 of the G groups of a cloud.

        ``groups`` are ``group_points(cloud.points, cloud.centers)``, on the GPU if ``score`` works
        there.
        """


@runtime_checkable
class BatchPointEncoder(Protocol):
    """A point encoder that encodes many clouds at once, which pays on a GPU."""

    @property
    def device(self) -> torch.device:
        """Return where the network is."""

    def encode_batch(self, clouds: Sequence[Cloud], groups: Sequence[Groups]) -> torch.Tensor:
        """Return tokens (B, layers, G, C) of clouds with equally many groups."""


def check_images(op: str, images: torch.Tensor, patch: int) -> torch.Tensor:
    """Return ``images`` if they are (B, 3, H, W) finite float32 with sides that patches fill.

    Values on a GPU are not read, which would wait for it.
    """
    if not isinstance(images, torch.Tensor) or images.dtype != torch.float32:
        got = str(images.dtype) if isinstance(images, torch.Tensor) else type(images).__name__
        checks.refuse(op, "images", "must be a float32 tensor", got)
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        checks.refuse(op, "images", "must have shape (B, 3, H, W)", tuple(images.shape))
    if images.shape[2] % patch or images.shape[3] % patch:
        requirement = f"must have sides that are multiples of {patch}"
        checks.refuse(op, "images", requirement, tuple(images.shape[2:]))
    if not images.is_cuda and not bool(torch.isfinite(images).all()):
        checks.refuse(op, "images", "must be finite", "NaN or infinity")
    return images


def check_groups(op: str, cloud: Cloud, groups: Groups) -> None:
    """Raise unless there is a group for each of the cloud's centers."""
    count = len(cloud.centers)
    if groups.neighborhood.ndim != 3 or len(groups.neighborhood) != count:
        requirement = f"must be those of the cloud's {count} centers"
        got = f"a neighborhood of shape {tuple(groups.neighborhood.shape)}"
        checks.refuse(op, "groups", requirement, got)


def usable_device(op: str, device: str | torch.device) -> torch.device:
    """Return the device that ``device`` names; "auto" is CUDA if torch sees a GPU, else the CPU."""
    if str(device) == "auto":
        return _best_device()
    requirement = 'must be "auto", "cpu", "cuda" or "cuda:N"'
    try:
        usable = torch.device(device)
    except (RuntimeError, TypeError):
        checks.refuse(op, "device", requirement, repr(device))
    if usable.type not in ("cpu", "cuda"):
        checks.refuse(op, "device", requirement, repr(device))
    count = torch.cuda.device_count()
    if usable.type == "cuda" and (usable.index or 0) >= count:
        msg = f"{op}: device is {device}, and torch sees {count} CUDA devices"
        raise DeviceError(msg)
    return usable


def _best_device() -> torch.device:
    """Return the current GPU or, where it is too old for the kernels, the first that is not."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if torch.cuda.device_count() > 1 and dispatch.is_too_old(f"cuda:{torch.cuda.current_device()}"):
        for index in range(torch.cuda.device_count()):
            if not dispatch.is_too_old(f"cuda:{index}"):
                return torch.device("cuda", index)
    return torch.device("cuda")


def matmul_dtype(op: str, precision: str, device: torch.device) -> torch.dtype:
    """Return the type of matrix products; "auto" is a half type if the hardware has one."""
    checks.choice(op, "precision", precision, PRECISIONS)
    if precision in _DTYPES:
        return _DTYPES[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if dispatch.multiplies_bfloat16() else torch.float32


_cast: WeakKeyDictionary[torch.nn.Module, tuple[object, torch.nn.Module]] = WeakKeyDictionary()
_cast_lock = _forks.Lock()


def cast_once(
    network: torch.nn.Module,
    dtype: torch.dtype,
    layers: tuple[type[torch.nn.Module], ...] = CAST_LAYERS,
) -> Any:
    """Return the network with the weights of ``layers`` in ``dtype``; it is kept beside it.

    Autocast would cast frozen weights anew at every call, to the same values. All other parameters
    are shared.
    """
    if dtype == torch.float32:
        return network
    state = weights_state(network)
    with _cast_lock:
        kept = _cast.get(network)
        if kept is None or kept[0] != (dtype, state):
            kept = (dtype, state), _cast_copy(network, dtype, layers)
            _cast[network] = kept
        return kept[1]


def weights_state(network: torch.nn.Module) -> list[tuple[int, int]]:
    """Return what changes when the network's weights do."""
    return [
        (own.data_ptr(), 0 if own.is_inference() else own._version) for own in network.parameters()
    ]


def _cast_copy(
    network: torch.nn.Module, dtype: torch.dtype, layers: tuple[type[torch.nn.Module], ...]
) -> torch.nn.Module:
    shared: dict[int, Any] = {}
    for values in (*network.parameters(), *network.buffers()):
        shared[id(values)] = values
    for module in network.modules():
        if isinstance(module, layers):
            for own in module.parameters(recurse=False):
                cast = own.detach().to(dtype)
                shared[id(own)] = torch.nn.Parameter(cast, requires_grad=False)
    return copy.deepcopy(network, shared)


def autocast(dtype: torch.dtype, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return a context in which matrix products are of ``dtype``; norms and sums stay float32."""
    if dtype == torch.float32:
        return exact_float32() if device.type == "cuda" else contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)
