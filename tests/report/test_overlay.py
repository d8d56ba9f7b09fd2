import numpy as np
import pytest

from musc2.errors import InputError
from musc2.report.overlay import overlay


def test_what_is_low_stays_as_it_is_and_what_is_high_is_bright():
    rgb = np.full((3, 4, 3), 100, np.uint8)
    heat = np.zeros((3, 4))
    heat[1, 2] = 5
    found = overlay(rgb, heat)
    assert found.dtype == np.uint8
    assert (found[heat == 0] == 100).all()
    assert found[1, 2].tolist() == [239, 239, 239]
    assert (rgb == 100).all()


def test_given_bounds_take_the_place_of_those_of_the_map():
    rgb, heat = np.zeros((1, 3, 3), np.uint8), np.array([[0.0, 1.0, 2.0]])
    assert (overlay(rgb, heat, low=2, high=4) == 0).all()
    assert (
        overlay(rgb, heat, low=0, high=1)[0, 1] == overlay(rgb, heat, low=0, high=1)[0, 2]
    ).all()


def test_a_flat_map_changes_nothing():
    rgb = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    np.testing.assert_array_equal(overlay(rgb, np.full((4, 4), 7.0)), rgb)


@pytest.mark.parametrize(
    ("rgb", "heat", "text"),
    [
        (
            np.zeros((2, 2), np.uint8),
            np.zeros((2, 2)),
            r"overlay: rgb must be \(H, W, 3\) uint8, got uint8 of shape",
        ),
        (np.zeros((2, 2, 3)), np.zeros((2, 2)), "overlay: rgb must be .* got float64"),
        (
            np.zeros((2, 2, 3), np.uint8),
            np.zeros((3, 2)),
            r"overlay: map must be \(2, 2\) finite values",
        ),
        (np.zeros((1, 1, 3), np.uint8), np.array([[np.nan]]), "overlay: map must be"),
    ],
)
def test_wrong_arguments_are_named(rgb, heat, text):
    with pytest.raises(InputError, match=text):
        overlay(rgb, heat)
