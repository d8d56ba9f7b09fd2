"""The Config and the encoders that the options of a command stand for."""

from __future__ import annotations

import argparse
from pathlib import Path

from musc2.config import Config
from musc2.config_fields import parse
from musc2.config_presets import PRESETS
from musc2.errors import InputError


def resolved(options: argparse.Namespace) -> Config:
    """Return the Config that --config, --set and --skip-errors stand for."""
    if options.config in PRESETS:
        settings = Config.from_preset(options.config)
    elif Path(options.config).suffix.lower() in (".toml", ".json"):
        settings = Config.load(options.config)
    else:
        msg = (
            f"--config must be one of {', '.join(PRESETS)} or a .toml or .json file, "
            f"got {options.config!r}"
        )
        raise InputError(msg)
    changes = {}
    for change in options.changes:
        name, equals, value = change.partition("=")
        if not equals:
            msg = f"--set must be NAME=VALUE, got {change!r}"
            raise InputError(msg)
        changes[name.strip()] = parse(value)
    if getattr(options, "skip_errors", False):
        changes["on_error"] = "skip"
    return settings.replace(**changes)


def encoders(options: argparse.Namespace) -> tuple[object, object]:
    """Return the encoders of --encoder-2d and --encoder-3d, those of --weights loaded."""
    choice: dict[str, object] = {"image": options.encoder_2d, "points": options.encoder_3d}
    if not options.weights:
        return options.encoder_2d, options.encoder_3d
    from musc2.encoders import load, selection

    config = resolved(options)
    precision, runtime = config.encoder_precision, config.encoder_runtime
    for pair in options.weights:
        name, equals, path = pair.partition("=")
        if not equals:
            msg = f"--weights must be NAME=FILE, got {pair!r}"
            raise InputError(msg)
        device = options.device
        encoder = load(name, weights=path, device=device, precision=precision, runtime=runtime)
        modality = encoder.modality
        if choice[modality] == "auto":
            choice[modality] = name
        choice[modality] = selection.with_loaded(choice[modality], name, encoder)
    return choice["image"], choice["points"]
