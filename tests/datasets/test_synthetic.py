import numpy as np
import pytest

from musc2.datasets import synthetic
from musc2.errors import InputError


@pytest.fixture(scope="module")
def parts():
    return synthetic.parts(32, size=128, seed=3)


@pytest.fixture(scope="module")
def intact():
    return synthetic.parts(32, defective=0, size=128, seed=3)


def test_shapes_types_and_counts(parts):
    assert parts.rgb.shape == parts.xyz.shape == (32, 128, 128, 3)
    assert (parts.rgb.dtype, parts.xyz.dtype, parts.masks.dtype) == (np.uint8, np.float32, np.bool_)
    assert parts.labels.sum() == 16
    assert sorted(parts.kinds) == sorted([*list(synthetic.KINDS) * 2, *["good"] * 16])


def test_every_defect_has_a_mask_and_no_good_part_does(parts):
    for kind, label, mask in zip(parts.kinds, parts.labels, parts.masks, strict=True):
        assert label == mask.any() == (kind != "good")


def test_a_defect_shows_where_its_kind_says_and_only_there(parts, intact):
    assert not intact.labels.any()
    for index, kind in enumerate(parts.kinds):
        colors = (parts.rgb[index] != intact.rgb[index]).any()
        shape = (parts.xyz[index] != intact.xyz[index]).any()
        where = {"good": "", "2d": "2d", "3d": "3d", "both": "both"}[
            synthetic.KINDS.get(kind, "good")
        ]
        assert colors == (where in ("2d", "both")), kind
        assert shape == (where in ("3d", "both")), kind


def test_surfaces_lie_before_the_sensor_and_their_background_is_zero(parts):
    valid = parts.xyz[..., 2] != 0
    assert (parts.xyz[~valid] == 0).all()
    assert 0.35 < parts.xyz[valid][:, 2].min() < parts.xyz[valid][:, 2].max() < 0.45
    assert 0.35 < valid.mean() < 0.5


def test_the_seed_decides_everything(parts):
    again = synthetic.parts(32, size=128, seed=3)
    for name in ("rgb", "xyz", "masks", "labels"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(again, name))
    assert (
        synthetic.parts(1, size=32, seed=4).rgb != synthetic.parts(1, size=32, seed=5).rgb
    ).any()


def test_the_generator_is_frozen():
    """The measured qualities in the docs hold for this generator and no other."""
    generated = synthetic.parts(8, defective=1, size=64, seed=0)
    colors = generated.rgb.mean((1, 2, 3))
    np.testing.assert_allclose(
        colors, [79.63, 85.56, 84.42, 84.34, 88.65, 83.67, 83.22, 84.93], rtol=0, atol=0.05
    )
    points = (generated.xyz[..., 2] != 0).sum((1, 2))
    assert points.tolist() == [1808, 1791, 1796, 1804, 1801, 1809, 1805, 1796]
    depths = 1000 * generated.xyz[..., 2].sum((1, 2), dtype=np.float64) / points
    np.testing.assert_allclose(
        depths, [396.23, 396.08, 396.32, 396.25, 396.33, 396.5, 396.33, 396.49], rtol=0, atol=0.02
    )
    assert generated.masks.sum((1, 2)).tolist() == [258, 44, 14, 28, 12, 18, 19, 17]
    assert generated.kinds == (
        "warp",
        "stain",
        "cut",
        "print",
        "hole",
        "contamination",
        "bump",
        "dent",
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"count": 0}, "parts: count must be a whole number of at least 1, got 0"),
        ({"size": 16}, "parts: size must be a whole number of at least 32, got 16"),
        ({"defective": 1.5}, "parts: defective must be a share from 0 to 1, got 1.5"),
    ],
)
def test_wrong_arguments_are_named(arguments, text):
    with pytest.raises(InputError, match=text):
        synthetic.parts(**arguments)
