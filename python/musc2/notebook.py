"""A result as notebooks show it: a table with pictures, a data frame, a figure."""

from __future__ import annotations

import base64
import html as html_text
import importlib
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from musc2.errors import InputError

if TYPE_CHECKING:
    from musc2.part import Part
    from musc2.result import Result

_ROWS = 10  # of the table
_SIDE = 96  # of a picture, in pixels


def to_pandas(result: Result) -> Any:
    """Return a data frame with a row per part, in the order of the result."""
    pandas = _optional("to_pandas", "pandas")
    columns = {
        "rank": result.rank.numpy(),
        "name": result.names,
        "path": [None if path is None else str(path) for path in result.paths],
        "score": result.scores.numpy(),
        "raw_score": result.raw_scores.numpy(),
        "suspicious": result.labels().numpy(),
    }
    return pandas.DataFrame(columns)


def html(result: Result) -> str:
    """Return the most suspicious parts as an HTML table; pictures are those of their files."""
    rows = []
    for part in result.top(_ROWS):
        verdict = f"<b>{part.verdict}</b>" if part.suspicious else part.verdict
        name = html_text.escape(part.name)
        cells = [str(part.rank), _picture(part.path), f"<bdi>{name}</bdi>", f"{part.score:.4f}"]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in [*cells, verdict]) + "</tr>")
    more = len(result) - len(rows)
    rest = f"<p>and {more} more with lower scores</p>" if more else ""
    head = "<tr><th>rank</th><th></th><th>name</th><th>score</th><th>verdict</th></tr>"
    return (
        f"<div><p>{html_text.escape(result.summary)}</p>"
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{rest}</div>"
    )


def plot(part: Part) -> Any:
    """Return a matplotlib figure: the part's image, its map, and the outlines of its regions."""
    pyplot = _optional("plot", "matplotlib.pyplot")
    if part.map is None:
        scores = part.point_scores
        figure, axis = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
        if scores is not None:
            axis.hist(scores.numpy(), bins=50)
        axis.set_xlabel("score of a point")
        axis.set_ylabel("points")
        figure.suptitle(_title(part), parse_math=False)
        return figure
    height, width = part.map.shape
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
    image = _image(part.path)
    if image is not None:
        axes[0].imshow(image, extent=(0, width, height, 0))
    else:
        axes[0].imshow(part.map.numpy(), extent=(0, width, height, 0), cmap="gray")
    for region in part.regions:
        corners = [*region.outline.tolist(), region.outline[0].tolist()]
        columns, rows = zip(*corners, strict=True)
        axes[0].plot(columns, rows, color="red", linewidth=1)
    # The color of the threshold is the middle of the scale, on all parts of a result.
    top = 2 * part.result.map_threshold
    shown = axes[1].imshow(
        part.map.numpy(), extent=(0, width, height, 0), vmin=0, vmax=top, cmap="magma"
    )
    figure.colorbar(shown, ax=axes[1])
    figure.suptitle(_title(part), parse_math=False)
    return figure


def _title(part: Part) -> str:
    return f"{part.name}: score {part.score:.4f}, {part.verdict}"


def _optional(op: str, module: str) -> Any:
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        msg = f"{op}: needs the package {package}; pip install {package}"
        raise InputError(msg) from error


def _image(path: Path | None) -> Image.Image | None:
    """Return the image in a file, upright; None if there is none that can be shown."""
    if path is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about large files
            with Image.open(path) as image:
                return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _picture(path: Path | None) -> str:
    """Return a small picture as an HTML element, empty without an image file."""
    image = _image(path)
    if image is None:
        return ""
    image.thumbnail((_SIDE, _SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    data = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="" src="data:image/jpeg;base64,{data}">'
