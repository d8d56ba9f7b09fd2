"""A bank gives what ``score`` gives, whatever the order in which its parts came."""

import concurrent.futures

import banks
import numpy as np
import parts
import pytest
import torch
from parts import SMALL
from PIL import Image

from musc2 import Config, Result, Scorer
from musc2.errors import InputError
from musc2.ops import nearest_patches


class Twice(parts.Coarse):
    """An encoder with two layers and class tokens that learns nothing."""

    name, learns = "twice", False


VARIANTS = {
    "plain": {},
    "subsets": {"config": SMALL.replace(subset_count=2)},
    "window": {"config": SMALL.replace(search_window=1)},
    "distance": {"config": SMALL.replace(score_unit="distance")},
    "small memory": {"config": SMALL.replace(memory=1)},
    "no distances": {"keep_distances": False},
}


def same(result, expected):
    """Scores agree to 1e-6, names and maps' sizes are equal."""
    assert result.names == expected.names
    torch.testing.assert_close(result.raw_scores, expected.raw_scores, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(result.scores, expected.scores, rtol=1e-6, atol=1e-6)
    assert len(result.maps) == len(expected.maps)
    torch.testing.assert_close(result.maps[0], expected.maps[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("modality", banks.MODALITIES)
def test_the_scores_of_the_bank_are_those_of_its_set(rng, modality, variant):
    changes = VARIANTS[variant]
    if variant == "window" and modality == "3d":
        pytest.skip("clouds have no grid")
    both = banks.inputs(rng, modality, 7)
    scorer = banks.fit(banks.some(both, slice(0, 4)), **changes)
    scorer.add(*banks.some(both, slice(4, 6)))
    scorer.add(*banks.some(both, slice(6, 7)))
    changes = {name: value for name, value in changes.items() if name != "keep_distances"}
    same(scorer.scores(), banks.anew(both, **changes))


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_adding_and_parts_that_came_and_went_leave_no_trace(seed):
    rng = np.random.default_rng(seed)
    rgb, pcd = banks.inputs(rng, "2d3d", 8)
    order = rng.permutation(8).tolist()
    scorer = Scorer.fit(rgb[order[:3]], pcd[order[:3]], names=names(order[:3]), **banks.options())
    for index in order[3:]:
        scorer.add(rgb[[index]], pcd[[index]], names=names([index]))
    scorer.remove(names(order[1:3]))
    scorer.add(rgb[[order[1]]], pcd[[order[1]]], names=names([order[1]]))
    scorer.remove(names([order[0]])[0])
    kept = [*order[3:], order[1]]
    assert scorer.names == names(kept)
    same(scorer.scores(), banks.anew((rgb[kept], pcd[kept]), names=names(kept)))


def names(rows):
    return [f"part {row}" for row in rows]


def test_distances_are_those_of_the_set_to_the_bit(rng):
    rgb = parts.images(rng, 7)
    scorer = Scorer.fit(rgb[:3], **banks.options(encoder_2d=Twice()))
    for index in range(3, 7):
        scorer.add(rgb[index : index + 1])
    scorer.remove("1")
    bank = scorer._bank
    assert len(bank.blocks) == 2
    for block in bank.blocks.values():
        slots = bank.slots
        kept = block.measured(slots).rows(torch.arange(6))
        assert torch.equal(kept, nearest_patches(block.z[slots]))


@pytest.mark.parametrize("modality", banks.MODALITIES)
def test_one_new_part_scores_as_against_references(rng, modality):
    both = banks.inputs(rng, modality)
    earlier, new = banks.some(both, slice(0, 7)), banks.some(both, slice(7, 8))
    result = banks.fit(earlier).score(*new)
    expected = banks.anew(new, references=banks.named(earlier))
    torch.testing.assert_close(result.scores, expected.raw_scores, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(result.maps[0], expected.maps[0], rtol=1e-5, atol=1e-6)
    assert result.units == expected.units


def test_several_encoders_class_tokens_and_degrees(rng):
    rgb, pcd = banks.inputs(rng, "2d3d", 7)
    config = SMALL.replace(rescore_class_tokens=True)
    changes = {"encoder_2d": [parts.colors, Twice()], "config": config}
    scorer = banks.fit((rgb[:4], pcd[:4]), **changes)
    scorer.add(rgb[4:], pcd[4:])
    same(scorer.scores(), banks.anew((rgb, pcd), **changes))
    # The one encoder of scans is in both views, and its features once in the bank.
    assert [name for name in scorer._bank.blocks if name.startswith("points")] == ["points.0.0.0"]
    changes = {"config": Config.from_preset("musc").replace(input_size=48)}
    scorer = banks.fit((rgb[:4], None), **changes)
    scorer.add(rgb[4:])
    same(scorer.scores(), banks.anew((rgb, None), **changes))


def test_a_score_depends_on_no_other_new_part_and_leaves_the_bank_as_it_is(rng):
    both = banks.inputs(rng, "2d3d", 9)
    scorer = banks.fit(banks.some(both, slice(0, 6)))
    before = scorer.scores()
    together = scorer.score(*banks.some(both, slice(6, 9)), names=["a", "b", "c"])
    alone = [scorer.score(*banks.some(both, slice(row, row + 1))) for row in (8, 7, 6)]
    expected = torch.cat([result.scores for result in reversed(alone)])
    assert torch.equal(together.scores, expected)
    assert {result.threshold.value for result in alone} == {together.threshold.value}
    assert {result.map_threshold for result in alone} == {scorer.scores().map_threshold}
    assert len(scorer) == 6
    assert torch.equal(scorer.scores().scores, before.scores)


def test_learning_encoders_are_frozen_at_fit(rng):
    rgb = parts.images(rng, 8)
    encoder = parts.Coarse()
    scorer = banks.fit((rgb[:5], None), encoder_2d=encoder)
    assert encoder.mean == 0
    scorer.add(rgb[5:7])
    frozen = parts.Coarse()
    frozen.fit([torch.zeros(1)])
    [used] = scorer.fitted_encoders()["encoder_2d"]
    used.encoder.learns = False
    same(scorer.scores(), banks.anew((rgb[:7], None), encoder_2d=used))


def test_a_defect_is_suspicious_and_unit_and_threshold_stay_until_calibrate(rng):
    rgb = parts.images(rng, 13, defect=(12, 20, 30))
    scorer = banks.fit((rgb[:6], None), references_are_good=True)
    threshold = scorer.threshold
    result = scorer.score(rgb[11:], names=["good", "bad"])
    assert result.labels().tolist() == [False, True]
    assert result["bad"].regions
    assert result.references_are_good
    assert torch.equal(result.reference_scores, scorer.scores().raw_scores)
    scorer.add(rgb[6:11])
    assert scorer.threshold == threshold
    scorer.calibrate()
    assert scorer.threshold.value != threshold.value
    assert result.with_threshold(9.0).threshold.value == 9.0


def test_a_result_keeps_the_limits_of_the_bank_in_its_file(rng, tmp_path):
    rgb = parts.images(rng, 6)
    result = banks.fit((rgb[:5], None)).score(rgb[5:])
    result.save(tmp_path)
    loaded = Result.load(tmp_path)
    assert loaded.threshold == result.threshold
    assert loaded.map_threshold == result.map_threshold


def test_a_full_bank_drops_the_oldest_or_one_of_the_most_alike(rng):
    rgb = parts.images(rng, 7)
    scorer = banks.fit((rgb[:4], None), capacity=4)
    assert scorer.add(rgb[4:6]) == ["0", "1"]
    assert scorer.names == ["2", "3", "4", "5"]
    rgb[6] = np.clip(rgb[2].astype(int) + rng.integers(0, 2, rgb[2].shape), 0, 255)
    scorer = banks.fit((rgb[:4], None), capacity=4, drop="alike")
    with pytest.warns(UserWarning, match=r"in the bank already: new and 2"):
        assert scorer.add(rgb[6:], names=["new"]) == ["2"]
    assert scorer.names == ["0", "1", "3", "new"]


def test_half_precision_changes_little_and_takes_half(rng):
    rgb, pcd = banks.inputs(rng, "2d3d")
    full = banks.fit((rgb[:7], pcd[:7]))
    half = banks.fit((rgb[:7], pcd[:7]), storage="float16")
    assert next(iter(half._bank.blocks.values())).z.element_size() == 2
    result, expected = full.score(rgb[7:], pcd[7:]), half.score(rgb[7:], pcd[7:])
    torch.testing.assert_close(result.scores, expected.scores, rtol=5e-3, atol=0)
    assert not torch.equal(result.scores, expected.scores)


def test_a_part_of_the_bank_does_not_vouch_for_itself(rng):
    rgb = parts.images(rng, 6, defect=(5, 20, 30))
    scorer = banks.fit((rgb, None))
    alone = banks.fit((rgb[:5], None))
    with pytest.warns(UserWarning, match=r"do not vouch for themselves: again and 5"):
        again = scorer.score(rgb[5:], names=["again"])
    expected = alone.score(rgb[5:]).raw_scores * alone.scores().units[0]["2d"]
    torch.testing.assert_close(again.raw_scores * again.units[0]["2d"], expected)


def test_threads_get_the_scores_of_one(rng):
    rgb = parts.images(rng, 12)
    scorer = banks.fit((rgb[:6], None))
    expected = [scorer.score(rgb[row : row + 1]).scores for row in range(6, 12)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda row: scorer.score(rgb[row : row + 1]).scores, range(6, 12)))
    assert all(torch.equal(a, b) for a, b in zip(results, expected, strict=True))


def test_clouds_without_pixels(rng):
    clouds = [rng.standard_normal((300, 3)) for _ in range(6)]
    scorer = banks.fit((None, clouds[:5]))
    result = scorer.score(pcd=clouds[5:])
    assert result.maps is None
    assert [len(values) for values in result.point_scores] == [300]
    with pytest.raises(InputError, match=r"pcd must be clouds \(P, 3\), as in the bank"):
        scorer.score(pcd=parts.maps(rng, 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capacity": 1}, "Scorer.fit: capacity must be a whole number of at least 2, got 1"),
        ({"capacity": 4}, "capacity must be at least the 5 parts, got 4"),
        ({"storage": "int8"}, "storage must be one of float32, float16"),
        ({"drop": "newest"}, "drop must be one of oldest, alike"),
        ({"drop": "alike", "keep_distances": False}, "keep_distances must be True"),
        ({"references_are_good": 1}, "references_are_good must be True or False"),
    ],
)
def test_options_that_cannot_be_used(rng, changes, message):
    with pytest.raises(InputError, match=message):
        banks.fit((parts.images(rng, 5), None), **changes)


def test_parts_that_cannot_be_used(rng):
    rgb, pcd = banks.inputs(rng, "2d3d", 5)
    scorer = banks.fit((rgb[:4], None))
    with pytest.raises(InputError, match=r"Scorer.score: pcd must be left out, as in the bank"):
        scorer.score(rgb[4:], pcd[4:])
    with pytest.raises(InputError, match=r"Scorer.add: rgb must be given, as in the bank"):
        scorer.add(None, pcd[4:])
    with pytest.raises(InputError, match=r"names must not be in the bank yet, got '1'"):
        scorer.add(rgb[4:], names=["1"])
    with pytest.raises(InputError, match=r"must be names of parts in the bank, got 'x'"):
        scorer.remove(["0", "x"])
    with pytest.raises(InputError, match=r"must leave at least 2 parts, got 1"):
        scorer.remove(["0", "1", "2"])
    assert len(scorer) == 4
    fit = banks.fit((rgb[:4], None), config=SMALL.replace(input_resize="fit"))
    larger = r"Scorer.score: part 'new' must give .* 36 x 60 pixels do, got .* from 90 x 90 pixels"
    with pytest.raises(InputError, match=larger):
        fit.score(parts.images(rng, 1, size=(90, 90)), names=["new"])
    with pytest.raises(InputError, match="at least 2 samples"):
        banks.fit((rgb[:1], None))


def test_limits_of_the_settings_hold_for_the_bank_and_for_new_parts(rng, tmp_path):
    files = []
    for index, image in enumerate(parts.images(rng, 4)):
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(image).save(files[-1])
    small = banks.options() | {"config": SMALL.replace(max_pixels=36 * 60 - 1)}
    with pytest.raises(InputError, match=r"Scorer.fit: rgb\[0\] .* must have at most 2159 pixels"):
        Scorer.fit(files, **small)
    scorer = Scorer.fit(files, **banks.options() | {"config": SMALL.replace(max_pixels=36 * 60)})
    large = tmp_path / "large.png"
    Image.fromarray(parts.images(rng, 1, size=(37, 60))[0]).save(large)
    with pytest.raises(InputError, match=r"Scorer.score: rgb\[0\] .* must have at most 2160"):
        scorer.score([large])
