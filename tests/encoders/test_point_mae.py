import dataclasses
import hashlib

import numpy as np
import pytest
import random_weights
import tolerances
import torch

from musc2 import Cloud, encoders
from musc2.encoders import contract
from musc2.errors import InputError
from musc2.ops import Groups


@pytest.fixture(scope="module")
def state():
    return random_weights.point_mae()


def loaded(tmp_path, contents, **options):
    torch.save(contents, tmp_path / "weights.pth")
    return encoders.load("point-mae", weights=tmp_path / "weights.pth", **options)


@pytest.mark.parametrize(("statistics", "mode"), [("sample", "train_nodrop"), ("running", "eval")])
def test_tokens_are_those_of_the_published_network(golden, tmp_path, statistics, mode):
    rtol, atol = tolerances.GOLDEN["point_transformer"]
    stored = golden("point_transformer")
    points, centers, members = (
        stored["xyz"],
        stored["center_idx"],
        stored["ori_idx"].astype(np.int64),
    )
    cloud = Cloud(points=points, centers=centers, curvature=stored["curvatures"])
    groups = Groups(
        index=torch.from_numpy(members.astype(np.int32)),
        curvature=cloud.curvature,
        neighborhood=torch.from_numpy(points[members] - points[centers][:, None]),
    )
    encoder = loaded(tmp_path, random_weights.golden_weights(stored))
    assert encoder.statistics == "sample"
    encoder = dataclasses.replace(encoder, statistics=statistics)
    with torch.no_grad():
        tokens = encoder.network.encoder(groups.neighborhood, statistics)
    torch.testing.assert_close(
        tokens[::8], torch.from_numpy(stored[f"tokens_{mode}"]), rtol=rtol, atol=atol
    )
    features = encoder.encode(cloud, groups)
    assert features.shape == (3, 256, 384)
    expected = torch.from_numpy(np.stack([stored[f"feat{layer}_{mode}"] for layer in range(3)]))
    torch.testing.assert_close(features[:, ::8], expected, rtol=rtol, atol=atol)


def test_encoding_never_changes_the_running_statistics(state, tmp_path, grouped_cloud):
    encoder = loaded(tmp_path, state)
    before = {name: value.clone() for name, value in encoder.network.state_dict().items()}
    encoder.encode(*grouped_cloud)
    assert all(
        torch.equal(value, before[name]) for name, value in encoder.network.state_dict().items()
    )


def test_the_public_checkpoint_s_layout_loads(state, tmp_path, grouped_cloud):
    wrapped = {f"module.MAE_encoder.{name}": value for name, value in state.items()}
    wrapped |= {
        "module.MAE_decoder.norm.bias": torch.zeros(384),
        "module.mask_token": torch.zeros(1, 1, 384),
    }
    checkpoint = {
        "base_model": wrapped,
        "epoch": 3,
        "metrics": {"acc": np.float64(0.5)},
        "optimizer": {"state": {}},
    }
    tokens = loaded(tmp_path, checkpoint).encode(*grouped_cloud)
    assert torch.equal(tokens, loaded(tmp_path, state).encode(*grouped_cloud))
    fine_tuned = {f"base_model.{name}": value for name, value in state.items()}
    assert torch.equal(tokens, loaded(tmp_path, {"base_model": fine_tuned}).encode(*grouped_cloud))


def test_half_precision_stays_near(state, tmp_path, grouped_cloud):
    exact = loaded(tmp_path, state).encode(*grouped_cloud)
    near = loaded(tmp_path, state, precision="bfloat16").encode(*grouped_cloud)
    assert near.dtype == torch.float32
    assert 0 < (near - exact).norm() / exact.norm() < 0.05


def test_keys_that_are_missing_unexpected_or_of_another_shape_are_named(state, tmp_path):
    fewer = {name: value for name, value in state.items() if name != "norm.bias"}
    with pytest.raises(InputError, match=r"those of point-mae, got keys 1 missing \(norm.bias\)$"):
        loaded(tmp_path, fewer)
    with pytest.raises(InputError, match=r"keys 1 unexpected \(blocks.blocks.12.norm1.bias\)$"):
        loaded(tmp_path, state | {"blocks.blocks.12.norm1.bias": torch.zeros(384)})
    with pytest.raises(
        InputError, match=r"1 of another shape \(norm.bias \(5,\) instead of \(384,\)\)$"
    ):
        loaded(tmp_path, state | {"norm.bias": torch.zeros(5)})


def test_files_that_hold_no_weights_are_refused(tmp_path):
    with pytest.raises(InputError, match="must hold tensors by name, got none in"):
        loaded(tmp_path, {"epoch": 3})
    (tmp_path / "weights.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(
        InputError, match=r"weights must be readable without running code, got .*weights.pth"
    ):
        encoders.load("point-mae", weights=tmp_path / "weights.pth")
    torch.save({"norm.bias": pytest.raises}, tmp_path / "code.pth")
    with pytest.raises(InputError, match="weights must be readable without running code"):
        encoders.load("point-mae", weights=tmp_path / "code.pth")


def test_other_statistics_and_groups_of_another_cloud_are_refused(state, tmp_path, grouped_cloud):
    encoder = loaded(tmp_path, state)
    with pytest.raises(InputError, match="statistics must be one of sample, running, got 'batch'"):
        dataclasses.replace(encoder, statistics="batch")
    cloud, groups = grouped_cloud
    fewer = dataclasses.replace(groups, neighborhood=groups.neighborhood[:9])
    with pytest.raises(
        InputError, match=r"groups must be those of the cloud's 32 centers, got .* \(9, 32, 3\)"
    ):
        encoder.encode(cloud, fewer)


def test_the_fetched_checkpoint_is_found(state, empty_caches):
    assert not encoders.available("point-mae")
    with pytest.raises(
        InputError,
        match=r"weights of point-mae are not on this machine.*musc2 weights fetch point-mae",
    ):
        encoders.load("point-mae")
    folder = empty_caches / "musc2" / "point-mae"
    folder.mkdir(parents=True)
    torch.save(state, folder / "pointmae_pretrain.pth")
    assert encoders.available("point-mae")
    assert encoders.load("point-mae").name == "point-mae"


def test_a_fetched_checkpoint_that_changed_is_refused(state, empty_caches):
    folder = empty_caches / "musc2" / "point-mae"
    folder.mkdir(parents=True)
    path = folder / "pointmae_pretrain.pth"
    torch.save(state, path)
    (folder / "pointmae_pretrain.pth.sha256").write_text(
        hashlib.sha256(path.read_bytes()).hexdigest()
    )
    assert encoders.load("point-mae").name == "point-mae"
    torch.save(state | {"norm.bias": torch.ones(384)}, path)
    with pytest.raises(InputError, match=r"pointmae_pretrain.pth has changed since it was fetched"):
        encoders.load("point-mae")


@pytest.mark.parametrize("statistics", ["sample", "running"])
def test_clouds_of_a_batch_do_not_change_each_others_tokens(
    state, tmp_path, grouped_cloud, statistics, monkeypatch
):
    encoder = dataclasses.replace(loaded(tmp_path, state), statistics=statistics)
    cloud, groups = grouped_cloud
    scaled = dataclasses.replace(groups, neighborhood=3 * groups.neighborhood + 0.1)
    expected = torch.stack([encoder.encode(cloud, own) for own in (groups, scaled, groups)])
    for values in (1 << 28, 1):  # tokenized together, and one by one
        monkeypatch.setattr("musc2.encoders.point_mae._TOKENIZER_VALUES", values)
        tokens = encoder.encode_batch([cloud] * 3, [groups, scaled, groups])
        torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("statistics", ["sample", "running"])
def test_pieces_give_the_tokens_of_all_groups_at_once(
    state, tmp_path, grouped_cloud, statistics, monkeypatch
):
    _, groups = grouped_cloud
    network = loaded(tmp_path, state).network.encoder
    moved = groups.neighborhood + 3  # far from the middle, where squares could lose digits
    with torch.no_grad():
        for points in (groups.neighborhood, moved):
            expected = network._at_once(points, statistics, 1)
            for values in (1, 20_000, 1 << 28):  # a group each, some, and all
                monkeypatch.setattr("musc2.encoders._point_mae.tokenizer._PIECE_VALUES", values)
                tokens = network(points, statistics)
                torch.testing.assert_close(tokens, expected, rtol=1e-5, atol=2e-5)


def test_weights_are_cast_once_and_give_what_autocast_gives(state, tmp_path, grouped_cloud):
    encoder = loaded(tmp_path, state, precision="bfloat16")
    cloud, groups = grouped_cloud
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        expected = encoder.network(groups.neighborhood, cloud.points[cloud.centers], "sample")
    assert torch.equal(encoder.encode(cloud, groups), expected.float())
    network = contract.cast_once(encoder.network, torch.bfloat16)
    assert network is contract.cast_once(encoder.network, torch.bfloat16)
    assert network.norm.weight is encoder.network.norm.weight
    assert network.pos_embed[0].weight.dtype == torch.bfloat16
    encoder.network.pos_embed[0].weight.mul_(2)  # a copy that would be stale is made anew
    assert network is not contract.cast_once(encoder.network, torch.bfloat16)
