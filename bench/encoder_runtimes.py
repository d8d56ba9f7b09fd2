"""Time networks in torch and in OpenVINO against what the published code does, after a check.

    python -m bench.encoder_runtimes [--precision float32]

The published code runs them in torch and float32, with an image or scan at a time. ``--precision``
is that of ours; "auto" is bfloat16 on a CPU that has it. ViT-B/8 and Point-MAE have random weights.
One image or scan at once is what a line waits for; eight images are what a set is encoded in.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from bench.baselines.point_mae import point_mae as published_point_mae
from bench.clouds import surface
from musc2 import encoders
from musc2.cloud import center_points
from musc2.encoders.contract import PRECISIONS, matmul_dtype
from musc2.encoders.point_mae import PointMAE, PointTransformer
from musc2.stages.group import group_clouds

ROUNDS = 5
# The most that tokens may differ from those of the published code, relative to their norm.
MOST_IN_FLOAT32, MOST_IN_HALF = 1e-4, 0.05


@dataclass(frozen=True, kw_only=True)
class Network:
    """An encoder in float32, how to run it, and the published code on the same inputs."""

    encoder: Any
    encode: Callable[[Any], torch.Tensor]
    published: Callable[[], torch.Tensor]


def efficientnet_lite(count: int) -> Network:
    return _of_images(encoders.load("efficientnet-lite0"), _images(count, 448))


def vit_b8(count: int) -> Network:
    import transformers

    torch.manual_seed(0)
    config = transformers.ViTConfig(patch_size=8, image_size=224)
    with tempfile.TemporaryDirectory() as folder:
        transformers.ViTModel(config).eval().save_pretrained(folder)
        return _of_images(encoders.load(folder), _images(count, 224))


def point_mae(_: int) -> Network:
    torch.manual_seed(0)
    network = PointTransformer().eval().requires_grad_(False)
    cloud, groups = group_clouds([torch.from_numpy(surface(20_000))])[0]
    centers = center_points([cloud])
    return Network(
        encoder=PointMAE(network=network),
        encode=lambda encoder: encoder.encode(cloud, groups),
        published=lambda: published_point_mae(network, groups.neighborhood, centers),
    )


def row(name: str, count: int, prepare: Callable[[int], Network], precision: str) -> str:
    """Return a line of the table: medians of alternating calls, per image or scan."""
    network = prepare(count)
    own = replace(network.encoder, precision=precision)
    sides = {
        "published": network.published,
        "torch": lambda: network.encode(own),
        "openvino": lambda: network.encode(own.with_runtime("openvino")),
    }
    expected = network.published()
    differences = [_difference(sides[side](), expected) for side in ("torch", "openvino")]
    is_float32 = matmul_dtype("bench", precision, torch.device("cpu")) == torch.float32
    most = MOST_IN_FLOAT32 if is_float32 else MOST_IN_HALF
    assert max(differences) < most, f"{name}: the tokens differ by {differences} of their norm"
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, call in sides.items():
            times[side].append(_seconds(call))
    published, *ours = (1e3 * statistics.median(own) / count for own in times.values())
    cells = [f"{published:.0f}", *(f"{ms:.0f} | {published / ms:.2f}" for ms in ours)]
    return f"| {name} | {count} | {' | '.join(cells)} | {max(differences):.1g} |"


def _of_images(encoder: Any, images: torch.Tensor) -> Network:
    def one_by_one() -> torch.Tensor:
        return torch.cat([encoder.encode(image[None]).tokens for image in images])

    return Network(
        encoder=encoder,
        encode=lambda own: own.encode(images).tokens,
        published=one_by_one,
    )


def _images(count: int, side: int) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def _difference(tokens: torch.Tensor, expected: torch.Tensor) -> float:
    return float((tokens - expected).norm() / expected.norm())


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Time networks in torch and in OpenVINO.")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    precision = parser.parse_args().precision
    print(f"{torch.get_num_threads()} threads, {precision}, ms for an image or scan")
    print("| network | at once | published | torch | ratio | OpenVINO | ratio | tokens differ by |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for count in (1, 8):
        print(row("efficientnet-lite0, 448", count, efficientnet_lite, precision), flush=True)
        print(row("ViT-B/8, 224", count, vit_b8, precision), flush=True)
    print(row("Point-MAE, 1,024 groups", 1, point_mae, precision))


if __name__ == "__main__":
    main()
