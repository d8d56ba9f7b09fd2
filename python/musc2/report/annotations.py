"""Regions of a result for tools that draw, correct and count annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from musc2 import checks
from musc2.atomic_files import replacing
from musc2.part import Part
from musc2.paths import below
from musc2.regions import Region
from musc2.report import tables
from musc2.result import Result

FORMATS = ("coco", "labelme", "fiftyone", "csv")
LABEL = "defect"
COLUMNS = (
    "name", "path", "score", "region", "region_score", "x", "y", "width", "height", "area",
    "peak_x", "peak_y",
)  # fmt: skip


def save(result: Result, path: Path, format: str, *, all_parts: bool = False) -> None:
    """Write the regions of suspicious parts, or of all, in one of FORMATS.

    "labelme" writes a file for each part into the folder ``path``, other formats one file. Nothing
    is written if a name is no path below that folder.
    """
    checks.choice("save_annotations", "format", format, FORMATS)
    if result.maps is None:
        checks.refuse("save_annotations", "result", "must have maps", "clouds without pixels")
    texts: dict[Path, str] = {}
    if format == "csv":
        texts[path] = table(result, all_parts=all_parts)
    elif format == "labelme":
        for part in result:
            file = below("save_annotations", "names", path, part.name, ending=".json")
            texts[file] = _json(labelme(part, all_parts=all_parts))
    else:
        make = coco if format == "coco" else fiftyone
        texts[path] = _json(make(result, all_parts=all_parts))
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as opened:
            opened.write(text.encode("utf-8", "backslashreplace"))


def coco(result: Result, *, all_parts: bool = False) -> dict[str, Any]:
    """Return the images and regions as COCO's object detection format has them."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for part in result:
        height, width = _size(part)
        images.append(
            {"id": part.index + 1, "file_name": _file(part), "width": width, "height": height}
        )
        for region in _regions(part, all_parts):
            outline = region.outline.flatten().tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": part.index + 1,
                    "category_id": 1,
                    "bbox": list(region.box),
                    "area": region.area,
                    "segmentation": [outline],
                    "iscrowd": 0,
                    "score": region.score,
                }
            )
    return {
        "info": {"description": "regions found by musc2", "version": result.version},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": LABEL}],
    }


def labelme(part: Part, *, all_parts: bool = False) -> dict[str, Any]:
    """Return one part as LabelMe's file has it, with a polygon for each region."""
    height, width = _size(part)
    shapes: list[dict[str, Any]] = []
    for region in _regions(part, all_parts):
        shapes.append(
            {
                "label": LABEL,
                "points": region.outline.double().tolist(),
                "group_id": None,
                "description": f"score {region.score:.4g}",
                "shape_type": "polygon",
                "flags": {},
            }
        )
    return {
        "version": "5.5.0",
        "flags": {"suspicious": part.suspicious},
        "shapes": shapes,
        "imagePath": _file(part),
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def fiftyone(result: Result, *, all_parts: bool = False) -> dict[str, Any]:
    """Return a dictionary for ``fiftyone.Dataset.from_dict``; coordinates are fractions."""
    fields = "fiftyone.core.fields."
    label = f"{fields}EmbeddedDocumentField(fiftyone.core.labels."
    return {
        "name": "musc2",
        "media_type": "image",
        "num_samples": len(result),
        "sample_fields": {
            "filepath": f"{fields}StringField",
            "tags": f"{fields}ListField({fields}StringField)",
            "name": f"{fields}StringField",
            "anomaly_score": f"{fields}FloatField",
            "verdict": f"{label}Classification)",
            "regions": f"{label}Polylines)",
        },
        "info": {"threshold": result.threshold.value, "map_threshold": result.map_threshold},
        "samples": [_fiftyone_sample(part, all_parts) for part in result],
    }


def table(result: Result, *, all_parts: bool = False) -> str:
    """Return a csv table with a row for each region."""
    rows: list[list[str | float | None]] = [list(COLUMNS)]
    for part in result:
        path = "" if part.path is None else str(part.path)
        for number, region in enumerate(_regions(part, all_parts), 1):
            measures = [*region.box, region.area, *region.peak]
            rows.append([part.name, path, part.score, number, region.score, *measures])
    return tables.csv(rows)


def _fiftyone_sample(part: Part, all_parts: bool) -> dict[str, Any]:
    height, width = _size(part)
    polylines: list[dict[str, Any]] = []
    for region in _regions(part, all_parts):
        points = [[x / width, y / height] for x, y in region.outline.tolist()]
        polylines.append(
            {
                "_cls": "Polyline",
                "label": LABEL,
                "points": [points],
                "closed": True,
                "filled": True,
                "confidence": region.score,
            }
        )
    return {
        "filepath": _file(part),
        "tags": [part.verdict],
        "_media_type": "image",
        "name": part.name,
        "anomaly_score": part.score,
        "verdict": {"_cls": "Classification", "label": part.verdict, "confidence": part.score},
        "regions": {"_cls": "Polylines", "polylines": polylines},
    }


def _regions(part: Part, all_parts: bool) -> list[Region]:
    return part.regions if all_parts or part.suspicious else []


def _size(part: Part) -> tuple[int, int]:
    """Return the height and width of the part's map, which is not rendered for that."""
    maps = part.result.maps
    return (1, 1) if maps is None else maps.frames[part.index].input


def _file(part: Part) -> str:
    return part.name if part.path is None else str(part.path)


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1, allow_nan=False) + "\n"
