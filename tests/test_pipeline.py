import multiprocessing

import backends
import numpy as np
import pytest
import samples
import torch

from musc2 import Config, _cpu, score_tokens
from musc2.ops import link_patches, lowest_mean, nearest_patches
from musc2.stages.aggregate import image_features
from musc2.stages.enhance import enhance

SIZE = (30, 26)

# Without the units that are taken from all samples of a call.
UNITS_OFF = {"score_unit": "distance", "layer_fusion": "mean"}
PLAIN = Config(**UNITS_OFF)


def close(found, expected, rtol=1e-5, atol=1e-6):
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)


def both(rng, count=6, **options):
    return {
        "image_tokens": samples.image_tokens(rng, count),
        "point_tokens": samples.point_tokens(rng, count),
        "clouds": samples.clouds(rng, count, **options),
    }


def some(given, chosen):
    return {
        name: [value[i] for i in chosen] if isinstance(value, list) else value[chosen]
        for name, value in given.items()
    }


@pytest.mark.parametrize(
    "backend", backends.names("score_tokens")[len(_cpu.isas()) - 1 :], indirect=True
)
@pytest.mark.parametrize("modality", ["2d", "3d", "2d3d"])
def test_published_agrees_with_the_published_code(backend, golden, modality):
    g, image, point, clouds = samples.end_to_end(golden)
    given = {"image_size": (64, 64)}
    given |= {"image_tokens": image} if "2d" in modality else {}
    given |= {"point_tokens": point, "clouds": clouds} if "3d" in modality else {}
    prefix = {"2d": "2d", "3d": "3d", "2d3d": "2d3d_stable"}[modality]
    result = score_tokens(**given, config="published")
    layers = [score_tokens(**{**given, **_layer(given, i)}, config="published") for i in range(3)]
    if modality == "2d3d":
        found = torch.stack(
            [torch.cat([one.patch_scores_2d.flatten(1), one.patch_scores_3d], 1) for one in layers]
        )
        expected = np.concatenate(
            [g[f"{prefix}_scores2d_layers"], g[f"{prefix}_scores3d_layers"]], 2
        )
        _mostly(found, expected)
        _mostly(result.maps.at("input"), g[f"{prefix}_maps"])
    else:
        found = torch.stack(
            [
                one.patch_scores_2d.flatten(1) if modality == "2d" else one.patch_scores_3d
                for one in layers
            ]
        )
        np.testing.assert_allclose(found, g[f"{prefix}_scores_layers"], rtol=1e-5, atol=1e-5)
        # One level of the 8-bit blur may flip where rounding does; 2D maps have none.
        level = 0.0 if modality == "2d" else float(g[f"{prefix}_maps"].max()) / 255
        np.testing.assert_allclose(
            result.maps.at("input"), g[f"{prefix}_maps"], rtol=1e-5, atol=1e-5 + level
        )
    np.testing.assert_allclose(result.raw_scores, g[f"{prefix}_ac_score"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(result.scores, g[f"{prefix}_scores_cls"], rtol=1e-4, atol=1e-4)


def _layer(given, index):
    return {
        name: given[name][:, index : index + 1]
        for name in ("image_tokens", "point_tokens")
        if name in given
    }


def _mostly(found, expected):
    """Compare within the goldens' tolerance: near ties swap ranks with their rounding."""
    difference = np.abs(found.numpy() - expected)
    assert difference.max() < 1e-3
    assert (difference > 1e-4).mean() < 1e-3


def test_enhancement_is_exact_given_the_published_distances(golden):
    g, _, _, clouds = samples.end_to_end(golden)
    for layer, i in [(0, 0), (1, 3), (2, 7)]:
        z, others = (
            [torch.from_numpy(g[name][layer]) for name in ("2d_Z", "3d_Z")],
            [j for j in range(8) if j != i],
        )
        # As published: torch.cdist by matrix products, whose rounding decides near ties.
        mode = "use_mm_for_euclid_dist"
        d = [
            torch.stack([torch.cdist(f[i], f[j], compute_mode=mode).amin(1) for j in others], 1)
            for f in z
        ]
        links = link_patches(clouds[i].pixels[clouds[i].centers], size=(64, 64), grid=(8, 8))
        for enhanced, name in zip(enhance(*d, links), ("2d", "3d"), strict=True):
            expected = g[f"2d3d_stable_scores{name}_layers"][layer, i]
            np.testing.assert_allclose(lowest_mean(enhanced), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("preset", "modality"),
    [(preset, modality) for preset in ("musc-v2", "published") for modality in ("2d", "3d", "2d3d")]
    + [("musc", "2d")],
)
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_few_samples_give_finite_scores(rng, preset, modality, count):
    given = both(rng, count)
    given = {
        name: value
        for name, value in given.items()
        if ("2d" if name == "image_tokens" else "3d") in modality
    }
    result = score_tokens(**given, config=preset, image_size=(24, 20))
    assert result.scores.shape == result.raw_scores.shape == (count,)
    assert result.maps.at("input").shape == (count, 24, 20)
    assert all(
        values.isfinite().all()
        for values in (result.scores, result.raw_scores, result.maps.at("input"))
    )
    assert result.config == Config.from_preset(preset)
    assert {"inputs", "aggregate", "mutual", "maps", "rescore"} <= set(result.timings)
    assert result.names == [str(index) for index in range(count)]


@pytest.mark.parametrize("preset", ["musc-v2", "published"])
def test_a_planted_defect_scores_highest(rng, preset):
    given = both(rng, 8)
    given["image_tokens"][5, :, 1, 2] += 8
    given["point_tokens"][5, :, 7] += 8
    result = score_tokens(**given, config=preset)
    assert int(result.scores.argmax()) == int(result.raw_scores.argmax()) == 5
    assert int(result.patch_scores_2d[5].argmax()) == 1 * 5 + 2
    assert int(result.patch_scores_3d[5].argmax()) == 7


def test_raw_is_the_highest_value_of_the_summed_maps(rng):
    result = score_tokens(**both(rng))
    close(result.maps.at("input"), result.maps_2d.at("input") + result.maps_3d.at("input"))
    assert torch.equal(result.raw_scores, result.maps.at("input").flatten(1).amax(1))
    assert [len(values) for values in result.point_scores] == [18 * 16] * 6


def test_constant_samples_give_finite_scores():
    result = score_tokens(
        np.ones((5, 2, 3, 3, 4), np.float32), image_size=(9, 9), config="published"
    )
    assert result.scores.isfinite().all()
    assert result.maps.at("input").abs().max() < 1e-3


def test_v1_is_the_mean_over_layers_and_degrees_apart(rng):
    tokens = samples.image_tokens(rng, 7)
    result = score_tokens(tokens, image_size=SIZE, config="musc")
    expected = []
    for layer in range(3):
        for z in image_features(
            torch.from_numpy(tokens[:, layer]),
            separately=True,
            weighting="uniform",
            layer_norm=True,
        ):
            expected.append(lowest_mean(nearest_patches(z)))
    close(result.patch_scores_2d.flatten(1), torch.stack(expected).mean(0))


def test_references_only_score(rng):
    given = both(rng, 9)
    references, config = some(given, [3, 4, 5, 6, 7, 8]), PLAIN
    alone = score_tokens(**some(given, [0, 1, 2]), references=references, config=config)
    everyone = score_tokens(**given, config=config)
    assert len(alone.scores) == 3
    close(alone.patch_scores_2d, everyone.patch_scores_2d[:3])
    close(alone.patch_scores_3d, everyone.patch_scores_3d[:3])
    close(alone.maps.at("input"), everyone.maps.at("input")[:3])
    close(alone.raw_scores, everyone.raw_scores[:3])


@pytest.mark.parametrize("preset", ["musc-v2", "published", "musc"])
def test_one_sample_with_references_is_scored(rng, preset):
    tokens = samples.image_tokens(rng, 4)
    references = {"image_tokens": tokens[1:]}
    config = Config.from_preset(preset).replace(**UNITS_OFF)
    result = score_tokens(tokens[:1], image_size=SIZE, references=references, config=config)
    close(
        result.patch_scores_2d,
        score_tokens(tokens, image_size=SIZE, config=config).patch_scores_2d[:1],
    )
    assert torch.equal(result.scores, result.raw_scores)


@pytest.mark.parametrize("balance", ["never", "always"])
@pytest.mark.parametrize("referenced", [False, True])
def test_row_panels_give_the_same_scores(rng, balance, referenced):
    given = both(rng, 9)
    references = some(given, [7, 8]) if referenced else None
    given = some(given, list(range(7))) if referenced else given
    config = Config(search_precision="float32", enhance_balance=balance)
    whole = score_tokens(**given, references=references, config=config)
    panels = score_tokens(
        **given, references=references, config=config.replace(memory=4 * 36 * 9 * 2)
    )
    close(panels.patch_scores_2d, whole.patch_scores_2d, rtol=1e-4, atol=1e-5)
    close(panels.patch_scores_3d, whole.patch_scores_3d, rtol=1e-4, atol=1e-5)
    close(panels.scores, whole.scores, rtol=1e-4, atol=1e-5)


def test_subsets_score_their_own_samples(rng):
    given = both(rng, 8)
    config = PLAIN.replace(subset_count=2, seed=5)
    result = score_tokens(**given, config=config)
    parts = [np.sort(part) for part in np.array_split(np.random.default_rng(5).permutation(8), 2)]
    for part in parts:
        own = score_tokens(**some(given, part.tolist()), config=config.replace(subset_count=1))
        close(result.patch_scores_2d[part], own.patch_scores_2d)
        close(result.patch_scores_3d[part], own.patch_scores_3d)
        close(result.raw_scores[part], own.raw_scores)
    assert torch.equal(result.scores, score_tokens(**given, config=config).scores)


def test_a_window_finds_what_is_out_of_place(rng):
    tokens = np.repeat(rng.standard_normal((1, 1, 4, 6, 8)), 6, 0) + 0.01 * rng.standard_normal(
        (6, 1, 4, 6, 8)
    )
    tokens[2, :, :, :3], tokens[2, :, :, 3:] = (
        tokens[2, :, :, 3:].copy(),
        tokens[2, :, :, :3].copy(),
    )
    tokens = tokens.astype(np.float32)
    config = Config(aggregate_degrees=(1,), score_unit="distance")
    anywhere = score_tokens(tokens, image_size=SIZE, config=config)
    at_home = score_tokens(tokens, image_size=SIZE, config=config.replace(search_window=1))
    assert anywhere.raw_scores[2] < 0.1
    assert at_home.raw_scores[2] > 0.5
    assert at_home.raw_scores.argmax() == 2


def test_clouds_of_different_sizes_get_maps_of_their_own(rng):
    clouds = samples.clouds(rng, 2) + samples.clouds(rng, 2, size=(31, 17))
    given = {
        "image_tokens": samples.image_tokens(rng, 4),
        "point_tokens": samples.point_tokens(rng, 4),
    }
    result = score_tokens(**given, clouds=clouds)
    assert [tuple(m.shape) for m in result.maps.at("input")] == [
        (24, 20),
        (24, 20),
        (31, 17),
        (31, 17),
    ]
    assert [tuple(m.shape) for m in result.maps_3d.at("input")] == [
        tuple(m.shape) for m in result.maps_2d.at("input")
    ]
    assert [float(m.max()) for m in result.maps.at("input")] == result.raw_scores.tolist()


def test_clouds_without_pixels_get_scores_per_point(rng):
    clouds = samples.clouds(rng, 5, pixels=False)
    result = score_tokens(point_tokens=samples.point_tokens(rng, 5), clouds=clouds)
    assert result.maps is result.maps_2d is result.maps_3d is None
    assert [len(values) for values in result.point_scores] == [
        len(cloud.points) for cloud in clouds
    ]
    assert result.raw_scores.tolist() == [float(values.max()) for values in result.point_scores]


def test_the_scale_of_a_modality_does_not_matter_when_balanced(rng):
    given = both(rng)
    scaled = {**given, "point_tokens": 1024 * given["point_tokens"]}
    config = Config(aggregate_normalize=False, aggregate_degrees=(1,), score_unit="distance")
    balanced, same = score_tokens(**given, config=config), score_tokens(**scaled, config=config)
    close(same.patch_scores_2d, balanced.patch_scores_2d)
    close(same.patch_scores_3d, balanced.patch_scores_3d)
    assert 0.5 < float(balanced.patch_scores_2d.median() / balanced.patch_scores_3d.median()) < 2
    never = score_tokens(**scaled, config=config.replace(enhance_balance="never"))
    assert float(never.patch_scores_3d.median() / never.patch_scores_2d.median()) > 100


def test_unit_tokens_and_single_modalities_are_not_balanced(rng):
    given = both(rng)
    never = Config(enhance_balance="never")
    close(
        score_tokens(**given).patch_scores_2d,
        score_tokens(**given, config=never).patch_scores_2d,
        rtol=0,
        atol=0,
    )
    tokens, config = given["image_tokens"], Config(aggregate_normalize=False)
    found = score_tokens(tokens, image_size=SIZE, config=config).patch_scores_2d
    assert torch.equal(
        found,
        score_tokens(
            tokens, image_size=SIZE, config=config.replace(enhance_balance="always")
        ).patch_scores_2d,
    )


def test_class_tokens_take_the_place_of_the_image_features(rng):
    tokens = samples.image_tokens(rng, 6)
    classes = np.repeat(np.eye(3, dtype=np.float32), 2, 0)
    result = score_tokens(
        tokens, image_size=SIZE, class_tokens=classes, config=Config(rescore_neighbors=(2,))
    )
    pairs = result.raw_scores.reshape(3, 2).mean(1)
    close(result.scores, pairs.repeat_interleave(2))


def test_rescoring_keeps_the_scale_of_the_raw_scores(rng):
    tokens = samples.image_tokens(rng, 9)
    result = score_tokens(tokens, image_size=SIZE)
    assert (
        result.raw_scores.min()
        <= result.scores.min()
        <= result.scores.max()
        <= result.raw_scores.max()
    )


def test_rescoring_can_be_left_out(rng):
    tokens = samples.image_tokens(rng, 9)
    result = score_tokens(tokens, image_size=SIZE, config=Config(rescore=False))
    assert torch.equal(result.scores, result.raw_scores)
    assert "rescore" not in result.timings
    assert not torch.equal(result.raw_scores, score_tokens(tokens, image_size=SIZE).scores)


def test_one_layer_is_enough(rng):
    result = score_tokens(samples.image_tokens(rng, 5, layers=1), image_size=SIZE)
    assert result.scores.isfinite().all()


def test_numpy_and_torch_and_strided_tokens_give_the_same(rng):
    tokens = samples.image_tokens(rng)
    expected = score_tokens(tokens, image_size=SIZE).scores
    assert torch.equal(
        score_tokens(torch.from_numpy(tokens), image_size=list(SIZE)).scores, expected
    )
    strided = torch.from_numpy(np.ascontiguousarray(tokens.transpose(4, 0, 1, 2, 3))).permute(
        1, 2, 3, 4, 0
    )
    assert torch.equal(score_tokens(strided, image_size=SIZE).scores, expected)


def test_results_repeat_and_the_input_is_left_alone(rng, over_threads):
    given = both(rng)
    before = {name: value.copy() for name, value in given.items() if name != "clouds"}
    points = [cloud.points.clone() for cloud in given["clouds"]]
    for preset in ("musc-v2", "published"):
        one, *others = over_threads(lambda preset=preset: score_tokens(**given, config=preset))
        for other in others:
            assert torch.equal(one.scores, other.scores)
            assert torch.equal(one.maps.at("input"), other.maps.at("input"))
    assert all(np.array_equal(given[name], value) for name, value in before.items())
    assert all(
        torch.equal(cloud.points, was) for cloud, was in zip(given["clouds"], points, strict=True)
    )


def _in_child(queue, given):
    queue.put(score_tokens(**given).scores.tolist())


def test_a_forked_child_scores_as_its_parent_did(rng):
    given = both(rng, 8, size=(224, 224))
    here = score_tokens(**given).scores.tolist()
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(queue, given))
    child.start()
    child.join(60)
    hangs = child.is_alive()
    child.kill()
    assert not hangs
    np.testing.assert_allclose(queue.get(), here, rtol=1e-6)
