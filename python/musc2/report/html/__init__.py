"""The report: one HTML file with the ranking, the reasons and 3D views. It needs no network.

``write(result, folder)`` writes index.html. The list needs no JavaScript; pictures, maps and
points are in blocks of JSON, which the page decodes when a part is opened.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from pathlib import Path
from typing import Any

from musc2 import atomic_files
from musc2.regions import regions
from musc2.report import colors, text
from musc2.report.html import _metrics, _page, _parts
from musc2.report.html._encoding import as_json, deflated, encodable
from musc2.report.html._histogram import histogram
from musc2.result import Result

__all__ = ["write"]

MODALITIES = {"image": "2d", "points": "3d"}  # as people call them


def write(
    result: Result,
    folder: str | os.PathLike[str],
    *,
    labels: object = None,
    title: str = "Inspection report",
) -> Path:
    """Write ``folder``/index.html and return its path.

    labels: one per part, 0 or 1 (a defect), if they are known. Pictures are those of the arrays or
    files that were scored; of a result that was loaded, of the files in ``result.paths``.
    """
    truth = None if labels is None else _metrics.check_labels(labels, len(result))
    path = Path(folder) / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    page = _page.render(_context(result, truth, title))
    with atomic_files.replacing(path) as file:
        file.write(page.encode())
    return path


def _context(result: Result, truth: list[bool] | None, title: str) -> dict[str, Any]:
    threshold = result.threshold
    anchor = _anchor(threshold.value, result.scores.numpy())
    map_anchor = _anchor(result.map_threshold, result.raw_scores.numpy())
    order = result.scores.argsort(descending=True, stable=True).tolist()
    verdicts = result.labels().tolist()
    blocks = dict(_parts.blocks(result, order, map_anchor))
    crops: dict[tuple[int, int], dict[str, Any]] = {}
    for block in blocks.values():
        crops |= block.crops
    rows, contents = [], []
    for rank, index in enumerate(order, 1):
        block = blocks[index]
        rows.append(
            {
                "index": index,
                "rank": rank,
                "name": encodable(result.names[index]),
                "path": encodable(result.paths[index] or ""),
                "score": float(result.scores[index]),
                "raw": float(result.raw_scores[index]),
                "suspicious": verdicts[index],
                "label": None if truth is None else truth[index],
                "share": block.share,
                "regions": _regions(result, index),
                "thumbnail": block.thumbnail,
            }
        )
        content = {**block.content, "matches": _matches(result, index, crops)}
        contents.append({"index": index, "json": as_json(content)})
    about = {
        "threshold": threshold.value,
        "anchor": anchor,
        "mapAnchor": map_anchor,
        "decimals": text.decimals(result),
        "key": _key(result),
        "histogram": histogram(result.scores.numpy(), anchor),
        "colors": deflated(colors.table()),
        "parts": [{key: row[key] for key in row if key != "thumbnail"} for row in rows],
    }
    return {
        "title": title,
        "made": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        "result": result,
        "threshold": threshold,
        "suspicious": sum(verdicts),
        "rows": rows,
        "contents": contents,
        "about": as_json(about),
        "decimals": about["decimals"],
        "histogram": about["histogram"],
        "has_labels": truth is not None,
        "metrics": [] if truth is None else _metrics.rows(result, truth),
        "settings": [(name, encodable(value)) for name, value in result.config.to_dict().items()],
        "timings": sorted(result.timings.items(), key=lambda item: -item[1]),
        "failures": [
            (encodable(failure.name), encodable(failure.path or ""), encodable(failure.message))
            for failure in result.failures
        ],
    }


def _anchor(threshold: float, scores: Any) -> float:
    """Return the value in the middle of a scale: the threshold, if it is above 0."""
    if threshold > 0:
        return threshold
    return max(float(scores.max()), 1e-12)


def _key(result: Result) -> str:
    """Return the name under which the browser keeps the decisions about this result."""
    lines = "\n".join(
        f"{encodable(name)} {score:.6g}"
        for name, score in zip(result.names, result.scores.tolist(), strict=True)
    )
    return "musc2-" + hashlib.sha256(lines.encode()).hexdigest()[:16]


def _regions(result: Result, index: int) -> dict[str, Any] | None:
    """Return the number of regions of a map, and size and area in pixels of the one that peaks."""
    if result.maps is None:
        return None
    values = result.maps.render(index, "working")
    above = regions(values, result.map_threshold)
    if not above:
        return {"count": 0}
    height, width = result.maps.frames[index].input
    scale_x, scale_y = width / values.shape[1], height / values.shape[0]
    return {
        "count": len(above),
        "width": round(above[0].box[2] * scale_x),
        "height": round(above[0].box[3] * scale_y),
        "area": round(above[0].area * scale_x * scale_y),
        "share": above[0].area / values.numel(),
    }


def _matches(
    result: Result, index: int, crops: dict[tuple[int, int], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the crop at the peak of the map, then those of its matches with part and distance."""
    matches = result.matches
    if matches is None or (index, 0) not in crops:
        return []
    modality = MODALITIES[matches.modalities[index]]
    own = [{"part": index, "distance": None, "modality": modality, **crops[index, 0]}]
    for slot, part in enumerate(matches.parts[index].tolist()):
        if (index, slot + 1) in crops:
            distance = float(matches.distances[index, slot])
            own.append({"part": part, "distance": distance, **crops[index, slot + 1]})
    return own
