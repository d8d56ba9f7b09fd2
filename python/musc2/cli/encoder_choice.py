"""The encoders that the options of a command stand for."""

from __future__ import annotations

import argparse

from musc2.cli import settings
from musc2.errors import InputError


def chosen(options: argparse.Namespace) -> tuple[object, object]:
    """Return the encoders of --encoder-2d and --encoder-3d, those of --weights loaded."""
    choice: dict[str, object] = {"image": options.encoder_2d, "points": options.encoder_3d}
    if not options.weights:
        return options.encoder_2d, options.encoder_3d
    from musc2 import encoders
    from musc2.encoders import selection

    precision = settings.resolved(options).encoder_precision
    for pair in options.weights:
        name, equals, path = pair.partition("=")
        if not equals:
            msg = f"--weights must be NAME=FILE, got {pair!r}"
            raise InputError(msg)
        encoder = encoders.load(name, weights=path, device=options.device, precision=precision)
        modality = encoder.modality
        if choice[modality] == "auto":
            choice[modality] = name
        choice[modality] = selection.with_loaded(choice[modality], name, encoder)
    return choice["image"], choice["points"]
