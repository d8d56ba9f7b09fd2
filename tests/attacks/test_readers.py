"""Mutated files through every reader: each is read or refused by an InputError that names it."""

import io
import json
import time
import zipfile

import numpy as np
import pytest
import scan_files
import tifffile
import torch
from PIL import Image

import musc2
from musc2 import datasets, encoders, inputs
from musc2.errors import MuscError

SECONDS = 0.6  # for each kind of file, and 60 in the long form
POINTS = np.round(np.random.default_rng(1).normal(size=(40, 3)), 2).astype(np.float32)
PICTURE = np.random.default_rng(2).integers(0, 255, (12, 10, 3), dtype=np.uint8)
CUBE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1//1 3//1 4//1\n"


def saved(write, *arguments, **options):
    """Return the bytes that a function writes into a file."""
    file = io.BytesIO()
    write(file, *arguments, **options)
    return file.getvalue()


def pictures():
    """Return an image of each kind by its name."""
    image = Image.fromarray(PICTURE)
    kinds = ("png", "jpeg", "bmp", "gif", "webp", "tiff", "ppm")
    files = {f"a.{kind}": saved(image.save, format=kind) for kind in kinds}
    files["palette.png"] = saved(image.convert("P").save, format="png")
    files["alpha.png"] = saved(image.convert("RGBA").save, format="png")
    files["deep.png"] = saved(
        Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 200).save, format="png"
    )
    files["deep.tiff"] = saved(
        tifffile.imwrite, PICTURE.astype(np.uint16), photometric="rgb", compression="zlib"
    )
    return files


def masks():
    """Return a mask of each kind by its name."""
    return {name: data for name, data in pictures().items() if not name.endswith("tiff")}


def scans():
    """Return a scan of each kind by its name."""
    table, xyz = scan_files.table(POINTS), POINTS.reshape(5, 8, 3)
    lines = "".join(f"{x} {y} {z}\n" for x, y, z in POINTS)
    files = {f"{kind}.pcd": scan_files.pcd(table, kind) for kind in scan_files.PCD_KINDS}
    files |= {f"{kind}.ply": scan_files.ply(table, kind) for kind in scan_files.PLY_KINDS}
    files |= {
        "a.npy": saved(np.save, xyz),
        "a.npz": saved(np.savez, xyz),
        "deflated.npz": saved(np.savez_compressed, xyz),
        "a.tiff": saved(tifffile.imwrite, xyz, photometric="rgb"),
        "deflated.tiff": saved(tifffile.imwrite, xyz, photometric="rgb", compression="zlib"),
        "a.xyz": lines.encode(),
        "a.asc": b"# comment\n" + lines.replace(" ", ";").encode(),
        "a.csv": b"x,y,z\n" + lines.replace(" ", ",").encode(),
        "a.pts": f"{len(POINTS)}\n{lines}".encode(),
        "a.txt": lines.replace(".", ",").encode(),
        "a.obj": CUBE.encode(),
        "a.off": b"OFF\n4 2 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n",
        "text.stl": b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n"
        b"vertex 0 1 0\nendloop\nendfacet\nendsolid\n",
        "binary.stl": bytes(80) + (2).to_bytes(4, "little") + POINTS.tobytes()[:100],
    }
    return files


def read_image(path):
    inputs.list_images([path])[0].read()


def read_scan(path):
    inputs.list_clouds([path])[0].read()


def read_depth(path):
    inputs.list_clouds([path], (5, 5, 4, 2))[0].read()


def read_mask(path):
    inputs.list_masks([path])[0].read()


def read_weights(path):
    encoders.load("point-mae", weights=path)


def read_result(path):
    musc2.Result.load(path.rename(path.with_name("result.npz")).parent)


def read_settings(path):
    musc2.Config.load(path)


def read_listing(path):
    path.rename(path.with_name("meta.json"))
    datasets.load("visa", path.parent)


def read_table(path):
    folder = path.parent / "split_csv"
    folder.mkdir(exist_ok=True)
    path.rename(folder / "1cls.csv")
    datasets.load("visa", path.parent)


def weights():
    """Return weights of each kind by their name."""
    tensors = {"a.weight": torch.ones(3, 2), "b": torch.zeros(5)}
    safetensors = pytest.importorskip("safetensors.torch")
    return {
        "a.pth": saved(lambda file: torch.save({"model": tensors}, file)),
        "old.pt": saved(
            lambda file: torch.save(tensors, file, _use_new_zipfile_serialization=False)
        ),
        "a.npz": saved(np.savez, **{name: value.numpy() for name, value in tensors.items()}),
        "a.safetensors": safetensors.save(tensors),
    }


def result():
    """Return a saved result."""
    import tempfile

    tokens = torch.rand(3, 2, 4, 4, 8, generator=torch.Generator().manual_seed(0))
    scored = musc2.score_tokens(tokens, image_size=(8, 8))
    with tempfile.TemporaryDirectory() as folder:
        scored.save(folder)
        with open(f"{folder}/result.npz", "rb") as file:
            return {"result.npz": file.read()}


def settings():
    """Return settings in files of both kinds."""
    values = json.dumps(musc2.Config().to_dict())
    return {"a.json": values.encode(), "a.toml": b'preset = "musc"\nmap_blur = 2.5\nseed = 3\n'}


def listings():
    """Return the listing of a data set."""
    entry = {"img_path": "a.png", "mask_path": "", "cls_name": "c", "anomaly": 0}
    return {"meta.json": json.dumps({"test": {"c": [entry]}}).encode()}


TABLE = (
    b"object,split,label,image,mask\ncandle,test,normal,a.png,\ncandle,test,anomaly,a.png,a.png\n"
)
READERS = {
    "image": (read_image, pictures),
    "scan": (read_scan, scans),
    "depth": (read_depth, lambda: {"deep.png": pictures()["deep.png"]}),
    "mask": (read_mask, masks),
    "weights": (read_weights, weights),
    "result": (read_result, result),
    "settings": (read_settings, settings),
    "listing": (read_listing, listings),
    "table": (read_table, lambda: {"1cls.csv": TABLE}),
}


def mutated(rng, corpus, name):
    """Return the bytes of a file with a few flips, cuts, copies and absurd numbers."""
    data = bytearray(corpus[name])
    for _ in range(rng.integers(1, 5)):
        start, end = sorted(rng.integers(0, len(data) + 1, 2).tolist())
        action = rng.integers(7)
        if action == 0:
            del data[start:]
        elif action == 1:
            del data[start : min(end, start + 9)]
        elif action == 2:
            data[start:start] = data[start:end]
        elif action == 3:
            other = corpus[list(corpus)[rng.integers(len(corpus))]]
            cut = int(rng.integers(0, len(other) + 1))
            data[start:] = other[cut:]
        elif action == 4 and start + 4 <= len(data):
            absurd = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 1 << 16)[rng.integers(5)]
            data[start : start + 4] = absurd.to_bytes(4, ("little", "big")[rng.integers(2)])
        elif action == 5:
            texts = (b"nan", b"-1", b"1e999", b"9" * 40, b"\0", b"\xff", b"\n", b"[" * 3000)
            data[start:start] = texts[rng.integers(8)]
        elif start < len(data):
            data[start] ^= 1 << int(rng.integers(8))
        if not data:
            break
    return bytes(data)


def attack(kind, folder, seconds, first):
    """Read mutated files for so many seconds; return how many."""
    read, corpus = READERS[kind][0], READERS[kind][1]()
    if kind in ("listing", "table"):
        Image.fromarray(PICTURE).save(folder / "a.png")
    for name, data in corpus.items():
        (folder / name).write_bytes(data)
        if kind != "weights":  # those are of no network
            read(folder / name)
    deadline = time.monotonic() + seconds
    number = first
    while time.monotonic() < deadline:
        rng = np.random.default_rng(number)
        name = list(corpus)[rng.integers(len(corpus))]
        data = mutated(rng, corpus, name)
        (folder / name).write_bytes(data)
        try:
            read(folder / name)
        except MuscError:
            pass
        except BaseException as error:
            kept = folder / f"failed-{number}-{name}"
            kept.write_bytes(data)
            pytest.fail(f"mutation {number} of {name}: {type(error).__name__}: {error}")
        number += 1
    return number - first


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", READERS)
def test_mutated_files_are_read_or_refused(kind, tmp_path):
    assert attack(kind, tmp_path, SECONDS, first=0) > 0


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", READERS)
def test_many_mutated_files_are_read_or_refused(kind, tmp_path, record_property):
    record_property("files", attack(kind, tmp_path, 100 * SECONDS, first=1_000_000))


def test_archives_of_many_members_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for number in range(2000):
            archive.writestr(f"{number}.npy", b"")
    for read in (read_scan, read_image, read_weights):
        with pytest.raises(MuscError):
            read(tmp_path / "a.npz")
