"""Of a tiff file in strips or tiles, only what is looked at is decoded."""

import subprocess
import sys

import numpy as np
import parts
import pytest
import tifffile
import torch
from parts import SMALL, score_small
from PIL import Image

from musc2._tiles.tiff_segments import open_segments
from musc2.errors import InputError
from musc2.inputs import images

WRITTEN = {
    "one strip": {},
    "strips": {"rowsperstrip": 16},
    "deflate": {"rowsperstrip": 16, "compression": "zlib"},
    "predictor": {"rowsperstrip": 16, "compression": "zlib", "predictor": True},
    "tiles": {"tile": (32, 48)},
    "deflated tiles": {"tile": (32, 48), "compression": "zlib", "predictor": True},
    "big": {"bigtiff": True, "rowsperstrip": 7},
    "big-endian": {"byteorder": ">", "rowsperstrip": 16},
}
BOXES = [(0, 0, 100, 131), (10, 5, 60, 100), (31, 47, 33, 49), (99, 100, 100, 131)]


def same_boxes(path):
    segments = open_segments(path, images.RGB)
    whole = np.asarray(images.read_image(path, "score"))
    assert segments.size == whole.shape[:2]
    for top, left, bottom, right in BOXES:
        own = np.asarray(segments.crop((top, left, bottom, right)))
        np.testing.assert_array_equal(own, whole[top:bottom, left:right])


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("shape", [(100, 131, 3), (100, 131)])
def test_boxes_are_those_of_the_whole_image(rng, tmp_path, form, shape):
    tifffile.imwrite(tmp_path / "a.tif", rng.integers(0, 256, shape, np.uint8), **WRITTEN[form])
    same_boxes(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_other_compressions(rng, tmp_path, compression, mode):
    image = Image.fromarray(rng.integers(0, 256, (100, 131, 3), np.uint8)).convert(mode)
    image.save(tmp_path / "a.tif", compression=compression, tiffinfo={278: 16})
    same_boxes(tmp_path / "a.tif")
    assert open_segments(tmp_path / "a.tif", images.RGB).segments.grid[0] > 1


def test_rows_above_are_let_go(rng, tmp_path):
    pixels = rng.integers(0, 256, (1000, 60, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, rowsperstrip=10, compression="zlib")
    segments = open_segments(tmp_path / "a.tif", images.RGB)
    for top in range(0, 960, 40):
        segments.crop((top, 0, top + 40, 60))
        assert len(segments.decoded) == 4


OTHERS = {
    "16 bits": ((100, 131, 3), np.uint16, {}),
    "alpha": ((100, 131, 4), np.uint8, {}),
    "floating": ((100, 131), np.float32, {}),
    "planes": ((3, 100, 131), np.uint8, {"planarconfig": "separate", "photometric": "rgb"}),
    "inverted": ((100, 131), np.uint8, {"photometric": "miniswhite"}),
    "turned": ((100, 131, 3), np.uint8, {"extratags": [(274, 3, 1, 6, True)]}),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_images_are_read_as_a_whole(rng, tmp_path, kind):
    shape, dtype, options = OTHERS[kind]
    tifffile.imwrite(tmp_path / "a.tif", (rng.random(shape) * 255).astype(dtype), **options)
    assert open_segments(tmp_path / "a.tif", images.RGB) is None


def test_what_is_no_tiff_is_left_to_those_who_read_all_of_it(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0nothing")
    assert open_segments(tmp_path / "a.tif", images.RGB) is None


def boards(rng, folder):
    rgb = parts.images(rng, 5, size=(150, 230), defect=(3, 60, 61))
    for number, image in enumerate(rgb):
        pixels = np.rint(255 * np.asarray(image)).astype(np.uint8)
        tifffile.imwrite(folder / f"{number}.tif", pixels, rowsperstrip=16, compression="zlib")
        Image.fromarray(pixels).save(folder.parent / f"{number}.png")
    return SMALL.replace(tile=64)


def test_scores_are_those_of_png_files(rng, tmp_path):
    (tmp_path / "tiff").mkdir()
    config = boards(rng, tmp_path / "tiff")
    strips = score_small(tmp_path / "tiff", config=config)
    whole = score_small(sorted(tmp_path.glob("*.png")), config=config)
    assert torch.equal(strips.scores, whole.scores)
    assert torch.equal(strips.maps[3], whole.maps[3])


def test_a_damaged_strip_is_an_error_of_the_file_or_leaves_it_out(rng, tmp_path):
    (tmp_path / "tiff").mkdir()
    config = boards(rng, tmp_path / "tiff")
    damaged = tmp_path / "tiff" / "2.tif"
    with tifffile.TiffFile(damaged) as file:
        start, length = file.pages[0].dataoffsets[-1], file.pages[0].databytecounts[-1]
    data = bytearray(damaged.read_bytes())
    data[start : start + length] = bytes(length)
    damaged.write_bytes(data)
    with pytest.raises(InputError, match=r"score: rgb\[2\] \(.*2\.tif\) must be readable, got"):
        score_small(tmp_path / "tiff", config=config)
    result = score_small(tmp_path / "tiff", config=config.replace(on_error="skip"))
    assert [failure.name for failure in result.failures] == ["2"]
    assert len(result.scores) == 4


READING = """
import sys
from pathlib import Path
from musc2 import Config
from musc2._tiles.alignment import Alignment
from musc2._tiles.loading import TiledLoader
from musc2.inputs import pair
from musc2.progress import StageTimer

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith("RssAnon")]
    return int(value) / 1024

loader = TiledLoader(pair([Path(sys.argv[1])] * 2), Config(tile=512, max_pixels=None), StageTimer())
before = peak = anonymous()
loader.align(Alignment(tile=512, overlap=None))
count = 0
for image in loader:
    for box in image.layout.boxes():
        assert image.picture.crop(box).size == (512, 512)
        peak = max(peak, anonymous())
        count += 1
print(count, peak - before)
"""


@pytest.mark.long
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "rowsperstrip": 64}])
def test_108_megapixels_take_a_few_strips(rng, tmp_path, options):
    pixels = np.zeros((9000, 12000, 3), np.uint8)
    pixels[:] = rng.integers(0, 256, (12000, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    command = [sys.executable, "-c", READING, str(tmp_path / "a.tif")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    count, peak = output.split()
    assert int(count) == 2 * 20 * 27
    assert float(peak) < 100  # MiB; all pixels take 309
