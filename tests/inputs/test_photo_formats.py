"""Photos of phones and cameras, whose readers are packages of their own."""

import sys
import types

import numpy as np
import pytest
from PIL import Image

from musc2 import inputs
from musc2.errors import InputError


def read(path):
    return np.asarray(inputs.list_images([path])[0].read())


@pytest.mark.parametrize(
    ("ending", "package", "line"),
    [
        ("heic", "pillow_heif", "is a heif image, .*: pip install pillow-heif"),
        ("HEIF", "pillow_heif", "is a heif image, .*: pip install pillow-heif"),
        ("cr2", "rawpy", "is a camera's raw file, .*: pip install rawpy"),
        ("dng", "rawpy", "is a camera's raw file, .*: pip install rawpy"),
    ],
)
def test_a_missing_reader_is_named(tmp_path, monkeypatch, ending, package, line):
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"photo")
    with pytest.raises(InputError, match=rf"score: rgb\[0\] \(.*a.{ending}\) {line}"):
        read(path)


def test_heif_photos_in_a_folder_are_parts_raw_files_only_if_alone(tmp_path):
    for name in ("0.heic", "1.cr2"):
        (tmp_path / name).write_bytes(b"photo")
    assert [source.path.name for source in inputs.list_images(tmp_path)] == ["0.heic"]
    (tmp_path / "0.heic").unlink()
    assert [source.path.name for source in inputs.list_images(tmp_path)] == ["1.cr2"]


def test_heif_photos_are_read(tmp_path, rng):
    pillow_heif = pytest.importorskip("pillow_heif")
    pixels = np.repeat(np.repeat(rng.integers(0, 256, (6, 8, 3), np.uint8), 16, 0), 16, 1)
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(path, quality=-1)
    assert np.abs(read(path).astype(int) - pixels).mean() < 4
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"a.heic\) must be readable, got"):
        read(path)


class Photo:
    """Stands for a file that rawpy has opened."""

    def __init__(self, pixels, size):
        self.pixels = pixels
        self.sizes = types.SimpleNamespace(raw_height=size[0], raw_width=size[1])

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def postprocess(self, **options):
        assert options == {"use_camera_wb": True, "no_auto_bright": True}
        return self.pixels


def test_raw_photos_are_developed_alike_and_bounded_by_their_file(tmp_path, monkeypatch, rng):
    pixels = rng.integers(0, 256, (6, 8, 3), np.uint8)
    sizes = [(6, 8)]
    reader = types.SimpleNamespace(imread=lambda file: Photo(pixels, sizes[0]))
    monkeypatch.setitem(sys.modules, "rawpy", reader)
    (tmp_path / "a.NEF").write_bytes(bytes(100))
    assert (read(tmp_path / "a.NEF") == pixels).all()
    sizes[0] = (60_000, 80_000)
    with pytest.raises(InputError, match="got 60000 x 80000 pixels in 100 bytes"):
        read(tmp_path / "a.NEF")


def test_damaged_raw_photos_are_refused(tmp_path):
    pytest.importorskip("rawpy")
    (tmp_path / "a.cr2").write_bytes(b"II*\0" + bytes(60))
    with pytest.raises(InputError, match=r"a.cr2\) must be readable, got"):
        read(tmp_path / "a.cr2")


def test_colors_under_transparency_do_not_count(tmp_path, rng):
    pixels = rng.integers(0, 256, (6, 8, 4), np.uint8)
    pixels[:3, :, 3], pixels[3:, :, 3] = 0, 255
    Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    expected = np.where(pixels[..., 3:] == 0, 0, pixels[..., :3])
    assert (read(tmp_path / "a.png") == expected).all()
    gray = Image.fromarray(pixels[..., [0, 3]], "LA")
    gray.save(tmp_path / "gray.png")
    assert (read(tmp_path / "gray.png") == np.where(pixels[..., 3:] == 0, 0, pixels[..., :1])).all()
    keyed = Image.fromarray(np.full((6, 8, 3), 200, np.uint8))
    keyed.save(tmp_path / "keyed.png", transparency=(200, 200, 200))
    assert (read(tmp_path / "keyed.png") == 0).all()


def test_of_deep_pages_the_first_is_read(tmp_path, rng):
    import tifffile

    pages = rng.integers(0, 65536, (3, 6, 8, 3), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="rgb")
    np.testing.assert_allclose(read(tmp_path / "a.tif"), pages[0] / 65535, rtol=1e-6)
