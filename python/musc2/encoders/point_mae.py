"""Point-MAE: a point transformer, with the parameter names of its public checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from musc2.cloud import Cloud
from musc2.encoders import contract
from musc2.encoders._checkpoints import fetching, weights
from musc2.encoders.contract import PUBLISHED_DEFAULTS, Modality, Pretrained, TokenDefaults
from musc2.errors import InputError
from musc2.ops import Groups

NAMES = {"point-mae": "Point-MAE, a point transformer: tokens of 384 numbers per point group"}
URL = "https://github.com/Pang-Yatian/Point-MAE/releases/download/main/pretrain.pth"
FILE = "pointmae_pretrain.pth"
STATISTICS = ("sample", "running")
WIDTH, DEPTH, HEADS, TAPPED = 384, 12, 6, (3, 7, 11)
# What the checkpoint holds beside the encoder: the decoder of its training.
_ASIDE = ("MAE_decoder.", "decoder_pos_embed.", "mask_token", "increase_dim.", "cls_token", "cls_pos", "lm_head.")


class Tokenizer(nn.Module):
    """Groups (G, M, 3) -> one token per group (G, 384): a PointNet shared by all points."""

    def __init__(self) -> None:
        super().__init__()
        self.first_conv = nn.Sequential(nn.Conv1d(3, 128, 1), nn.BatchNorm1d(128), nn.ReLU(), nn.Conv1d(128, 256, 1))
        self.second_conv = nn.Sequential(
            nn.Conv1d(512, 512, 1), nn.BatchNorm1d(512), nn.ReLU(), nn.Conv1d(512, WIDTH, 1)
        )

    def forward(self, groups: torch.Tensor, statistics: str) -> torch.Tensor:
        first: Any = self.first_conv
        second: Any = self.second_conv
        points = _per_point(first[3], _normed(first[1], _per_point(first[0], groups), statistics).relu())
        # The wide layer takes (maximum of the group, point); what the first half gives is the same for a whole group.
        common, own = torch.split(second[0].weight.squeeze(-1), 256, dim=1)
        wide = F.linear(points, own) + F.linear(points.amax(1), common, second[0].bias)[:, None]
        return _per_point(second[3], _normed(second[1], wide, statistics).relu()).amax(1)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self.qkv(x).view(len(x), 3, HEADS, -1).permute(1, 2, 0, 3)
        # With a batch dimension: the fused kernels take four dimensions only.
        found = F.scaled_dot_product_attention(query[None], key[None], value[None])[0]
        out: torch.Tensor = self.proj(found.transpose(0, 1).flatten(1))
        return out


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = Perceptron()
        self.attn = Attention()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        out: torch.Tensor = x + self.mlp(self.norm2(x))
        return out


class Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(DEPTH)])


class PointTransformer(nn.Module):
    """Groups (G, M, 3) with centers (G, 3) -> (3, G, 384): blocks 3, 7 and 11, each through the final norm."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Tokenizer()
        self.pos_embed = nn.Sequential(nn.Linear(3, 128), nn.GELU(), nn.Linear(128, WIDTH))
        self.blocks = Blocks()
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, groups: torch.Tensor, centers: torch.Tensor, statistics: str) -> torch.Tensor:
        x, positions = self.encoder(groups, statistics), self.pos_embed(centers)
        found = []
        for number, block in enumerate(self.blocks.blocks):
            x = block(x + positions)  # before every block, as in its training
            if number in TAPPED:
                found.append(self.norm(x))
        return torch.stack(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class PointMAE(Pretrained):
    """The network and what its tokens depend on; ``dataclasses.replace(encoder, statistics="running")`` is a variant.

    statistics: "sample" takes the batch norms' mean and variance from the one sample, as the published figures do;
    "running" those that training left.
    """

    network: PointTransformer
    statistics: str = "sample"
    precision: str = "float32"
    name: str = "point-mae"
    token_defaults: TokenDefaults = PUBLISHED_DEFAULTS
    modality: Modality = "points"

    def __post_init__(self) -> None:
        if self.statistics not in STATISTICS:
            msg = f"PointMAE: statistics must be one of {', '.join(STATISTICS)}, got {self.statistics!r}"
            raise InputError(msg)

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """A cloud and the groups of its centers -> (3, G, 384) float32, on the network's device."""
        contract.check_groups("encode", cloud, groups)
        device = next(self.network.parameters()).device
        dtype = contract.chosen_precision("encode", self.precision, device)
        centers = cloud.points[cloud.centers].to(device)
        with torch.no_grad(), contract.computing_in(dtype, device):
            tokens: torch.Tensor = self.network(groups.neighborhood.to(device), centers, self.statistics)
        return tokens.float()


def find(name: str, path: Path | None) -> Path | None:
    """The checkpoint on this machine: the given one or the one that was fetched."""
    own = fetching.cache_folder() / name / FILE
    return path if path is not None else own if own.is_file() else None


def fetch(name: str) -> Path:
    """Downloads the public checkpoint into musc2's cache."""
    return fetching.fetch_file(URL, fetching.cache_folder() / name / FILE)


def load(name: str, *, weights: Path | None, download: bool, device: str, precision: str) -> PointMAE:
    """As ``musc2.encoders.load``."""
    path = find(name, weights) or (fetch(name) if download else None)
    if path is None:
        raise fetching.not_here(name, URL)
    return PointMAE(network=_network(name, path).to(device), precision=precision)


def _network(name: str, path: Path) -> PointTransformer:
    state = weights.without_prefixes(weights.read(path), ("module.", "base_model.", "MAE_encoder."))
    state = {key: value for key, value in state.items() if not key.startswith(_ASIDE)}
    network = PointTransformer()
    found, wanted = ({key: tuple(value.shape) for key, value in x.items()} for x in (state, network.state_dict()))
    weights.check_keys(name, found, wanted)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def _per_point(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """A convolution of width 1 as the matrix product that it is, over the last dimension."""
    return F.linear(x, layer.weight.squeeze(-1), layer.bias)


def _normed(norm: Any, x: torch.Tensor, statistics: str) -> torch.Tensor:
    """Batch norm over all points of all groups; never touches the running statistics."""
    flat = x.flatten(0, 1)
    if statistics == "running":
        mean, variance = norm.running_mean, norm.running_var
    else:  # F.batch_norm would find them too, with ten times the rounding error in this layout
        variance, mean = torch.var_mean(flat.float(), dim=0, correction=0)
    return F.batch_norm(flat, mean, variance, norm.weight, norm.bias, eps=norm.eps).view_as(x)
