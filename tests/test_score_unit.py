"""Scores in units of a typical normal part, whatever the encoder, the modality and the set."""

import numpy as np
import parts
import pytest
import torch
from parts import SMALL, score_small

from musc2 import Config, Result, score, score_tokens
from musc2.errors import InputError, InputWarning

DEFECT = (2, 20, 30)


def lower_half_level(peaks):
    return peaks.sort().values[: (len(peaks) + 1) // 2].median()


@pytest.mark.parametrize("modality", ["2d", "3d", "2d+3d"])
def test_a_typical_normal_part_scores_one(rng, modality):
    rgb, pcd = parts.images(rng, 9, defect=DEFECT), parts.maps(rng, 9, defect=DEFECT)
    both = (rgb if "2d" in modality else None, pcd if "3d" in modality else None)
    result = score_small(*both)
    assert float(lower_half_level(result.raw_scores)) == pytest.approx(1, abs=1e-5)
    assert torch.equal(result.raw_scores, result.maps.at("working").flatten(1).amax(1))
    before = score_small(*both, config=SMALL.replace(score_unit="distance"))
    assert before.units == []
    (unit,) = result.units
    assert set(unit) == set(modality.split("+"))
    for name, divisor in unit.items():
        own, distances = (
            getattr(result, f"patch_scores_{name}"),
            getattr(before, f"patch_scores_{name}"),
        )
        torch.testing.assert_close(own, distances / divisor)


def test_clouds_have_the_unit_too(rng):
    clouds = [xyz.reshape(-1, 3) for xyz in parts.maps(rng, 6, defect=DEFECT)]
    result = score_small(pcd=clouds)
    assert float(lower_half_level(result.raw_scores)) == pytest.approx(1, abs=1e-5)
    peaks = torch.stack([values.max() for values in result.point_scores])
    assert torch.equal(result.raw_scores, peaks)


def plain(pixels):
    return parts.colors(pixels)


def doubled(pixels):
    return 2 * parts.colors(pixels)


plain.token_defaults = doubled.token_defaults = parts.Coarse.token_defaults


def test_the_scale_of_an_encoder_does_not_matter(rng):
    rgb = parts.images(rng, 7, defect=DEFECT)
    own, other = score_small(rgb, encoder_2d=plain), score_small(rgb, encoder_2d=doubled)
    assert torch.equal(own.scores, other.scores)


def test_modalities_have_one_level(rng):
    result = score_small(parts.images(rng, 9), parts.maps(rng, 9))
    levels = []
    for maps in (result.maps_2d, result.maps_3d):
        levels.append(float(lower_half_level(maps.peaks())))
    assert levels[0] == pytest.approx(levels[1], rel=1e-4)


@pytest.mark.parametrize("preset", ["published", "musc"])
def test_published_methods_keep_distances(preset):
    assert Config.from_preset(preset).score_unit == "distance"
    assert Config.from_preset("musc-v2").score_unit == "normal"


def test_equal_parts_and_two_parts_have_finite_scores(rng):
    with pytest.warns(InputWarning, match="exact copies"):
        equal = score_small(np.repeat(parts.images(rng, 1), 5, 0))
    assert bool(equal.scores.isfinite().all())
    two = score_small(parts.images(rng, 2))
    assert float(two.raw_scores.min()) == pytest.approx(1)
    assert bool((two.raw_scores < 2).all())


def test_pixels_outside_the_masks_do_not_count(rng):
    rgb = parts.images(rng, 6)
    masks = np.zeros(rgb.shape[:3], bool)
    masks[:, 18:] = True
    noisy = rgb.copy()
    noisy[:, :4] = rng.integers(0, 255, noisy[:, :4].shape, np.uint8)
    options = {"encoder_2d": plain}
    own = [score_small(images, masks=masks, **options).units[0]["2d"] for images in (rgb, noisy)]
    assert own[0] == pytest.approx(own[1], rel=0.01)
    whole = [score_small(images, **options).units[0]["2d"] for images in (rgb, noisy)]
    assert whole[1] > 1.05 * whole[0]


def test_references_set_the_unit_so_that_a_score_does_not_depend_on_its_company(rng):
    rgb, good = parts.images(rng, 4, defect=DEFECT), parts.images(rng, 12)
    alone = score_small(rgb[2:3], references={"rgb": good})
    together = score_small(rgb, references={"rgb": good})
    assert alone.units == together.units
    assert float(alone.raw_scores[0]) == pytest.approx(float(together.raw_scores[2]), rel=0.05)
    assert float(alone.raw_scores[0]) > 1.5
    assert alone.reference_scores is None


def test_good_references_are_scored_among_themselves(rng, tmp_path):
    rgb, good = parts.images(rng, 3, defect=DEFECT), parts.images(rng, 11)
    result = score_small(rgb, references={"rgb": good}, references_are_good=True)
    assert result.references_are_good
    among_good = score_small(good, config=SMALL.replace(score_unit="distance")).raw_scores
    unit = result.units[0]["2d"]
    assert unit == pytest.approx(float(among_good.median()), rel=1e-4)
    torch.testing.assert_close(result.reference_scores, among_good / unit, rtol=1e-4, atol=1e-4)
    result.save(tmp_path)
    back = Result.load(tmp_path)
    parts.same(back, result)
    assert back.units == result.units
    assert back.references_are_good
    assert torch.equal(back.reference_scores, result.reference_scores)


def test_good_references_in_distances_and_one_reference(rng):
    rgb, good = parts.images(rng, 3), parts.images(rng, 5)
    config = SMALL.replace(score_unit="distance")
    result = score_small(rgb, references={"rgb": good}, references_are_good=True, config=config)
    assert result.units == []
    assert len(result.reference_scores) == 5
    single = score_small(rgb, references={"rgb": good[:1]}, references_are_good=True)
    assert single.reference_scores is None
    assert bool(single.scores.isfinite().all())


def test_good_references_must_be_there(rng):
    with pytest.raises(InputError, match="references_are_good must be False without references"):
        score_small(parts.images(rng, 3), references_are_good=True)
    with pytest.raises(InputError, match="references_are_good must be True or False, got 1"):
        score_small(
            parts.images(rng, 3), references={"rgb": parts.images(rng, 3)}, references_are_good=1
        )


def test_tokens_with_references_have_the_unit_of_the_references(rng):
    tokens = torch.from_numpy(rng.standard_normal((8, 1, 4, 4, 6), dtype="float32"))
    result = score_tokens(tokens[:2], image_size=(16, 16), references={"image_tokens": tokens[2:]})
    other = score_tokens(tokens[1:2], image_size=(16, 16), references={"image_tokens": tokens[2:]})
    assert result.units == other.units


def test_at_most_32_references_are_scored_for_the_unit(rng, monkeypatch):
    from musc2 import method

    counts = []
    scored = method.patch_scores

    def counting(samples, *arguments, **options):
        counts.append(samples.count)
        return scored(samples, *arguments, **options)

    monkeypatch.setattr(method, "patch_scores", counting)
    tokens = torch.from_numpy(rng.standard_normal((51, 1, 2, 2, 3), dtype="float32"))
    score_tokens(tokens[:1], image_size=(8, 8), references={"image_tokens": tokens[1:]})
    assert sorted(counts) == [1, 32]
    assert score.__kwdefaults__["references_are_good"] is False
