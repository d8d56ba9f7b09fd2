import numpy as np
import pytest
import samples
import torch

from musc2 import Config, score_tokens
from musc2.errors import InputError

RNG = np.random.default_rng(3)
IMAGE, POINT, CLOUDS = (
    samples.image_tokens(RNG, 3),
    samples.point_tokens(RNG, 3),
    samples.clouds(RNG, 3),
)
PLAIN = samples.clouds(RNG, 3, pixels=False)
IN_3D = {"point_tokens": POINT, "clouds": CLOUDS}


def broken(tokens, value):
    tokens = tokens.copy()
    tokens[1, 0, 0, 0] = value
    return tokens


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "image_tokens or point_tokens must be given, got neither"),
        (
            {"image_tokens": IMAGE[0]},
            r"image_tokens must have shape \(N, layers, h, w, C\), got \(3, 4, 5, 12\)",
        ),
        ({"image_tokens": IMAGE.astype(np.float64)}, "image_tokens must be float32, got float64"),
        (
            {"image_tokens": IMAGE.tolist()},
            "image_tokens must be a torch tensor or a numpy array, got list",
        ),
        (
            {"image_tokens": IMAGE[:0]},
            r"image_tokens must be \(N, layers, h, w, C\), not empty, got \(0, 3, 4, 5, 12\)",
        ),
        (
            {"image_tokens": broken(IMAGE, np.nan)},
            r"image_tokens must be finite, got nan at \(1, 0, 0, 0, 0\)",
        ),
        ({"image_tokens": IMAGE}, "image_size must be given when there are no clouds, got None"),
        (
            {"image_tokens": IMAGE, "image_size": (0, 4)},
            r"image_size must be \(height, width\).*, got \(0, 4\)",
        ),
        (
            {"image_tokens": IMAGE, "image_size": 224},
            r"image_size must be \(height, width\).*, got 224",
        ),
        (
            {"image_tokens": IMAGE[:1], "image_size": (9, 9)},
            "image_tokens must be of at least 2 samples .*, got 1",
        ),
        ({"point_tokens": POINT}, "clouds must be given together with point_tokens"),
        (
            {"image_tokens": IMAGE, "clouds": CLOUDS},
            "clouds must be given together with point_tokens",
        ),
        (
            {"point_tokens": broken(POINT, np.inf), "clouds": CLOUDS},
            "point_tokens must be finite, got inf",
        ),
        (
            {"point_tokens": POINT[:, :, :5], "clouds": CLOUDS},
            r"clouds\[0\] must be of 5 centers .*, got 16",
        ),
        (
            {"point_tokens": POINT, "clouds": CLOUDS[:2]},
            "clouds must be one for each of the 3 samples, got 2",
        ),
        (
            {"point_tokens": POINT, "clouds": [*CLOUDS[:2], None]},
            r"clouds\[2\] must be a musc2.Cloud, got NoneType",
        ),
        (
            {**IN_3D, "image_tokens": IMAGE[:2]},
            r"point_tokens must be \(N, layers\) = \(2, 3\) .*, got \(3, 3\)",
        ),
        (
            {**IN_3D, "image_tokens": IMAGE[:, :2]},
            r"point_tokens must be \(N, layers\) = \(3, 2\) .*, got \(3, 3\)",
        ),
        (
            {**IN_3D, "image_size": (9, 9)},
            r"image_size must be left out or that of all clouds, got \(9, 9\) and",
        ),
        (
            {"point_tokens": POINT, "clouds": PLAIN, "image_size": (9, 9)},
            "image_size must be left out .* of None",
        ),
        (
            {"image_tokens": IMAGE, "point_tokens": POINT, "clouds": PLAIN},
            r"clouds\[0\] must be with pixels and size",
        ),
        (
            {"point_tokens": POINT, "clouds": [*CLOUDS[:2], PLAIN[0]]},
            r"clouds\[2\] must be with pixels and size",
        ),
        (
            {**IN_3D, "image_tokens": IMAGE, "config": "musc"},
            "config.aggregate_separately .* is for images only; leave out",
        ),
        (
            {**IN_3D, "config": Config(search_window=1)},
            "image_tokens must be given when config.search_window is",
        ),
        (
            {**IN_3D, "class_tokens": IMAGE[:, 0, 0, 0]},
            "class_tokens must be given only with image_tokens",
        ),
        (
            {**IN_3D, "config": {"seed": 1}},
            "config must be a musc2.Config or one of musc-v2, published, musc, got dict",
        ),
        (
            {**IN_3D, "config": "v3"},
            "config must be a musc2.Config or one of musc-v2, published, musc, got 'v3'",
        ),
        ({**IN_3D, "names": ["a", "b"]}, "names must be one for each of the 3 samples, got 2"),
    ],
)
def test_bad_tokens_are_named(given, message):
    with pytest.raises(InputError, match=f"score_tokens: {message}"):
        score_tokens(**given)


def test_subsets_that_are_too_small_are_refused():
    with pytest.raises(
        InputError,
        match="Config: subset_count must leave at least 2 samples in each subset, got 2 for 3",
    ):
        score_tokens(**IN_3D, config=Config(subset_count=2))


@pytest.mark.parametrize(
    ("references", "message"),
    [
        (
            IMAGE,
            "references must be a mapping with keys among image_tokens, point_tokens, clouds, "
            "got ndarray",
        ),
        ({"images": IMAGE}, r"references must be a mapping with keys among .*, got \['images'\]"),
        ({}, "references: image_tokens or point_tokens must be given, got neither"),
        (
            {"image_tokens": IMAGE[0]},
            r"references: image_tokens must have shape \(N, layers, h, w, C\)",
        ),
        (
            {"image_tokens": IMAGE[:, :2]},
            "references: image_tokens must be of 3 layers and 12 channels, got 2 and 12",
        ),
        (
            {"image_tokens": IMAGE[..., :5].copy()},
            "references: image_tokens must be of 3 layers .*, got 3 and 5",
        ),
        (IN_3D, "references: image_tokens must be given exactly when those of the samples are"),
        ({**IN_3D, "image_tokens": IMAGE}, "references: point_tokens must be given exactly when"),
        (
            {"image_tokens": IMAGE[:, :, :2].copy()},
            r"references: image_tokens must be on the samples' grid \(4, 5\)",
        ),
    ],
)
def test_bad_references_are_named(references, message):
    config = Config(search_window=1)
    with pytest.raises(InputError, match=f"score_tokens: {message}"):
        score_tokens(IMAGE, image_size=(9, 9), references=references, config=config)


def test_references_may_have_another_grid_without_a_window():
    result = score_tokens(IMAGE, image_size=(9, 9), references={"image_tokens": IMAGE[:, :, :2]})
    assert result.scores.isfinite().all()


def test_references_need_no_pixels():
    assert score_tokens(**IN_3D, references={"point_tokens": POINT, "clouds": PLAIN}).maps.at(
        "input"
    ).shape == (3, 24, 20)


@pytest.mark.parametrize(
    ("class_tokens", "message"),
    [
        (IMAGE[:2, 0, 0, 0], "class_tokens must be one row for each of the 3 samples, got 2"),
        (IMAGE[:, 0, 0], r"class_tokens must have shape \(N, C\)"),
        (np.full((3, 2), np.nan, np.float32), "class_tokens must be finite, got nan"),
    ],
)
def test_bad_class_tokens_are_named(class_tokens, message):
    with pytest.raises(InputError, match=f"score_tokens: {message}"):
        score_tokens(IMAGE, image_size=(9, 9), class_tokens=class_tokens)


def test_bad_input_is_left_alone():
    tokens = broken(IMAGE, np.nan)
    before = tokens.copy()
    with pytest.raises(InputError):
        score_tokens(torch.from_numpy(tokens), image_size=(9, 9))
    assert np.array_equal(tokens, before, equal_nan=True)
