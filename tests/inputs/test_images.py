"""Images of every form: read as the same picture, or refused with an error that helps."""

import warnings

import numpy as np
import pytest
import tifffile
import torch
from forms import Arrayed, Exported
from PIL import Image

from musc2 import inputs
from musc2.errors import InputError


def read(rgb):
    return [np.asarray(source.read()) for source in inputs.list_images(rgb)]


@pytest.fixture
def rgb(rng):
    return rng.integers(0, 256, (4, 6, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 6, 8, 3), (5, 6, 8)),
        ((5, 3, 6, 8), (5, 6, 8)),
        ((5, 6, 8, 1), (5, 6, 8)),
        ((5, 1, 6, 8), (5, 6, 8)),
        ((5, 6, 8, 4), (5, 6, 8)),
        ((5, 4, 6, 8), (5, 6, 8)),
        ((5, 3, 50, 3), (5, 3, 50)),  # the last axis before the first
        ((5, 3, 50, 4), (5, 50, 4)),  # 3 channels before 4
        ((5, 3, 50, 1), None),  # channels first, and then an image one pixel wide
        ((5, 6, 8), (5, 6, 8)),  # gray
        ((3, 6, 8), (3, 6, 8)),  # gray too
        ((6, 8, 3), (1, 6, 8)),  # one image
        ((6, 8, 4), (1, 6, 8)),
        ((6, 8), (1, 6, 8)),
    ],
)
def test_the_axis_of_the_channels_follows_the_rule(rng, shape, expected):
    stack = rng.integers(0, 256, shape, dtype=np.uint8)
    if expected is None:
        with pytest.raises(
            InputError, match=r"rgb\[0\] must be an image of at least 2 x 2 pixels, got 50 x 1"
        ):
            read(stack)
    else:
        images = read(stack)
        assert (len(images), *images[0].shape) == (*expected, 3)


def test_gray_becomes_three_equal_channels_and_alpha_is_dropped(rgb):
    gray = read(rgb[..., 0])[1]
    assert all((gray[..., channel] == rgb[1, ..., 0]).all() for channel in range(3))
    with_alpha = np.concatenate([rgb, np.zeros_like(rgb[..., :1])], axis=3)
    assert (np.stack(read(with_alpha)) == rgb).all()


def test_pil_images_of_every_mode_are_read(rgb, rng):
    image = Image.fromarray(rgb[0])
    assert (read(image)[0] == rgb[0]).all()
    assert (read([image.convert("RGBA")])[0] == rgb[0]).all()
    for mode in ("L", "LA", "1", "CMYK", "YCbCr", "P"):
        converted = image.convert(mode)
        assert (read([converted])[0] == np.asarray(converted.convert("RGB"))).all(), mode
    palette = image.convert("P")
    palette.info["transparency"] = bytes(range(256))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opaque = np.asarray(image.convert("P").convert("RGB"))
        alpha = np.asarray(image.convert("P"))[..., None] / 255
        assert np.abs(read([palette])[0] - opaque * alpha).max() <= 1
    deep = rng.integers(0, 65536, (6, 8), dtype=np.uint16)
    for values in (deep, deep.astype(np.int32)):
        np.testing.assert_allclose(
            read([Image.fromarray(values)])[0][..., 1], deep / 65535, rtol=1e-6
        )
    np.testing.assert_allclose(
        read([Image.fromarray((deep / 65535).astype(np.float32))])[0][..., 2], deep / 65535, 1e-6
    )


def test_a_pil_image_that_is_listed_twice_is_read_once(tmp_path, rgb):
    Image.fromarray(rgb[0]).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        samples = inputs.pair([image] * 8)
        preparation = inputs.Preparation(size=8)
        loaded = list(inputs.load(samples, preparation, on_error="raise", threads=4, ahead=8))
    assert all(torch.equal(prepared.image, loaded[0].image) for prepared in loaded)


def test_eight_bit_values_are_the_same_in_every_type_and_deeper_ones_keep_their_depth(rgb):
    for dtype in (np.float16, np.float32, np.float64):
        assert (np.stack(read((rgb / 255).astype(dtype))) == rgb).all()
    assert (np.stack(read(rgb.astype(np.uint16) * 257)) == rgb).all()
    deep = rgb.astype(np.uint16) * 257 + np.uint16(100) * (rgb < 200)
    np.testing.assert_allclose(np.stack(read(deep)), deep / 65535, rtol=1e-6)
    np.testing.assert_allclose(np.stack(read(deep / 65535)), deep / 65535, rtol=1e-6)
    assert read(torch.rand(2, 3, 6, 8).bfloat16())[0].dtype == np.float32


def test_arrays_of_other_libraries_are_read_by_dlpack_or_array(rgb):
    for form in (
        Arrayed(rgb),
        Exported(rgb),
        Exported(torch.from_numpy(rgb)),
        list(map(Arrayed, rgb)),
        tuple(rgb),
    ):
        assert (np.stack(read(form)) == rgb).all()
    wide = torch.rand(4, 3, 6, 8, requires_grad=True)
    assert (np.stack(read(wide)) == wide.detach().permute(0, 2, 3, 1).numpy()).all()
    assert read(Exported(wide.detach().bfloat16()))[0].shape == (6, 8, 3)
    assert (np.stack(read(rgb.astype(">u2") * 257)) == rgb).all()


def test_files_are_read_by_content(tmp_path, rgb):
    for index, ending in enumerate(["png", "bmp", "tif", "webp"]):
        Image.fromarray(rgb[index]).save(tmp_path / f"{index}.{ending}", lossless=True)
    np.save(tmp_path / "4.npy", rgb[3])
    np.savez(tmp_path / "5.npz", rgb[2])
    deep = rgb[0].astype(np.uint16) * 257 + np.uint16(100) * (rgb[0] < 200)
    tifffile.imwrite(
        tmp_path / "6.tif", deep, photometric="rgb"
    )  # which PIL would cut down to 8 bits
    images = read(
        [str(path) if index % 2 else path for index, path in enumerate(sorted(tmp_path.iterdir()))]
    )
    assert (np.stack(images[:6]) == rgb[[0, 1, 2, 3, 3, 2]]).all()
    np.testing.assert_allclose(images[6], deep / 65535, rtol=1e-6)
    for photometric, planes in (("rgb", deep.transpose(2, 0, 1)), ("minisblack", deep[..., 0])):
        apart = {"planarconfig": "separate"} if photometric == "rgb" else {}
        tifffile.imwrite(
            tmp_path / "7.tif", planes, photometric=photometric, byteorder=">", **apart
        )
        expected = deep / 65535 if photometric == "rgb" else deep[..., :1].repeat(3, 2) / 65535
        np.testing.assert_allclose(read(tmp_path / "7.tif")[0], expected, rtol=1e-6)
    assert (read(np.array([str(tmp_path / "1.bmp")]))[0] == rgb[1]).all()
    assert (read(tmp_path / "1.bmp")[0] == rgb[1]).all()


def test_a_folder_comes_in_the_order_of_its_stems(tmp_path, rgb):
    for name, image in zip(["b.png", "a-1.png", "a.PNG", ".hidden.png"], rgb, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "more").mkdir()
    assert [source.path.name for source in inputs.list_images(tmp_path)] == [
        "a.PNG",
        "a-1.png",
        "b.png",
    ]
    assert (np.stack(read(str(tmp_path))) == rgb[[2, 1, 0]]).all()


@pytest.mark.parametrize(
    ("rgb", "message"),
    [
        (np.zeros((0, 6, 8, 3), np.uint8), "rgb must hold at least one sample, got none"),
        ([], "rgb must hold at least one sample, got none"),
        (np.zeros((2, 0, 8, 3), np.uint8), r"rgb\[0\] must not be empty, got \(0, 8, 3\)"),
        (
            np.zeros((2, 6, 8, 3), np.int64),
            r"rgb\[0\] must be uint8, uint16, or floating in \[0, 1\], got int64",
        ),
        (
            [np.zeros((6, 8), bool)],
            r"rgb\[0\] must be uint8, uint16, or floating in \[0, 1\], got bool",
        ),
        (
            np.full((2, 6, 8), 255.0),
            r"rgb\[0\] must be in \[0, 1\] when floating, got 255; divide by 255, or pass uint8",
        ),
        (np.full((2, 6, 8), -1.5), r"rgb\[0\] must be in \[0, 1\] when floating, got -1.5$"),
        (np.full((2, 6, 8), np.nan), r"rgb\[0\] must be in \[0, 1\] when floating, got nan$"),
        (np.full((2, 6, 8), np.inf), r"rgb\[0\] must be in \[0, 1\] when floating, got inf$"),
        (
            np.zeros((2, 1, 1, 3), np.uint8),
            r"rgb\[0\] must be an image of at least 2 x 2 pixels, got 1 x 1",
        ),
        (
            np.zeros((2, 6, 8, 5), np.uint8),
            r"rgb\[0\] must have shape \(H, W, 3\), .* got \(6, 8, 5\)",
        ),
        (
            np.zeros((2, 2, 2, 2, 3)),
            r"rgb must have shape \(N, H, W, 3\), .* got \(2, 2, 2, 2, 3\)",
        ),
        (np.zeros(7), r"rgb must have shape .* got \(7,\)"),
        (
            [np.zeros((6, 8, 3)), np.zeros((2, 6, 8, 3))],
            r"rgb\[1\] must have shape .* got \(2, 6, 8, 3\)",
        ),
        (
            [np.zeros((6, 8, 3)), [[0, 1]]],
            r"rgb\[1\] must be an array, an image or a path, got list",
        ),
        (iter([]), "rgb must hold at least one sample, got none"),
        ({"a": 1}, "rgb must be an array, a list of .*, or a folder, got dict"),
        (b"bytes", "rgb must be an array, a list of .*, or a folder, got bytes"),
        ("nowhere", "rgb must be a file or folder that exists, got nowhere"),
        (["nowhere.png"], r"rgb\[0\] \(nowhere.png\) must be readable, got FileNotFoundError"),
        (
            [Image.fromarray(np.full((4, 4), 70000, np.int32))],
            r"rgb\[0\] must be within 0 and 65535 .* got 70000",
        ),
    ],
)
def test_unusable_images_are_named(rgb, message):
    with pytest.raises(InputError, match="score: " + message):
        read(rgb)


def test_damaged_files_are_named(tmp_path, rgb):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)).save(
        tmp_path / "whole.png"
    )
    whole = (tmp_path / "whole.png").read_bytes()
    for name, content in [
        ("cut.png", whole[:9000]),
        ("text.png", b"text"),
        ("none.tif", b""),
        ("bad.npy", b"x"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            InputError,
            match=rf"score: rgb\[1\] \(.*{name}\) must be readable.*, got \w+",
        ):
            read([rgb[0], tmp_path / name])
    np.savez(tmp_path / "two.npz", a=rgb, b=rgb)
    with pytest.raises(InputError, match=r"two.npz\) must hold exactly one array, got 2: a, b"):
        read([tmp_path / "two.npz"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        InputError, match=r"rgb \(.*empty\) must hold files that end in .png, .*, got none"
    ):
        read(tmp_path / "empty")
