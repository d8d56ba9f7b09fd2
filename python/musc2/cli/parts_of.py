"""The files that the arguments of ``musc2 score`` stand for: folders, files, patterns."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from musc2.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What ``musc2.score`` gets: folders or lists of files, and names where it needs them."""

    rgb: Path | list[Path] | None
    pcd: Path | list[Path] | None
    masks: Path | list[Path] | None
    names: list[str] | None = None


def select(options: argparse.Namespace) -> Parts:
    """Return the parts of the options rgb, pcd, masks and recursive."""
    if not options.recursive:
        return Parts(
            rgb=_files("FOLDER", options.rgb),
            pcd=_files("--pcd", _listed(options.pcd)),
            masks=_files("--masks", _listed(options.masks)),
        )
    from musc2.inputs import clouds, images

    rgb = _tree("FOLDER", options.rgb, images.FOLDER_ENDINGS)
    pcd = _tree("--pcd", _listed(options.pcd), clouds.FOLDER_ENDINGS)
    masks = _tree("--masks", _listed(options.masks), images.ENDINGS)
    names = list(rgb or pcd)
    return Parts(
        rgb=_matched("FOLDER", rgb, names) if rgb else None,
        pcd=_matched("--pcd", pcd, names) if pcd else None,
        masks=_matched("--masks", masks, names, "_mask") if masks else None,
        names=names,
    )


def references(options: argparse.Namespace) -> dict[str, Any] | None:
    """Return the references of the options; None without any."""
    files_of = {
        "rgb": _files("--references", _listed(options.references)),
        "pcd": _files("--references-pcd", _listed(options.references_pcd)),
        "masks": _files("--references-masks", _listed(options.references_masks)),
    }
    present = {name: files for name, files in files_of.items() if files is not None}
    return present or None


def _listed(value: Path | None) -> list[Path]:
    return [] if value is None else [value]


def _files(argument: str, values: Sequence[Path] | None) -> Path | list[Path] | None:
    """Return the one folder, else all files, with those that patterns stand for in order."""
    if not values:
        return None
    if len(values) == 1 and values[0].exists():
        return values[0] if values[0].is_dir() else list(values)
    files: list[Path] = []
    for value in values:
        if value.exists() or not glob.has_magic(str(value)):
            files.append(value)
            continue
        matches = sorted(map(Path, glob.glob(str(value), recursive=True)))
        if not matches:
            msg = f"{argument} must match at least one file, got {str(value)!r}"
            raise InputError(msg)
        files += [path for path in matches if path.is_file()]
    if len(files) == 1 and not files[0].exists():
        return files[0]  # the library says that it is not there
    return files


def _tree(argument: str, values: Sequence[Path] | None, endings: Sequence[str]) -> dict[str, Path]:
    """Return the files in a folder and all folders below, by path without ending."""
    if not values:
        return {}
    if len(values) != 1 or not values[0].is_dir():
        msg = f"{argument} must be one folder with --recursive, got {' '.join(map(str, values))}"
        raise InputError(msg)
    root = values[0]
    files: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        is_hidden = any(part.startswith(".") for part in relative.parts)
        if is_hidden or not path.is_file() or path.suffix.lower() not in endings:
            continue
        name = relative.with_suffix("").as_posix()
        if name in files:
            msg = f"{argument} must hold one file of a stem, got {files[name]} and {path}"
            raise InputError(msg)
        files[name] = path
    if not files:
        msg = f"{argument} must hold files that end in {', '.join(endings)}, got none in {root}"
        raise InputError(msg)
    return files


def _matched(
    argument: str, files: dict[str, Path], names: Sequence[str], suffix: str = ""
) -> list[Path]:
    """Return the file of each name, which may have the suffix."""
    matched = []
    for name in names:
        path = files.get(name) or files.get(name + suffix)
        if path is None:
            msg = f"{argument} must hold a file for {name!r}, got none"
            raise InputError(msg)
        matched.append(path)
    if len(files) != len(names):
        extra = sorted(set(files) - set(names) - {name + suffix for name in names})
        msg = f"{argument} must hold a file per part, got {extra[0]!r} without counterpart"
        raise InputError(msg)
    return matched
