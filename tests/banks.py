"""Small banks of parts, and what they are compared with."""

import parts

from musc2 import Scorer, score

MODALITIES = ("2d", "3d", "2d3d")


def inputs(rng, modality, count=8):
    """Return the arguments rgb and pcd of ``count`` parts, None for a modality left out."""
    rgb = parts.images(rng, count) if "2d" in modality else None
    pcd = parts.maps(rng, count) if "3d" in modality else None
    return rgb, pcd


def some(both, rows):
    """Return rgb and pcd of some of the parts."""
    return tuple(None if values is None else values[rows] for values in both)


def named(both):
    """Return rgb and pcd as references."""
    pairs = zip(("rgb", "pcd"), both, strict=True)
    return {name: values for name, values in pairs if values is not None}


def options(**changes):
    return {
        "encoder_2d": parts.colors,
        "encoder_3d": parts.spread,
        "config": parts.SMALL,
        **changes,
    }


def fit(both, **changes):
    return Scorer.fit(*both, **options(**changes))


def anew(both, **changes):
    return score(*both, **options(**changes))
