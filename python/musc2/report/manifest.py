"""A folder of output files that remembers which of them it wrote."""

from __future__ import annotations

import json
from pathlib import Path

from musc2 import atomic_files

NAME = "manifest.json"


class OutputFolder:
    """Write files into a folder and remove those that an earlier run wrote and this one did not.

    ``begin`` records all files of this run before the first is written, ``finish`` removes the
    others of the record. So a run that is killed leaves no file that the next does not know of.
    Files that are not in the record are never touched.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._earlier = _read(folder / NAME)
        self._own: set[str] = set()

    def begin(self, files: list[str]) -> None:
        """Record the files of this run: paths relative to the folder, with "/" between folders."""
        self._own = set(files)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._record(self._own | self._earlier)
        for parent in {(self.folder / file).parent for file in files}:
            parent.mkdir(parents=True, exist_ok=True)
            atomic_files.remove_abandoned(parent)

    def finish(self) -> None:
        """Remove the files of earlier runs that are not files of this one."""
        for file in sorted(self._earlier - self._own):
            path = self.folder / file
            path.unlink(missing_ok=True)
            if path.parent != self.folder and path.parent.is_dir():
                _remove_if_empty(path.parent)
        self._record(self._own)

    def _record(self, files: set[str]) -> None:
        with atomic_files.replacing(self.folder / NAME) as file:
            file.write((json.dumps({"files": sorted(files)}, indent=1) + "\n").encode())


def _read(path: Path) -> set[str]:
    """Return the recorded files that lie below the folder; none for a record that is damaged."""
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()
    if not isinstance(files, list):
        return set()
    return {file for file in files if isinstance(file, str) and _is_below(path.parent, file)}


def _is_below(folder: Path, file: str) -> bool:
    root = folder.resolve()
    try:
        target = (folder / file).resolve()
    except (OSError, ValueError):
        return False
    return root in target.parents


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
