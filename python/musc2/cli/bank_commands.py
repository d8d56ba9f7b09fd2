"""``musc2 learn``, ``inspect`` and ``bank``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from musc2 import paths
from musc2.cli import (
    intrinsics,
    parts_of,
    score_command,
    settings,
    streams,
)

if TYPE_CHECKING:
    from musc2.scorer import Scorer


def learn(options: argparse.Namespace) -> int:
    """Make a bank of the parts in a folder and write it."""
    from musc2.scorer import Scorer

    paths.check_writable(options.out.absolute().parent)
    parts = parts_of.select(options)
    encoder_2d, encoder_3d = settings.encoders(options)
    scorer = Scorer.fit(
        parts.rgb,
        parts.pcd,
        masks=parts.masks,
        intrinsics=intrinsics.parse(options.intrinsics),
        names=parts.names,
        config=settings.resolved(options),
        encoder_2d=encoder_2d,
        encoder_3d=encoder_3d,
        device=options.device,
        references_are_good=options.references_are_good,
        storage=options.storage,
        bank_size=options.bank_size,
        capacity=options.capacity,
        drop=options.drop,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    options.out.absolute().parent.mkdir(parents=True, exist_ok=True)
    scorer.save(options.out)
    if not options.quiet:
        streams.write([f"{options.out} holds {len(scorer)} parts; {_threshold(scorer)}"])
    return 0


def inspect(options: argparse.Namespace) -> int:
    """Score parts against a bank; write and print as ``musc2 score`` does."""
    from musc2.scorer import Scorer

    out = score_command.prepared_folder(options)
    parts = parts_of.select(options)
    scorer = Scorer.load(options.bank, device=options.device)
    result = scorer.score(
        parts.rgb,
        parts.pcd,
        masks=parts.masks,
        intrinsics=intrinsics.parse(options.intrinsics),
        names=parts.names,
        progress=score_command.progress_of(options),
    )
    return score_command.finish(result, out, options)


def info(options: argparse.Namespace) -> int:
    """Print what a bank holds."""
    scorer = _loaded(options)
    size = options.bank.stat().st_size
    rows = [
        f"{len(scorer)} parts, {size / 2**20:.1f} MiB in {options.bank}",
        *[f"encoder {key}: {name}" for key, name in scorer.encoders.items()],
        f"preset: {scorer.config.preset}",
        *_changed_settings(scorer),
        _threshold(scorer),
        *[f"  {name}" for name in scorer.names],
    ]
    streams.write(rows)
    return 0


def _changed_settings(scorer: Scorer) -> list[str]:
    """Return a line for each setting that is not the preset's."""
    usual = scorer.config.from_preset(scorer.config.preset).to_dict()
    lines: list[str] = []
    for name, value in scorer.config.to_dict().items():
        if value != usual[name]:
            lines.append(f"setting {name}: {value}")
    return lines


def add(options: argparse.Namespace) -> int:
    """Add parts to a bank and write it."""
    scorer = _loaded(options)
    parts = parts_of.select(options)
    dropped = scorer.add(
        parts.rgb,
        parts.pcd,
        masks=parts.masks,
        intrinsics=intrinsics.parse(options.intrinsics),
        names=parts.names,
    )
    _rewrite(scorer, options)
    if dropped:
        streams.write([f"dropped: {', '.join(dropped)}"])
    return 0


def remove(options: argparse.Namespace) -> int:
    """Remove parts from a bank and write it."""
    scorer = _loaded(options)
    scorer.remove(options.names)
    _rewrite(scorer, options)
    return 0


def _loaded(options: argparse.Namespace) -> Scorer:
    from musc2.scorer import Scorer

    return Scorer.load(options.bank, device=options.device)


def _rewrite(scorer: Scorer, options: argparse.Namespace) -> None:
    if scorer.bank_size is None:
        scorer.calibrate()
    scorer.save(options.bank)
    streams.write([f"{options.bank} holds {len(scorer)} parts; {_threshold(scorer)}"])


def _threshold(scorer: Scorer) -> str:
    return f"threshold {scorer.threshold.value:.4f}: {scorer.threshold.reason}"
