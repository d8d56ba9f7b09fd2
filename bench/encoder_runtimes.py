"""Time networks in OpenVINO against the same networks in torch, after a check of their tokens.

    python -m bench.encoder_runtimes

ViT-B/8 and Point-MAE have random weights. One image or scan at a time is what a line waits for;
eight images are what a set is encoded in.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch

from bench.clouds import surface
from musc2 import encoders
from musc2.encoders.point_mae import PointMAE, PointTransformer
from musc2.stages.group import group_clouds

ROUNDS = 5


def efficientnet_lite(count: int) -> tuple[Any, tuple[Any, ...]]:
    return encoders.load("efficientnet-lite0"), (_images(count, 448),)


def vit_b8(count: int) -> tuple[Any, tuple[Any, ...]]:
    import transformers

    torch.manual_seed(0)
    config = transformers.ViTConfig(patch_size=8, image_size=224)
    with tempfile.TemporaryDirectory() as folder:
        transformers.ViTModel(config).eval().save_pretrained(folder)
        return encoders.load(folder), (_images(count, 224),)


def point_mae(_: int) -> tuple[Any, tuple[Any, ...]]:
    torch.manual_seed(0)
    network = PointTransformer().eval().requires_grad_(False)
    points = torch.from_numpy(surface(20_000))
    return PointMAE(network=network), group_clouds([points])[0]


def tokens(encoded: Any) -> torch.Tensor:
    return encoded if isinstance(encoded, torch.Tensor) else encoded.tokens


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def row(name: str, count: int, prepare: Callable[[int], tuple[Any, tuple[Any, ...]]]) -> str:
    """Return a line of the table: medians of alternating calls, per image or scan."""
    in_torch, inputs = prepare(count)
    in_openvino = in_torch.with_runtime("openvino")
    expected = tokens(in_torch.encode(*inputs))
    first = seconds(lambda: in_openvino.encode(*inputs))
    difference = (tokens(in_openvino.encode(*inputs)) - expected).norm() / expected.norm()
    assert difference < 1e-4, f"{name}: the tokens differ by {difference:.2g} of their norm"
    times: dict[str, list[float]] = {"torch": [], "openvino": []}
    for _ in range(ROUNDS):
        times["torch"].append(seconds(lambda: in_torch.encode(*inputs)))
        times["openvino"].append(seconds(lambda: in_openvino.encode(*inputs)))
    torch_ms, openvino_ms = (1e3 * statistics.median(own) / count for own in times.values())
    ratio = torch_ms / openvino_ms
    cells = (f"{torch_ms:.0f}", f"{openvino_ms:.0f}", f"{ratio:.2f}", f"{difference:.1g}")
    return f"| {name} | {count} | {' | '.join(cells)} | {first:.1f} |"


def _images(count: int, side: int) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def main() -> None:
    print(f"{torch.get_num_threads()} threads, float32, ms for an image or scan")
    print("| network | at once | torch | OpenVINO | ratio | difference | first call, s |")
    print("|---|---|---|---|---|---|---|")
    for count in (1, 8):
        print(row("efficientnet-lite0, 448", count, efficientnet_lite), flush=True)
        print(row("ViT-B/8, 224", count, vit_b8), flush=True)
    print(row("Point-MAE, 1,024 groups", 1, point_mae))


if __name__ == "__main__":
    main()
