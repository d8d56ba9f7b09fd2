"""What newcomers tried: folders of odd files through ``check``, ``score`` and the report."""

import os
from pathlib import Path

import numpy as np
import parts
import pytest
from PIL import Image

from musc2 import cli, paths

pytestmark = pytest.mark.usefixtures("quick_encoders")
SETS = {}


@pytest.fixture
def images(rng):
    return [Image.fromarray(image) for image in parts.images(rng, 8, defect=(3, 20, 40))]


def a_set(check=0, score=0, says=()):
    """Register what makes a folder: the exit codes of it, and what both commands say."""

    def register(make):
        SETS[make.__name__] = (make, check, score, (says,) if isinstance(says, str) else says)
        return make

    return register


def save(images, folder, ending="png"):
    for number, image in enumerate(images):
        image.save(folder / f"{number:03}.{ending}")


@a_set(1, 2, says="got none")
def empty(folder, images):
    pass


@a_set(1, 2, says="at least 2")
def single(folder, images):
    save(images[:1], folder)


@a_set()
def two(folder, images):
    save(images[:2], folder)


@a_set()
def unicode_names(folder, images):
    names = [
        "Prüfteil ä ß",
        "部品 二",
        "деталь №3",
        'nbsp\u00a0"quoted"',
        "it's & <b>5",
        "emoji 🙂",
    ]
    for name, image in zip(names, images, strict=False):
        image.save(folder / f"{name}.png")


@a_set()
def long_names(folder, images):
    for number, image in enumerate(images):
        image.save(folder / f"{'x' * 200}_{number}.png")


@a_set()
def mixed_sizes(folder, images):
    for number, image in enumerate(images):
        image.resize((50 + 7 * number, 70 - 4 * number)).save(folder / f"{number}.png")


@a_set(says="images of several kinds")
def mixed_kinds(folder, images):
    images[0].save(folder / "a.png")
    images[1].save(folder / "b.jpg")
    images[2].convert("L").save(folder / "c_gray.png")
    images[3].convert("RGBA").save(folder / "d_rgba.png")
    images[4].convert("CMYK").save(folder / "e_cmyk.jpg")
    images[5].save(folder / "f.bmp")
    images[6].save(folder / "g.webp", lossless=True)
    images[7].convert("P").save(folder / "h_palette.gif")
    gray = np.asarray(images[0].convert("L")).astype(np.uint16) * 257
    Image.fromarray(gray).save(folder / "i_16bit.png")
    images[2].save(folder / "K_UPPER.PNG")


@a_set(says="only the first page is used: multi.tif (3)")
def several_pages(folder, images):
    save(images[3:], folder)
    images[0].save(folder / "multi.tif", save_all=True, append_images=images[1:3])


@a_set()
def exif(folder, images):
    save(images[:7], folder, "jpg")
    tag = Image.Exif()
    tag[274] = 6
    images[7].transpose(Image.Transpose.ROTATE_90).save(folder / "007.jpg", exif=tag)


@a_set(1, 2, says="002.png) must be readable")
def cut_off(folder, images):
    save(images, folder)
    whole = (folder / "002.png").read_bytes()
    (folder / "002.png").write_bytes(whole[: len(whole) // 3])


@a_set(1, 2, says="003.png) must be readable as an image, got a file that begins with b'hello")
def text_as_png(folder, images):
    save(images, folder)
    (folder / "003.png").write_text("hello, I am a text file\n")


@a_set(1, 2, says=("000.png) must be", "001.png) must be", "002.png) must be"))
def nothing_readable(folder, images):
    for number in range(3):
        (folder / f"{number:03}.png").write_text("hi\n")


@a_set(1, 2, says="003.png) must be readable as an image, got an empty file")
def empty_file(folder, images):
    save(images, folder)
    (folder / "003.png").write_bytes(b"")


@a_set()
def other_files(folder, images):
    save(images, folder)
    for name in ("Thumbs.db", "notes.txt", ".DS_Store", "._000.png"):
        (folder / name).write_bytes(b"x")


@a_set(says="2 files are left out of rgb")
def camera_raw(folder, images):
    save(images, folder)
    (folder / "a.cr2").write_bytes(b"II*\0")
    (folder / "b.dng").write_bytes(b"x")


@a_set(says="broken link (1)")
def link_to_itself(folder, images):
    save(images, folder)
    os.symlink("loop.png", folder / "loop.png")


@a_set()
def link_to_the_folder(folder, images):
    save(images, folder)
    os.symlink(".", folder / "self")


@a_set(1, 2, says="subfolders are not searched without --recursive")
def subfolders(folder, images):
    for number, image in enumerate(images):
        below = folder / ("good" if number % 2 else "bad")
        below.mkdir(exist_ok=True)
        image.save(below / f"{number}.png")


@a_set()
def equal_stems(folder, images):
    save(images[:6], folder)
    images[6].save(folder / "000.jpg")


@a_set()
def strips(folder, images):
    for number, image in enumerate(images):
        image.resize((20, 500)).save(folder / f"{number}.png")


@a_set(1, 2, says="t.png) must be an image of at least 2 x 2 pixels, got 1 x 1")
def one_pixel(folder, images):
    save(images, folder)
    Image.new("RGB", (1, 1)).save(folder / "t.png")


@a_set(says="exact copies, which say nothing about each other")
def all_equal(folder, images):
    save(images[:1] * 6, folder)


@a_set(says="exact copies")
def black(folder, images):
    save([Image.new("RGB", (64, 64))] * 6, folder)


@a_set(says="exact copies")
def copied_defect(folder, images):
    save([*images, images[3]], folder)


@pytest.mark.parametrize("name", SETS)
def test_an_odd_folder_is_scored_or_named(name, images, tmp_path, capsys):
    make, checked, scored, says = SETS[name]
    folder, out = tmp_path / "odd", tmp_path / "out"
    folder.mkdir()
    make(folder, images)
    assert cli.main(["check", str(folder)]) == checked
    listed = capsys.readouterr().out
    assert all(text in listed for text in says)
    arguments = ["score", str(folder), "--encoder-2d", "texture", "--out", str(out), "--report"]
    assert cli.main(arguments) == scored
    printed = capsys.readouterr()
    assert all(text in printed.err for text in says)
    if scored:
        assert not out.exists()
        return
    assert "suspicious" in printed.out
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "<b>5" not in page
    assert (out / "scores.csv").is_file()


def test_a_folder_that_another_process_began_to_fill_is_left_alone(tmp_path, monkeypatch):
    out = tmp_path / "new" / "out"
    touch = Path.touch

    def touch_both(path):
        touch(path)
        touch(path.with_name("of another process"))

    monkeypatch.setattr(Path, "touch", touch_both)
    paths.check_writable(out)
    assert [file.name for file in out.iterdir()] == ["of another process"]
