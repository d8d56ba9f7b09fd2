"""A bank as one file: read back whole, refused when it is damaged or does not belong."""

import json

import banks
import numpy as np
import parts
import pytest
import torch

from musc2 import Scorer, _tensor_files, score
from musc2._bank import files
from musc2.errors import InputError

TEXTURE = {"encoder_2d": "texture", "encoder_3d": "shape"}


def load(path, modality="2d3d"):
    return Scorer.load(
        path,
        encoder_2d=parts.colors if "2d" in modality else None,
        encoder_3d=parts.spread if "3d" in modality else None,
    )


@pytest.mark.parametrize("storage", ["float32", "float16"])
@pytest.mark.parametrize("modality", banks.MODALITIES)
def test_a_loaded_bank_goes_on_as_the_saved_one(rng, tmp_path, modality, storage):
    both = banks.inputs(rng, modality, 9)
    scorer = banks.fit(
        banks.some(both, slice(0, 5)), storage=storage, capacity=7, references_are_good=True
    )
    scorer.add(*banks.some(both, slice(5, 7)))
    scorer.remove("1")
    scorer.save(tmp_path / "line.musc2")
    loaded = load(tmp_path / "line.musc2", modality)
    assert loaded.names == scorer.names
    assert loaded.threshold == scorer.threshold
    new = banks.some(both, slice(7, 8))
    assert torch.equal(loaded.score(*new).scores, scorer.score(*new).scores)
    torch.testing.assert_close(loaded.scores().scores, scorer.scores().scores, rtol=1e-6, atol=1e-6)
    before = (tmp_path / "line.musc2").read_bytes()
    for own in (loaded, scorer):
        own.add(*banks.some(both, slice(7, 9)))
        own.calibrate()
    assert loaded.names == scorer.names == ["2", "3", "4", "5", "6", "7", "8"]
    torch.testing.assert_close(loaded.scores().scores, scorer.scores().scores, rtol=1e-6, atol=1e-6)
    assert (tmp_path / "line.musc2").read_bytes() == before


def test_encoders_that_learned_come_back_by_name(rng, tmp_path):
    rgb, pcd = banks.inputs(rng, "2d3d", 6)
    masks = np.ones((6, 36, 60), bool)
    masks[:, :5] = False
    scorer = Scorer.fit(rgb[:5], pcd[:5], masks=masks[:5], config=parts.SMALL, **TEXTURE)
    scorer.save(tmp_path / "line.musc2")
    loaded = Scorer.load(tmp_path / "line.musc2")
    assert loaded.encoders == {"2d": "texture", "3d": "shape"}
    result, expected = (own.score(rgb[5:], pcd[5:], masks=masks[5:]) for own in (scorer, loaded))
    assert torch.equal(result.scores, expected.scores)
    for own, read in zip(scorer.scores().maps, loaded.scores().maps, strict=True):
        assert torch.equal(own, read)


@pytest.fixture
def path(rng, tmp_path):
    """Return the file of a bank of five images."""
    file = tmp_path / "line.musc2"
    banks.fit((parts.images(rng, 5), None)).save(file)
    return file


@pytest.mark.parametrize("share", [0, 0.0005, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"line\.musc2 is damaged, or no bank"):
        load(path, "2d")


def test_a_changed_byte_anywhere_is_noticed(path):
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + length].rstrip()
    positions = [0, 7, 20, 8 + len(text) // 2, 8 + length + 1, len(content) // 2, len(content) - 1]
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="is damaged"):
            load(path, "2d")
    path.write_bytes(b"\x89PNG" + b"\0" * 100)
    with pytest.raises(InputError, match="is damaged, or no bank"):
        load(path, "2d")


@pytest.mark.parametrize(("field", "value"), [("format", 99), ("features", 0), ("kind", "other")])
def test_another_version_is_refused_by_name(path, field, value):
    arrays, about = _tensor_files.read(path)
    arrays = {name: np.array(values) for name, values in arrays.items()}
    _tensor_files.write(path, arrays, {**about, field: value})
    versions = {"format": files.FORMAT, "features": files.FEATURES}
    requirement = "must be a bank that"
    if field in versions:
        requirement = f"must have {field} of version {versions[field]}"
    with pytest.raises(InputError, match=requirement):
        load(path, "2d")


def test_a_setting_that_is_unknown_is_refused_by_name(path):
    arrays, about = _tensor_files.read(path)
    arrays = {name: np.array(values) for name, values in arrays.items()}
    about["config"]["blur"] = 3
    _tensor_files.write(path, arrays, about)
    with pytest.raises(InputError, match="Config: 'blur' is not a setting"):
        load(path, "2d")


def test_another_encoder_or_other_weights_are_refused(path):
    with pytest.raises(InputError, match=r"encoder_2d must be the encoder colors, which cannot"):
        Scorer.load(path)
    with pytest.raises(InputError, match=r"encoder_2d must be colors, which the bank was made"):
        Scorer.load(path, encoder_2d="texture")

    def colors(pixels):
        return parts.colors(pixels).flip(-1) - 0.3

    with pytest.raises(InputError, match=r"the encoder colors must give the tokens that it gave"):
        Scorer.load(path, encoder_2d=colors)


def test_a_failed_save_leaves_the_earlier_file(rng, path, monkeypatch):
    before = path.read_bytes()
    scorer = load(path, "2d")
    scorer.add(parts.images(rng, 1))

    def fail(values, slots):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_table", fail)
    with pytest.raises(OSError, match="No space left"):
        scorer.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_bank_can_be_saved_over_the_file_that_it_was_loaded_from(rng, path):
    scorer = load(path, "2d")
    scorer.remove("0")
    scorer.add(parts.images(rng, 1))
    scorer.save(path)
    again = load(path, "2d")
    assert again.names == ["1", "2", "3", "4", "5"]
    torch.testing.assert_close(again.scores().scores, scorer.scores().scores)


def test_the_layout_is_that_of_safetensors(path):
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(path, framework="np") as file:
        assert file.get_tensor("z.image.0.0.0").shape == (5, 36, 3)
        assert json.loads(file.metadata()["about"])["kind"] == "musc2 bank"


def test_arrays_of_all_types_and_empty_ones_come_back(tmp_path, rng):
    arrays = {
        "a": rng.integers(0, 255, (3, 5)).astype(np.uint8),
        "b": rng.standard_normal((2, 3)).astype(np.float32),
        "c": rng.standard_normal(7).astype(np.float16),
        "d": np.arange(4),
        "empty": np.empty((0, 4), np.float32),
    }
    _tensor_files.write(tmp_path / "x", arrays, {"one": [1, None]})
    back, about = _tensor_files.read(tmp_path / "x")
    assert about == {"one": [1, None]}
    assert back.keys() == arrays.keys()
    for name, values in arrays.items():
        assert np.array_equal(back[name], values)
        assert back[name].dtype == values.dtype
    back["d"][0] = 9  # a private copy
    assert _tensor_files.read(tmp_path / "x")[0]["d"][0] == 0


def test_score_stays_what_it_was(rng):
    rgb = parts.images(rng, 4)
    assert score(rgb, **banks.options()).bank_thresholds is None
