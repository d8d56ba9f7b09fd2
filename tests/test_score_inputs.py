"""What score takes, in which sizes and forms, and what it refuses."""

import numpy as np
import parts
import pytest
import torch
from parts import SMALL, score_small
from PIL import Image

from musc2 import Config
from musc2.errors import DeviceError, InputError


def test_samples_of_different_sizes_get_maps_of_their_own(rng):
    sizes = [(36, 60), (50, 30), (36, 60)]
    result = score_small(
        [parts.images(rng, 1, size=size)[0] for size in sizes],
        config=SMALL.replace(mutual_copies=True),  # of the same pattern
    )
    assert [tuple(each.shape) for each in result.maps.at("input")] == sizes
    assert all(each.isfinite().all() for each in result.maps)


def test_images_and_maps_of_different_sizes_meet_at_the_image(rgb, rng):
    result = score_small(rgb, parts.maps(rng, size=(30, 40)))
    assert result.maps.at("input").shape == result.maps_3d.at("input").shape == (5, 36, 60)


def test_fit_keeps_the_aspect_ratio(rgb):
    sizes = []

    def encoder(images):
        sizes.append(tuple(images.shape))
        return parts.colors(images)

    encoder.patch = 8
    result = score_small(rgb, encoder_2d=encoder, config=SMALL.replace(input_resize="fit"))
    assert sizes == [(5, 3, 32, 48)]
    assert result.patch_scores_2d.shape == (5, 4, 6)
    assert result.maps.at("input").shape == (5, 36, 60)


def test_fit_refuses_images_of_different_aspect_ratios(rgb):
    given = [*rgb, np.zeros((50, 50, 3), np.uint8)]
    shapes = r"\(29, 48\), got \(48, 48\)"
    message = f"score: sample '5' must give pixels of the same shape .*, {shapes}; input_resize="
    with pytest.raises(InputError, match=message):
        score_small(given, config=SMALL.replace(input_resize="fit"))


def test_clouds_get_a_score_for_each_given_point(rng, pcd):
    clouds = [
        values.reshape(-1, 3)[: 400 + index].astype(np.float32) for index, values in enumerate(pcd)
    ]
    clouds[1][7] = np.nan
    clouds[2][:5] = 0
    result = score_small(pcd=clouds)
    assert result.maps is result.maps_2d is result.maps_3d is None
    assert [len(values) for values in result.point_scores] == [400, 401, 402, 403, 404]
    assert result.point_scores[1][7] == 0
    assert (result.point_scores[2][:5] == 0).all()
    assert [float(values.max()) for values in result.point_scores] == result.raw_scores.tolist()


def test_maps_and_clouds_do_not_mix(pcd):
    given = [pcd[0], pcd[1].reshape(-1, 3), pcd[2]]
    with pytest.raises(
        InputError,
        match=r"score: pcd must be all maps .* or all clouds .*, got both; sample '1' is",
    ):
        score_small(pcd=given)


def test_depth_with_intrinsics_scores_as_its_map(pcd):
    rows, columns = np.mgrid[:36, :60]
    depth = pcd[..., 2].astype(np.float32)
    z = depth[..., None]
    xyz = np.concatenate(
        [(columns[..., None] - 30) / 50 * z, (rows[..., None] - 18) / 40 * z, z], 3
    ).astype(np.float32)
    result = score_small(pcd=depth, intrinsics=(50, 40, 30, 18))
    torch.testing.assert_close(
        result.maps.at("input"), score_small(pcd=xyz).maps.at("input"), rtol=1e-3, atol=1e-4
    )


def test_outside_its_mask_a_map_is_zero_and_counts_for_nothing(rng):
    rgb = parts.images(rng, defect=(3, 20, 40))
    masks = np.zeros((5, 36, 60), bool)
    masks[:, :, :28] = True
    distances = SMALL.replace(score_unit="distance")  # the unit depends on what counts
    whole = score_small(rgb, config=distances)
    left = score_small(rgb, masks=masks, config=distances)
    assert int(whole.raw_scores.argmax()) == 3
    assert (left.maps.at("input")[:, :, 28:] == 0).all()
    assert left.maps[3][:, :28].max() > 0
    assert left.raw_scores[3] < whole.raw_scores[3]
    # The tokens of the whole image take part all the same.
    torch.testing.assert_close(left.patch_scores_2d, whole.patch_scores_2d)
    torch.testing.assert_close(left.maps.at("input")[:, :, :28], whole.maps.at("input")[:, :, :28])


def test_a_mask_keeps_points_out_and_may_have_another_size(rgb, pcd):
    masks = np.zeros((5, 18, 30), np.uint8)
    masks[:, 4:14, 5:25] = 255
    result = score_small(rgb, pcd, masks=list(masks))
    outside = ~np.kron(masks[0], np.ones((2, 2))).astype(bool)
    assert (result.maps.at("input")[:, torch.from_numpy(outside)] == 0).all()
    assert (result.maps_3d.at("input")[:, torch.from_numpy(outside)] == 0).all()


def test_references_only_score(rng):
    rgb, pcd = parts.images(rng, 8), parts.maps(rng, 8)
    # A search does not settle for a slightly farther patch; references have a unit of their own.
    exact = SMALL.replace(search_precision="float32", score_unit="distance")
    alone = score_small(rgb[:3], pcd[:3], references={"rgb": rgb[3:], "pcd": pcd[3:]}, config=exact)
    everyone = score_small(rgb, pcd, config=exact)
    assert len(alone.scores) == len(alone.maps) == 3
    torch.testing.assert_close(alone.patch_scores_2d, everyone.patch_scores_2d[:3])
    torch.testing.assert_close(alone.maps.at("input"), everyone.maps.at("input")[:3])
    assert score_small(rgb[:1], references={"rgb": rgb[1:]}).maps.at("input").shape == (1, 36, 60)


def test_paths_names_and_arrays_give_the_same(rgb, tmp_path):
    for index, image in enumerate(rgb):
        Image.fromarray(image).save(tmp_path / f"part_{index}.png")
    from_folder, from_array = score_small(tmp_path), score_small(rgb)
    parts.same(from_folder, from_array)
    assert from_folder.names == [f"part_{index}" for index in range(5)]
    assert from_array.names == ["0", "1", "2", "3", "4"]
    assert score_small(rgb, names=list("abcde")).names == list("abcde")


def test_a_sample_that_cannot_be_read_is_an_error_or_left_out(rgb, tmp_path):
    for index, image in enumerate(rgb):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    (tmp_path / "2.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"score: rgb\[2\] .*2\.png\) must be readable"):
        score_small(tmp_path)
    result = score_small(tmp_path, config=SMALL.replace(on_error="skip"))
    assert result.names == ["0", "1", "3", "4"]
    assert len(result.scores) == len(result.maps) == 4
    (failure,) = result.failures
    assert (failure.index, failure.name, failure.path) == (2, "2", tmp_path / "2.png")
    assert "rgb[2]" in failure.message
    assert result.paths == [tmp_path / f"{index}.png" for index in (0, 1, 3, 4)]
    assert "1 failed" in repr(result)
    torch.testing.assert_close(result.scores, score_small(rgb[[0, 1, 3, 4]]).scores)


def test_failed_references_are_named_as_such(rgb, pcd):
    empty = 2 * pcd
    empty[1] = 0
    with pytest.raises(InputError, match=r"score: references: pcd\[1\] must have foreground"):
        score_small(pcd=pcd, references={"pcd": empty})
    result = score_small(
        pcd=pcd,
        references={"pcd": empty},
        config=SMALL.replace(on_error="skip", mutual_copies=True),
    )
    (failure,) = result.failures
    assert (failure.index, failure.name, failure.is_reference) == (1, "1", True)
    assert failure.message.startswith("score: references: pcd[1] must have foreground")
    assert len(result.scores) == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rgb": None}, "rgb or pcd must be given"),
        ({"rgb": np.zeros((0, 8, 8, 3), np.uint8)}, "rgb must hold at least one sample"),
        (
            {"rgb": np.zeros((1, 8, 8, 3), np.uint8)},
            "rgb must be at least 2 samples when there are no .*, got 1",
        ),
        (
            {"config": "v3"},
            "config must be a musc2.Config or one of musc-v2, published, musc, got 'v3'",
        ),
        ({"config": {}}, "config must be a musc2.Config or one of .*, got dict"),
        ({"config": Config(subset_count=3)}, "subset_count must leave at least 2 samples"),
        (
            {"config": "musc", "pcd": True},
            "config.aggregate_separately .* is for images only; leave out pcd",
        ),
        (
            {"rgb": None, "pcd": True, "config": Config(search_window=1)},
            "rgb must be given when config.search_window is",
        ),
        ({"progress": "yes"}, "progress must be True, False or a callback"),
        (
            {"encoder_2d": 3},
            "encoder_2d must be the name of an encoder, an encoder or a callable, got int",
        ),
        (
            {"encoder_2d": None},
            "encoder_2d must be the name of an encoder, an encoder or a callable, got NoneType",
        ),
        ({"encoder_2d": "texure"}, "name must be one of .*, got 'texure'"),
        ({"device": "tpu"}, 'device must be "auto", "cpu", "cuda" or "cuda:N"'),
        (
            {"config": Config(encoder_layers=(1, 2))},
            "config.encoder_layers must be None with colors, which has no blocks to choose",
        ),
        (
            {"references": [1]},
            "references must be a mapping with keys among rgb, pcd, masks, got list",
        ),
        ({"references": {"image": 1}}, r"references must be a mapping .*, got \['image'\]"),
        ({"references": {"pcd": True}}, "references: rgb must be given exactly when rgb is"),
        (
            {"references": {"rgb": np.zeros((0, 8, 8, 3), np.uint8)}},
            "references: rgb must hold at least one sample",
        ),
        ({"names": ["a"]}, "names must be one for each of the 5 samples, got 1"),
    ],
)
def test_bad_arguments_are_named(rgb, pcd, given, message):
    given = {"rgb": rgb, **given}
    given |= {"pcd": pcd} if "pcd" in given else {}
    with pytest.raises((InputError, DeviceError), match=message):
        score_small(**given)


def test_a_size_that_patches_do_not_fill_is_refused(rgb):
    with pytest.raises(
        InputError, match=r"config\.input_size must be a multiple of 8 with coarse, got 50"
    ):
        score_small(rgb, encoder_2d=parts.Coarse(), config=Config(input_size=50))


def test_too_few_left_is_an_error(rgb):
    bad = [rgb[0], np.zeros((1, 1, 3), np.uint8)]
    with pytest.raises(
        InputError,
        match=r"only 1 of 2 samples could be read, at least 2 are needed; first .*rgb\[1\]",
    ):
        score_small(bad, config=SMALL.replace(on_error="skip"))


def test_equal_content_in_any_form_gives_equal_results(rgb, pcd, tmp_path):
    expected = score_small(rgb, pcd)
    for index in range(5):
        Image.fromarray(rgb[index]).save(tmp_path / f"{index}.png")
        np.save(tmp_path / f"{index}.npy", pcd[index])
    images = [
        torch.from_numpy(rgb),
        np.ascontiguousarray(rgb.transpose(0, 3, 1, 2)),
        rgb.astype(np.float32) / 255,
        rgb.astype(np.uint16) * 257,
        np.asfortranarray(rgb),
        list(rgb),
        [Image.fromarray(image) for image in rgb],
        [np.concatenate([image, image[..., :1]], 2) for image in rgb],
        [str(tmp_path / f"{index}.png") for index in range(5)],
    ]
    maps = [
        torch.from_numpy(pcd),
        list(pcd),
        np.moveaxis(pcd, 3, 1),
        np.where(pcd == 0, np.nan, pcd),
        [tmp_path / f"{index}.npy" for index in range(5)],
    ]
    for form in images:
        parts.same(score_small(form, pcd), expected)
    for form in maps:
        parts.same(score_small(rgb, form), expected)
