"""List what is unusual in a set: the one summary of ``musc2 check`` and of a warning of ``score``.

Headers are read, pixels are not.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from musc2.errors import InputWarning
from musc2.inputs import items
from musc2.inputs._survey import copies
from musc2.inputs._survey.headers import ImageHeader, read_header
from musc2.inputs.formats import camera_raw
from musc2.inputs.sample import Sample, Source

FEW = 20  # parts, below which a set says little about what is normal
LARGE = 2000  # pixels of a side, from which small marks vanish at the size that encoders take
_SHOWN = 5
# Endings of images and scans that are not read, at least not beside those that are.
_LOOK_ALIKE = (
    *camera_raw.ENDINGS, ".avif", ".jp2", ".jxl", ".jfif", ".exr", ".hdr", ".tga", ".psd", ".svg",
    ".las", ".laz", ".e57", ".ptx", ".step", ".stp", ".iges", ".igs", ".3mf", ".glb", ".gltf",
    ".fbx", ".pcap", ".bag",
)  # fmt: skip
Headers = Mapping[Path, ImageHeader]


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something unusual; ``important`` if results may be wrong without a look at it."""

    text: str
    important: bool


def unusual(
    samples: Sequence[Sample],
    arguments: Mapping[str, object],
    headers: Headers | None = None,
) -> list[Note]:
    """Return notes about samples and the arguments that they came from, "rgb" and "pcd".

    headers: of the image files, read if not given.
    """
    notes = _image_notes(read_headers(samples) if headers is None else headers)
    used: set[Path] = set()
    for sources in _by_argument(samples):
        notes += _copy_notes(sources)
        paths = _paths(sources)
        notes += _stem_notes(paths)
        used |= paths
    for name, value in arguments.items():
        notes += _ignored_notes(name, value, used)
    if len(samples) < FEW:
        text = f"{number_of(len(samples), 'part')}; from {FEW} on it shows better what is normal"
        notes.append(Note(text=text, important=False))
    return notes


def warn_unusual(
    samples: Sequence[Sample], arguments: Mapping[str, object], *, stacklevel: int
) -> None:
    """Warn once about all that is important, for the caller ``stacklevel`` frames above."""
    texts = [note.text for note in unusual(samples, arguments) if note.important]
    if texts:
        warnings.warn("; ".join(texts), InputWarning, stacklevel + 1)


def read_headers(samples: Sequence[Sample]) -> dict[Path, ImageHeader]:
    """Return the headers of the image files that have one, by path."""
    headers: dict[Path, ImageHeader] = {}
    for sample in samples:
        path = None if sample.image is None else sample.image.path
        header = None if path is None else read_header(path)
        if path is not None and header is not None:
            headers[path] = header
    return headers


def number_of(count: int, noun: str, plural: str | None = None) -> str:
    """Return "1 part" or "2 parts"."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def counted(values: Iterable[str]) -> str:
    """Return "color (22), gray (2)", the most frequent first."""
    counts = Counter(values).most_common()
    shown = [f"{value} ({count})" for value, count in counts[:_SHOWN]]
    if len(counts) > _SHOWN:
        shown.append("...")
    return ", ".join(shown)


def shortened(values: Sequence[str]) -> str:
    """Return the first few values and how many more there are."""
    more = len(values) - _SHOWN
    return ", ".join(values[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def sizes(headers: Headers) -> list[str]:
    """Return the size of each image as text."""
    return [f"{header.size[0]} x {header.size[1]}" for header in headers.values()]


def kinds(headers: Headers) -> list[str]:
    """Return the kind of each image."""
    return [header.kind for header in headers.values()]


def _by_argument(samples: Sequence[Sample]) -> tuple[list[Source[Any]], list[Source[Any]]]:
    """Return the sources of images and those of scans."""
    images: list[Source[Any]] = []
    clouds: list[Source[Any]] = []
    for sample in samples:
        if sample.image is not None:
            images.append(sample.image)
        if sample.cloud is not None:
            clouds.append(sample.cloud)
    return images, clouds


def _paths(sources: Sequence[Source[Any]]) -> set[Path]:
    return {source.path for source in sources if source.path is not None}


def _names(headers: Headers, applies: Callable[[ImageHeader], bool]) -> str:
    """Return the names of the files whose header is of one sort, the first few of them."""
    return shortened([path.name for path, header in headers.items() if applies(header)])


def _image_notes(headers: Headers) -> list[Note]:
    notes: list[Note] = []
    image_kinds, image_sizes = Counter(kinds(headers)), Counter(sizes(headers))
    if len(image_kinds) > 1:
        usual = image_kinds.most_common(1)[0][0]
        text = "images of several kinds, which alone can set parts apart: "
        rare = _names(headers, lambda header: header.kind != usual)
        notes.append(Note(text=f"{text}{counted(kinds(headers))}; {rare}", important=True))
    paged: list[str] = []
    for path, header in headers.items():
        if header.pages > 1:
            paged.append(f"{path.name} ({header.pages})")
    if paged:
        text = f"of files with several pages only the first page is used: {shortened(paged)}"
        notes.append(Note(text=text, important=True))
    if len(image_sizes) > 1:
        text = f"images of several sizes: {counted(sizes(headers))}"
        notes.append(Note(text=text, important=False))
    largest = max((header.size for header in headers.values()), key=max, default=(0, 0))
    if max(largest) > LARGE:
        text = f"images of up to {largest[0]} x {largest[1]} are scored at a few hundred pixels, "
        text += "where small marks vanish; `--set tile=512` looks closer"
        notes.append(Note(text=text, important=False))
    tall = sum(header.size[0] > header.size[1] for header in headers.values())
    if 0 < tall < len(headers):
        count = number_of(tall, "image is", "images are")
        text = f"{count} taller than wide, {len(headers) - tall} not"
        notes.append(Note(text=text, important=False))
    turned = _names(headers, lambda header: header.turned)
    if turned:
        text = f"images that are turned upright by their EXIF orientation: {turned}"
        notes.append(Note(text=text, important=False))
    return notes


def _copy_notes(sources: Sequence[Source[Any]]) -> list[Note]:
    groups: list[str] = []
    for group in copies.copies(sources):
        names = list(map(_name, group[:_SHOWN]))
        groups.append(" = ".join(names) + (" = ..." if len(group) > _SHOWN else ""))
    if not groups:
        return []
    text = f"exact copies, which say nothing about each other: {shortened(groups)}"
    return [Note(text=text, important=True)]


def _name(source: Source[Any]) -> str:
    return source.label.text if source.path is None else str(source.path)


def _stem_notes(paths: set[Path]) -> list[Note]:
    by_stem: dict[Path, list[str]] = {}
    for path in sorted(paths):
        by_stem.setdefault(path.with_suffix(""), []).append(path.name)
    repeated: list[str] = []
    for names in by_stem.values():
        if len(names) > 1:
            repeated += names
    if not repeated:
        return []
    text = f"files of one stem count as parts of their own: {shortened(repeated)}"
    return [Note(text=text, important=False)]


def _ignored_notes(name: str, value: object, used: set[Path]) -> list[Note]:
    """Return notes about the files of a folder that are no parts."""
    if not isinstance(value, str | os.PathLike) or not Path(value).is_dir():
        return []
    sorts: list[str] = []
    important = False
    for path in sorted(set(items.visible_files(Path(value))) - used):
        is_broken = not path.exists()
        sorts.append("broken link" if is_broken else path.suffix.lower() or "no ending")
        important |= is_broken or path.suffix.lower() in _LOOK_ALIKE
    if not sorts:
        return []
    count = number_of(len(sorts), "file is", "files are")
    text = f"{count} left out of {name} ({value}): {counted(sorts)}"
    return [Note(text=text, important=important)]
