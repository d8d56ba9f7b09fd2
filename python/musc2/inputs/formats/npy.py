"""Read npy and npz files, whose sizes are checked before numpy allocates what their headers claim.

numpy itself trusts the header of an npz file.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from musc2.inputs.formats import point_records
from musc2.inputs.sample import Label

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_DEFLATE_RATIO = 1032  # the largest that deflate can reach


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return the array of an npy file, or the only array of an npz file."""
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            _check(file, size, label)
            file.seek(0)
            return _array(file)
    with zipfile.ZipFile(path) as archive:
        member = _only_member(archive, label)
        point_records.check_size(member.file_size, _DEFLATE_RATIO * size, label)
        with archive.open(member) as unpacked:
            _check(unpacked, member.file_size, label)
        with archive.open(member) as unpacked:
            return _array(unpacked)


def _only_member(archive: zipfile.ZipFile, label: Label) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) != 1:
        names = ", ".join(member.filename.removesuffix(".npy")[:40] for member in members[:20])
        label.refuse("must hold exactly one array", f"{len(members)}: {names}")
    member = members[0]
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        requirement = "must be stored or deflated, as numpy writes it"
        label.refuse(requirement, f"compression {member.compress_type}")
    return member


def _check(file: IO[bytes], size: int, label: Label) -> None:
    """Raise unless ``file``, of ``size`` bytes, can hold the array that its header declares."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        label.refuse("must be of npy format 1.0 or 2.0", version)
    shape, _, kind = _HEADERS[version](file)
    if kind.hasobject or any(side < 0 for side in shape):
        label.refuse("must be an array of numbers", f"{kind} {shape}")
    point_records.check_size(math.prod(shape) * kind.itemsize, size - file.tell(), label)


def _array(file: IO[bytes]) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array
