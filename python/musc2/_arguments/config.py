"""The argument ``config`` of the public functions."""

from __future__ import annotations

from musc2 import checks
from musc2.config import Config
from musc2.config_presets import PRESETS


def resolve(op: str, config: Config | str) -> Config:
    """Return the Config that the argument ``config`` of ``op`` stands for."""
    if isinstance(config, Config):
        return config
    if not isinstance(config, str) or config not in PRESETS:
        requirement = f"must be a musc2.Config or one of {', '.join(PRESETS)}"
        got = repr(config) if isinstance(config, str) else type(config).__name__
        checks.refuse(op, "config", requirement, got)
    return Config.from_preset(config)
