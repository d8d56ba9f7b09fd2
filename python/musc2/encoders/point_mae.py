"""Point-MAE: a point transformer, with the parameter names of its public checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from musc2 import checks
from musc2._transfer import upload
from musc2.cloud import Cloud, center_points
from musc2.encoders import _runtimes, contract
from musc2.encoders._checkpoints import fetching, weights
from musc2.encoders._point_mae import WIDTH, Tokenizer
from musc2.encoders.contract import PUBLISHED_DEFAULTS, Modality, Pretrained, TokenDefaults
from musc2.ops import Groups

NAMES = {"point-mae": "Point-MAE, a point transformer: tokens of 384 numbers per point group"}
URL = "https://github.com/Pang-Yatian/Point-MAE/releases/download/main/pretrain.pth"
FILE = "pointmae_pretrain.pth"
STATISTICS = ("sample", "running")
DEPTH, HEADS = 12, 6
_TOKENIZER_VALUES = 1 << 28  # of the widest layer, for the clouds of a batch at once
BLOCKS = (3, 7, 11)  # whose outputs are the tokens
# Keys of the checkpoint that are not the encoder's: the decoder of its training and its heads.
_IGNORED_KEYS = (
    "MAE_decoder.",
    "decoder_pos_embed.",
    "mask_token",
    "increase_dim.",
    "cls_token",
    "cls_pos",
    "lm_head.",
)


class Attention(nn.Module):
    """Self-attention over the groups of each cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor, clouds: int) -> torch.Tensor:
        """Return what each group gathers from all of its cloud, (T, 384)."""
        groups = len(x) // clouds
        qkv = self.qkv(x).view(clouds, groups, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(*qkv)
        output: torch.Tensor = self.proj(heads.transpose(1, 2).reshape(len(x), -1))
        return output


class Perceptron(nn.Module):
    """The feed-forward half of a block."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of both layers."""
        output: torch.Tensor = self.fc2(F.gelu(self.fc1(x)))
        return output


class Block(nn.Module):
    """A transformer block with the norms before its halves."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = Perceptron()
        self.attn = Attention()

    def forward(self, x: torch.Tensor, clouds: int) -> torch.Tensor:
        """Return the tokens after both halves."""
        x = x + self.attn(self.norm1(x), clouds)
        output: torch.Tensor = x + self.mlp(self.norm2(x))
        return output


class Blocks(nn.Module):
    """The list of blocks, one level down as in the checkpoint's names."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(DEPTH)])


class PointTransformer(nn.Module):
    """A tokenizer and a transformer: groups (T, M, 3) and centers (T, 3) -> tokens (3, T, 384)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Tokenizer()
        self.pos_embed = nn.Sequential(nn.Linear(3, 128), nn.GELU(), nn.Linear(128, WIDTH))
        self.blocks = Blocks()
        self.norm = nn.LayerNorm(WIDTH)

    def forward(
        self, groups: torch.Tensor, centers: torch.Tensor, statistics: str, clouds: int = 1
    ) -> torch.Tensor:
        """Return the outputs of blocks 3, 7 and 11, each through the final norm.

        The T groups are those of ``clouds``, one after the other and equally many each.
        """
        of_cloud = len(groups) // clouds
        step = max(1, _TOKENIZER_VALUES // max(1, of_cloud * groups.shape[1] * 512))
        tokens: list[torch.Tensor] = []
        for start in range(0, clouds, step):
            count = min(step, clouds - start)
            part = groups[start * of_cloud : (start + count) * of_cloud]
            tokens.append(self.encoder(part, statistics, count))
        x = tokens[0] if len(tokens) == 1 else torch.cat(tokens)
        positions = self.pos_embed(centers)
        outputs = []
        for number, block in enumerate(self.blocks.blocks):
            x = block(x + positions, clouds)  # before every block, as in its training
            if number in BLOCKS:
                outputs.append(self.norm(x))
        return torch.stack(outputs)


@dataclass(frozen=True)
class _TokensOfClouds:
    """The tokens of the groups of so many clouds."""

    statistics: str
    clouds: int

    def __call__(
        self, network: PointTransformer, groups: torch.Tensor, centers: torch.Tensor
    ) -> tuple[torch.Tensor]:
        return (network(groups, centers, self.statistics, self.clouds),)


@dataclass(frozen=True, kw_only=True, eq=False)
class PointMAE(Pretrained):
    """The network and the statistics of its batch norms.

    statistics: "sample" takes mean and variance from the one sample, as the published results do;
    "running" takes those of training. ``dataclasses.replace(encoder, statistics="running")`` is a
    variant that shares the weights.
    """

    network: PointTransformer
    statistics: str = "sample"
    precision: str = "float32"
    runtime: str = "torch"
    name: str = "point-mae"
    token_defaults: TokenDefaults = PUBLISHED_DEFAULTS
    modality: Modality = "points"

    def __post_init__(self) -> None:
        checks.choice("PointMAE", "statistics", self.statistics, STATISTICS)

    def with_runtime(self, runtime: str) -> PointMAE:
        """Return a variant that runs in ``runtime`` and shares the weights."""
        return replace(self, runtime=runtime)

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """Return tokens (3, G, 384) float32 of a cloud's groups, on the network's device."""
        contract.check_groups("encode", cloud, groups)
        return self.encode_batch([cloud], [groups])[0]

    @property
    def device(self) -> torch.device:
        """Return where the network is."""
        return next(self.network.parameters()).device

    def encode_batch(self, clouds: Sequence[Cloud], groups: Sequence[Groups]) -> torch.Tensor:
        """Return tokens (B, 3, G, 384) of clouds with equally many groups.

        The statistics of a batch norm are those of each cloud alone.
        """
        for cloud, own in zip(clouds, groups, strict=True):
            contract.check_groups("encode", cloud, own)
        device = self.device
        dtype = contract.matmul_dtype("encode", self.precision, device)
        centers = upload(center_points(clouds), device)
        neighborhoods = [own.neighborhood for own in groups]
        points = neighborhoods[0] if len(groups) == 1 else torch.cat(neighborhoods)
        (tokens,) = _runtimes.run(
            _TokensOfClouds(self.statistics, len(clouds)),
            self.network,
            (upload(points, device), centers),
            runtime=self.runtime,
            dtype=dtype,
            any_batch=False,
        )
        layers, _, width = tokens.shape
        of_clouds: torch.Tensor = tokens.float().view(layers, len(clouds), -1, width)
        return of_clouds.transpose(0, 1)


def find(name: str, path: Path | None) -> Path | None:
    """Return the checkpoint on this machine: ``path``, or the one that was fetched."""
    if path is not None:
        return path
    fetched = fetching.cache_folder() / name / FILE
    return fetched if fetched.is_file() else None


def file_name(name: str) -> str:
    """Return the name of the file in musc2's cache."""
    return FILE


def fetch(name: str) -> Path:
    """Download the public checkpoint into musc2's cache."""
    return fetching.fetch_file(URL, fetching.cache_folder() / name / FILE)


def load(
    name: str, *, weights: Path | None, download: bool, device: str, precision: str
) -> PointMAE:
    """Return the encoder, see ``musc2.encoders.load``."""
    path = find(name, weights)
    if path is None and download:
        path = fetch(name)
    if path is None:
        raise fetching.missing_weights(name, URL)
    fetching.check_recorded_hash(path)
    return PointMAE(network=_network(name, path).to(device), precision=precision)


def _network(name: str, path: Path) -> PointTransformer:
    prefixes = ("module.", "base_model.", "MAE_encoder.")
    state = weights.without_prefixes(weights.read(path), prefixes)
    state = {key: value for key, value in state.items() if not key.startswith(_IGNORED_KEYS)}
    network = PointTransformer()
    weights.check_keys(name, weights.shapes(state), weights.shapes(network.state_dict()))
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)
