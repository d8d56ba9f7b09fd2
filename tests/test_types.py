import dataclasses
import multiprocessing
import resource
import shutil
import time

import numpy as np
import pytest
import torch

from musc2 import Cloud, Config, Scores
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
    assert (cloud.centers.dtype, cloud.pixels.dtype, cloud.points.dtype) == (torch.int64, torch.int64, torch.float32)
    assert repr(cloud) == "Cloud(5 points, 2 centers in a map of 2 x 3)"
    assert repr(Cloud(**parts(pixels=None, size=None))) == "Cloud(5 points, 2 centers)"


def test_a_cloud_takes_tensors():
    given = {name: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for name, v in parts().items()}
    assert torch.equal(Cloud(**given).pixels, torch.arange(5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": np.zeros((5, 2), np.float32)}, r"points must be \(P, 3\) with at least one point, got \(5, 2\)"),
        ({"points": np.zeros((0, 3), np.float32)}, r"points must be \(P, 3\) with at least one point"),
        ({"points": np.zeros((5, 3))}, "points must be a rank 2 tensor or numpy array of float32, got float64"),
        ({"points": np.zeros(5, np.float32)}, r"points must be a rank 2 .*, got \(5,\)"),
        ({"points": [[0.0, 0.0, 0.0]]}, r"points must be a rank 2 .*, got \[\[0.0"),
        ({"points": np.full((5, 3), np.nan, np.float32)}, "points must be finite, got NaN or infinity"),
        ({"centers": np.array([0, 5])}, "centers must be indices into the 5 points, got 5"),
        ({"centers": np.array([-1, 2])}, "centers must be indices into the 5 points, got -1"),
        (
            {"centers": np.array([0.0, 1.0])},
            "centers must be a rank 1 tensor or numpy array of whole numbers, got float",
        ),
        ({"centers": np.array([1])}, "centers must be as many as curvature, at least one, got 1 and 2"),
        ({"curvature": np.array([np.inf, 0], np.float32)}, "curvature must be finite"),
        ({"pixels": np.arange(4)}, "pixels must be one for each of the 5 points, got 4"),
        ({"pixels": np.arange(5) + 2}, r"pixels must be indices into the 6 pixels of size \(2, 3\), got 6"),
        ({"pixels": None}, "pixels must be given together with size, got size"),
        ({"size": None}, "pixels must be given together with size, got pixels"),
        ({"size": (2, 0)}, r"size must be \(height, width\), whole numbers of at least 1, got \(2, 0\)"),
        ({"size": 6}, r"size must be \(height, width\)"),
    ],
)
def test_bad_clouds_are_named(changes, message):
    with pytest.raises(InputError, match=f"Cloud: {message}"):
        Cloud(**parts(**changes))


def scores(**changes):
    values = {
        "image": torch.tensor([0.25, 1.5]),
        "raw": torch.tensor([0.5, 1.0]),
        "maps": torch.rand(2, 4, 5),
        "maps_2d": None,
        "maps_3d": [torch.rand(4, 5), torch.rand(3, 2)],
        "points": [torch.rand(7), torch.rand(3)],
        "scores_2d": None,
        "scores_3d": torch.rand(2, 6),
        "names": ["left", "right"],
        "config": Config.preset("published"),
        "timings": {"mutual": 0.5, "maps": 0.25},
    }
    return Scores(**{**values, **changes})


def test_scores_tell_what_they_hold():
    text = "Scores(2 samples, image scores 0.25 to 1.5, highest 'right', preset 'published', 0.75 s)"
    assert repr(scores()) == text


def test_scores_survive_saving(tmp_path):
    before = scores()
    before.save(tmp_path / "deep" / "er")
    after = Scores.load(tmp_path / "deep" / "er")
    for field in dataclasses.fields(Scores):
        mine, theirs = getattr(before, field.name), getattr(after, field.name)
        if isinstance(mine, torch.Tensor):
            assert torch.equal(mine, theirs)
        elif field.name in ("maps_3d", "points"):
            assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
        else:
            assert mine == theirs


def constant(value):
    """Scores whose names, seed and arrays all say ``value``."""
    arrays = {"image": torch.full((9,), float(value)), "maps": torch.full((9, 128, 128), float(value))}
    config = Config().replace(seed=value)
    return scores(**arrays, names=[f"{value}-{index}" for index in range(9)], config=config, maps_3d=None)


def value_of(folder):
    """The value of the ``constant`` in ``folder``, whose parts must agree."""
    loaded = Scores.load(folder)
    values = {int(loaded.image[0]), int(loaded.maps[-1, -1, -1]), loaded.config.seed, int(loaded.names[0][0])}
    assert len(values) == 1
    return values.pop()


@pytest.mark.parametrize("limit", [100, 100_000])
def test_a_write_that_fails_leaves_the_earlier_result(tmp_path, limit):
    constant(1).save(tmp_path)
    before = sorted(tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            constant(2).save(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert value_of(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_arrays_without_their_facts_are_refused(tmp_path):
    constant(1).save(tmp_path / "one")
    constant(2).save(tmp_path / "two")
    shutil.copy(tmp_path / "one" / "scores.npz", tmp_path / "two")
    with pytest.raises(InputError, match=r"Scores\.load: saving to .* was interrupted"):
        Scores.load(tmp_path / "two")


def save_again_and_again(results, folder):
    while True:
        for result in results:
            result.save(folder)


def test_a_process_that_is_killed_while_it_saves_leaves_no_mixture(tmp_path):
    context = multiprocessing.get_context("fork")
    results = [constant(1), constant(2)]
    results[0].save(tmp_path)
    for attempt in range(8):
        child = context.Process(target=save_again_and_again, args=(results, tmp_path))
        child.start()
        time.sleep(0.1 + 0.007 * attempt)
        child.kill()
        child.join()
        try:
            assert value_of(tmp_path) in (1, 2)
        except InputError:  # killed between the two files
            results[0].save(tmp_path)
