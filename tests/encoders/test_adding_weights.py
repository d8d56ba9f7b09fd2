"""Weights that users bring: into the cache, and then found by name."""

import pytest
import random_weights
import torch

from musc2 import encoders
from musc2.encoders._checkpoints.catalog import WEIGHTS
from musc2.errors import InputError


@pytest.fixture
def point_mae(request, tmp_path):
    import numpy as np

    with np.load(request.path.parent.parent / "goldens/point_transformer.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    path = tmp_path / "somewhere" / "pointmae_pretrain.pth"
    path.parent.mkdir()
    torch.save(random_weights.golden_weights(arrays), path)
    return path


def test_added_weights_are_found_by_name(point_mae, empty_caches):
    assert not encoders.available("point-mae")
    target = encoders.add(point_mae)  # the name of the file says what it is
    assert target == empty_caches / "musc2" / "point-mae"
    assert encoders.available("point-mae")
    assert encoders.load("point-mae").name == "point-mae"
    assert [path.name for path in target.parent.iterdir()] == ["point-mae"]


def test_a_file_of_any_name_needs_the_name_of_the_encoder(point_mae, empty_caches):
    file = point_mae.with_name("epoch_300.pth")
    point_mae.rename(file)
    with pytest.raises(InputError, match="is no file that we know; say what it is: --as NAME"):
        encoders.add(file)
    encoders.add(file, "point-mae")
    encoders.add(file, "point-mae")  # again, in the target of the first
    assert encoders.load("point-mae").name == "point-mae"


def test_weights_of_another_network_are_refused_and_nothing_is_kept(tmp_path, empty_caches):
    file = tmp_path / "pointmae_pretrain.pth"
    torch.save({"other": torch.zeros(3)}, file)
    with pytest.raises(InputError, match="must be those of"):
        encoders.add(file)
    assert not encoders.available("point-mae")
    assert not (empty_caches / "musc2").exists()


def test_what_cannot_be_added_is_named(tmp_path):
    with pytest.raises(InputError, match="add: path must be a file or folder"):
        encoders.add(tmp_path / "nothing")
    with pytest.raises(InputError, match="add: texture needs no weights"):
        encoders.add(tmp_path, "texture")
    with pytest.raises(InputError, match="add: name must be one of"):
        encoders.add(tmp_path, "some/where")


def test_missing_weights_say_how_to_bring_them(empty_caches):
    with pytest.raises(InputError, match="`musc2 weights add FILE --as point-mae`"):
        encoders.load("point-mae")


def test_size_and_license_of_every_encoder_are_known():
    assert set(WEIGHTS) == set(encoders.names())
