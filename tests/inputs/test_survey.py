"""What is unusual in a set: told once by ``score``, and in full by ``musc2 check``."""

import shutil
import warnings

import numpy as np
import parts
import pytest
import torch
from PIL import Image

import musc2
from musc2 import inputs
from musc2.errors import InputError, InputWarning
from musc2.inputs._survey import copies
from musc2.inputs._survey import notes as survey


@pytest.fixture
def folder(tmp_path, rng):
    """A folder of five images that have nothing unusual."""
    for index, image in enumerate(parts.images(rng)):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    return tmp_path


def notes(folder, **arguments):
    """The notes of a folder of images, without that about few parts."""
    samples = inputs.pair(folder, **arguments)
    every = survey.unusual(samples, {"rgb": folder})
    return [note for note in every if "it shows better" not in note.text]


def only(folder):
    (note,) = notes(folder)
    return note


def test_usual_sets_give_no_notes(folder):
    assert notes(folder) == []
    few = survey.unusual(inputs.pair(folder), {})
    assert [note.text for note in few] == ["5 parts; from 20 on it shows better what is normal"]
    assert not few[0].important


@pytest.mark.parametrize(
    ("kind", "name", "mode"),
    [
        ("gray", "5.png", "L"),
        ("palette", "5.gif", "P"),
        ("CMYK", "5.jpg", "CMYK"),
        ("black and white", "5.png", "1"),
    ],
)
def test_images_of_several_kinds_are_named(folder, kind, name, mode):
    with Image.open(folder / "0.png") as image:
        image.convert(mode).save(folder / name)
    note = only(folder)
    assert note.important
    assert f"color (5), {kind} (1); {name}" in note.text


def test_depth_among_eight_bits_is_named(folder, rng):
    import tifffile

    deep = rng.integers(0, 65536, (36, 60), np.uint16)
    Image.fromarray(deep).save(folder / "5.png")
    tifffile.imwrite(folder / "6.tif", np.stack([deep] * 3, 2), photometric="rgb")
    assert "color (5), 16-bit gray (1), 16-bit color (1); 5.png, 6.tif" in only(folder).text


def test_alpha_is_no_other_kind(folder):
    with Image.open(folder / "0.png") as image:
        image.convert("RGBA").rotate(180).save(folder / "5.png")
    assert notes(folder) == []


@pytest.mark.parametrize("name", ["5.tif", "5.gif", "5.webp"])
def test_files_with_several_pages_are_named(folder, name):
    images = [Image.open(folder / f"{index}.png").rotate(180) for index in range(3)]
    images[0].save(folder / name, save_all=True, append_images=images[1:])
    texts = [note.text for note in notes(folder) if note.important]
    assert f"of files with several pages only the first page is used: {name} (3)" in texts


def test_a_preview_inside_a_tiff_is_no_page(folder):
    import tifffile

    with tifffile.TiffWriter(folder / "5.tif") as file:
        file.write(np.asarray(Image.open(folder / "0.png").rotate(180)))
        file.write(np.zeros((9, 15, 3), np.uint8), subfiletype=1)
    assert notes(folder) == []


def test_sizes_orientations_and_stems_are_noted(folder):
    with Image.open(folder / "0.png") as image:
        exif = Image.Exif()
        exif[274] = 6
        image.rotate(90, expand=True).save(folder / "0.jpg", exif=exif)
        image.rotate(90, expand=True).save(folder / "5.png")
    texts = [note.text for note in notes(folder)]
    assert not any(note.important for note in notes(folder))
    assert texts == [
        "images of several sizes: 36 x 60 (6), 60 x 36 (1)",
        "1 image is taller than wide, 6 not",
        "images that are turned upright by their EXIF orientation: 0.jpg",
        "files of one stem count as parts of their own: 0.jpg, 0.png",
    ]
    assert [sample.name for sample in inputs.pair(folder)][:3] == ["0.jpg", "0.png", "1"]


def test_files_that_are_left_out_are_counted(folder):
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden").write_text("x")
    note = only(folder)
    assert note.text == f"1 file is left out of rgb ({folder}): .txt (1)"
    assert not note.important
    (folder / "5.cr2").write_bytes(b"x")
    (folder / "6.png").symlink_to("6.png")
    note = only(folder)
    assert note.important
    assert "3 files are left out" in note.text
    assert "broken link (1)" in note.text


def test_copies_are_found_whatever_their_names(folder):
    shutil.copy(folder / "3.png", folder / "copy.png")
    (folder / "4.png").write_bytes((folder / "4.png").read_bytes()[:-1] + b"x")
    note = only(folder)
    assert note.important
    assert note.text.endswith(f"{folder / '3.png'} = {folder / 'copy.png'}")


def test_files_of_one_size_are_compared_to_their_end(tmp_path):
    long = bytearray(400_000)
    for name, position in (("a", 0), ("b", 200_000), ("c", 200_000), ("d", 399_999)):
        changed = long.copy()
        changed[position] = 1
        (tmp_path / f"{name}.png").write_bytes(changed)
    (group,) = copies.copies(inputs.list_images(tmp_path))
    assert [source.path.name for source in group] == ["b.png", "c.png"]


def test_equal_arrays_are_copies_and_nearly_equal_ones_are_not(rng):
    images = parts.images(rng)
    images[2] = images[0]
    images[3] = images[1]
    images[3, 17, 29, 1] ^= 1
    for form in (images, list(images), torch.from_numpy(images)):
        (group,) = copies.copies(inputs.list_images(form))
        assert [source.index for source in group] == [0, 2]


def test_score_warns_once_at_its_caller(folder):
    shutil.copy(folder / "3.png", folder / "copy.png")
    (folder / "5.dng").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    with pytest.warns(InputWarning, match="exact copies, .*; 2 files are left") as caught:
        parts.score_small(folder, config=parts.SMALL.replace(mutual_copies=True))
    (warning,) = caught
    assert warning.filename == parts.__file__
    assert "shows better" not in str(warning.message)


def test_a_part_among_its_references_is_named(rng):
    images = parts.images(rng)
    with pytest.warns(InputWarning, match=r"rgb\[0\] = references: rgb\[2\]"):
        parts.score_small(
            images[:1],
            references={"rgb": images[[1, 2, 0]]},
            config=parts.SMALL.replace(mutual_copies=True),
        )


@pytest.mark.parametrize("trap", ["far from the origin", "far point"])
def test_scans_that_collapse_are_named(rng, trap):
    clouds = [rng.normal(size=(500, 3)) * 1e-3 for _ in range(4)]
    if trap == "far point":
        clouds[2][7] = 1e15
    else:
        clouds[2] += 1e6
    arrays = [cloud.astype(np.float32) for cloud in clouds]
    names = ["a", "b", "c", "d"]
    with pytest.warns(InputWarning, match="points nearly coincide .*: c$"):
        parts.score_small(pcd=arrays, names=names)
    if trap == "far from the origin":
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parts.score_small(pcd=clouds, names=names)  # float64 holds such points


def test_all_unreadable_files_are_named_at_once(folder):
    for name in ("1.png", "3.png"):
        (folder / name).write_text(f"hello {name}")
    with pytest.raises(InputError) as caught:
        parts.score_small(folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("1.png", "3.png"), strict=True):
        assert f"{name}) must be readable as an image, got a file that" in line
        assert f"begins with b'hello {name}'" in line
    for index in (0, 2, 4):
        (folder / f"{index}.png").write_bytes(b"")
    skip = parts.SMALL.replace(on_error="skip")
    with pytest.raises(InputError, match=r"^score: none of 5 samples could be read:\nscore: rgb"):
        musc2.score(folder, encoder_2d="texture", config=skip)
