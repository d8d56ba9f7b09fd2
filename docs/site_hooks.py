"""Hooks of mkdocs: the pages link to files of the repository, which the site has as pages too.

Pages are written for a repository browser. In the site a link that leaves docs/ leads to a copy of
that page; other files have no page there, so that only the text of the link stays. The reference
of the Python package is a page that exists in the site alone.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = "repository"  # the folder of the site for pages from outside of docs/
REFERENCE = "reference/python.md"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[\w-]+)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that others link to, and the reference."""
    waiting = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()]
    while waiting:
        page = waiting.pop()
        for target in links_of(page):
            uri = site_uri(target)
            if target.suffix == ".md" and files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, content=target.read_text("utf-8")))
                waiting.append(target)
    files.append(File.generated(config, REFERENCE, content=reference()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point the links of a page to where the site has their targets."""
    uri = page.file.src_uri
    if uri == REFERENCE:
        return markdown
    source = source_of(uri)

    def replaced(match: re.Match[str]) -> str:
        image, text, target, anchor = match.groups()
        if re.match(r"[a-z]+:", target):
            return match.group()
        path = Path(os.path.normpath(source.parent / target))
        if path.suffix != ".md" and not path.is_relative_to(ROOT / "docs"):
            return text
        start = PurePosixPath(uri).parent.as_posix()
        return f"{image}[{text}]({os.path.relpath(site_uri(path), start)}{anchor or ''})"

    return LINK.sub(replaced, markdown)


def links_of(page: Path) -> list[Path]:
    """Return the files that a page links to."""
    targets: list[Path] = []
    for _, _, target, _ in LINK.findall(page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target):
            targets.append(Path(os.path.normpath(page.parent / target)))
    return [target for target in targets if target.is_file()]


def site_uri(path: Path) -> str:
    """Return where the site has a file of the repository."""
    if path.is_relative_to(ROOT / "docs"):
        return path.relative_to(ROOT / "docs").as_posix()
    # A README would be the index of its folder, and lies elsewhere then.
    name = path.relative_to(ROOT).as_posix().replace("README.md", "about.md")
    return f"{OUTSIDE}/{name}"


def source_of(uri: str) -> Path:
    """Return the file of the repository that a page of the site comes from."""
    if not uri.startswith(f"{OUTSIDE}/"):
        return ROOT / "docs" / uri
    return ROOT / uri.removeprefix(f"{OUTSIDE}/").replace("about.md", "README.md")


def reference() -> str:
    """Return the page of all that the package exports, from its docstrings."""
    lines = ["# Python", "", "What `import musc2` gives, from its docstrings.", ""]
    for name in exports():
        lines += [f"::: musc2.{name}", ""]
    return "\n".join([*lines, "::: musc2.sklearn.MutualScorer", ""])


def exports() -> list[str]:
    """Return the classes and functions that the package exports, without importing it."""
    tree = ast.parse((ROOT / "python/musc2/__init__.py").read_text("utf-8"))
    values: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = ast.literal_eval(node.value)
    modules = [*values["_MODULES"], "__version__"]
    return [name for name in values["__all__"] if name not in modules]
