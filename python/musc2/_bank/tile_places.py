"""Where the tiles of a bank's parts lie, in its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from musc2._tensor_files import Array
from musc2._tiles.alignment import Alignment
from musc2._tiles.layout import Axis, Layout

_SPECTRA = "tiles.spectra"


def arrays_of(alignment: Alignment) -> dict[str, Array]:
    """Return the spectra (windows, height, width, 2); real and imaginary parts."""
    if not alignment.spectra:
        return {}
    spectra = np.stack(alignment.spectra)
    return {_SPECTRA: spectra.view(np.float32).reshape(*spectra.shape, 2)}


def to_json(alignment: Alignment) -> dict[str, Any]:
    """Return plain values, all but the spectra."""
    return {
        "tile": alignment.tile,
        "overlap": alignment.overlap,
        "size": alignment.size,
        "boxes": alignment.boxes,
        "start": alignment.start,
        "end": alignment.end,
    }


def alignment_of(values: Mapping[str, Any], arrays: Mapping[str, Array]) -> Alignment:
    """Return the alignment that ``to_json`` and ``arrays_of`` were taken from."""
    boxes = [(top, left, bottom, right) for top, left, bottom, right in values["boxes"]]
    spectra: list[Any] = []
    if boxes:
        for pairs in np.array(arrays[_SPECTRA], np.float32):
            spectra.append(pairs.view(np.complex64)[..., 0])
    if len(spectra) != len(boxes):
        msg = f"there must be {len(boxes)} spectra, got {len(spectra)}"
        raise ValueError(msg)
    return Alignment(
        tile=values["tile"],
        overlap=values["overlap"],
        size=_pair(values["size"]),
        boxes=boxes,
        spectra=spectra,
        start=_pair(values["start"]),
        end=_pair(values["end"]),
        is_fixed=True,
    )


def layout_of(values: Mapping[str, Any]) -> Layout:
    """Return where the tiles of a part lie."""
    rows, columns = (
        Axis(size=own["size"], side=own["side"], firsts=tuple(own["firsts"]))
        for own in (values["rows"], values["columns"])
    )
    return Layout(rows=rows, columns=columns)


def _pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)
