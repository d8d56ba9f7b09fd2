import numpy as np
import pytest
import torch

from musc2 import Cloud
from musc2.errors import InputError


def parts(**changes):
    good = {
        "points": np.zeros((5, 3), np.float32),
        "centers": np.array([0, 4], np.int32),
        "curvature": np.zeros(2, np.float32),
        "pixels": np.arange(5),
        "size": (2, 3),
    }
    return {**good, **changes}


def test_a_cloud_keeps_copies_with_whole_number_indices():
    given = parts()
    cloud = Cloud(**given)
    given["points"][:] = 7
    given["centers"][:] = 7
    assert cloud.points.eq(0).all()
    assert cloud.centers.tolist() == [0, 4]
    assert (cloud.centers.dtype, cloud.pixels.dtype, cloud.points.dtype) == (
        torch.int64,
        torch.int64,
        torch.float32,
    )
    assert repr(cloud) == "Cloud(5 points, 2 centers in a map of 2 x 3)"
    assert repr(Cloud(**parts(pixels=None, size=None))) == "Cloud(5 points, 2 centers)"


def test_a_cloud_takes_tensors():
    given = {
        name: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for name, v in parts().items()
    }
    assert torch.equal(Cloud(**given).pixels, torch.arange(5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"points": np.zeros((5, 2), np.float32)},
            r"points must be \(P, 3\) with at least one point, got \(5, 2\)",
        ),
        (
            {"points": np.zeros((0, 3), np.float32)},
            r"points must be \(P, 3\) with at least one point",
        ),
        (
            {"points": np.zeros((5, 3))},
            "points must be a rank 2 tensor or numpy array of float32, got float64",
        ),
        ({"points": np.zeros(5, np.float32)}, r"points must be a rank 2 .*, got \(5,\)"),
        ({"points": [[0.0, 0.0, 0.0]]}, r"points must be a rank 2 .*, got \[\[0.0"),
        (
            {"points": np.full((5, 3), np.nan, np.float32)},
            "points must be finite, got NaN or infinity",
        ),
        ({"centers": np.array([0, 5])}, "centers must be indices into the 5 points, got 5"),
        ({"centers": np.array([-1, 2])}, "centers must be indices into the 5 points, got -1"),
        (
            {"centers": np.array([0.0, 1.0])},
            "centers must be a rank 1 tensor or numpy array of whole numbers, got float",
        ),
        (
            {"centers": np.array([1])},
            "centers must be as many as curvature, at least one, got 1 and 2",
        ),
        ({"curvature": np.array([np.inf, 0], np.float32)}, "curvature must be finite"),
        ({"pixels": np.arange(4)}, "pixels must be one for each of the 5 points, got 4"),
        (
            {"pixels": np.arange(5) + 2},
            r"pixels must be indices into the 6 pixels of size \(2, 3\), got 6",
        ),
        ({"pixels": None}, "pixels must be given together with size, got size"),
        ({"size": None}, "pixels must be given together with size, got pixels"),
        (
            {"size": (2, 0)},
            r"size must be \(height, width\), whole numbers of at least 1, got \(2, 0\)",
        ),
        ({"size": 6}, r"size must be \(height, width\)"),
    ],
)
def test_bad_clouds_are_named(changes, message):
    with pytest.raises(InputError, match=f"Cloud: {message}"):
        Cloud(**parts(**changes))
