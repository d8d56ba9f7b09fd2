"""Fixtures of the command line's tests."""

import parts
import pytest

from musc2 import encoders
from musc2.encoders import custom, selection


@pytest.fixture
def quick_encoders(monkeypatch):
    """Replace the built-in encoders by fast ones."""
    stand_ins = {
        "texture": lambda: custom.image_encoder(parts.colors, 48),
        "shape": lambda: custom.point_encoder(parts.spread),
    }
    load = encoders.load
    monkeypatch.setattr(
        encoders,
        "load",
        lambda name, **options: stand_ins[name]() if name in stand_ins else load(name, **options),
    )
    monkeypatch.setattr(selection, "available", lambda name: False, raising=False)
