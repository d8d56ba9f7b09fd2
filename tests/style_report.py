"""Measure the structure and language of the package; fail if a figure is worse than its limit.

python tests/style_report.py           # the table, exit status 1 if a figure is beyond its limit
python tests/style_report.py FOLDER    # the figures of another checkout, without limits
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from layers import LAYERS, upward_imports
from token_trace import above_kernels, count, visits

# The figures of this report before the names of 0.1.0 were settled, and their limits from then on.
# Fusing several encoders and layers, copies, matches and banks came later, each a file of tokens.
BEFORE_AND_LIMIT = {
    "layers": (19, 6),
    "upward imports": (0, 0),
    "files that tokens visit": (15, 23),
    "returns to a file already left": (16, 25),
    "files above the kernels": (7, 15),
    "returns above the kernels": (5, 9),
    "lines over 100 characters, %": (10.6, 0.0),
    "comprehensions per 100 statements": (5.4, 3.0),
    "functions with a vague variable, %": (35.5, 0.9),
    "docstrings without an imperative": (298, 0),
    "public modules": (117, 165),  # since then: verdict, regions, report, formats, commands, banks
    "class names defined twice": (3, 0),
}
VAGUE = set(
    [
        "found",
        "known",
        "given",
        "there",
        "said",
        "told",
        "asked",
        "wanted",
        "each",
        "one",
        "some",
        "place",
        "how",
        "others",
        "mine",
        "theirs",
    ]
)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DESCRIPTIVE = {"the", "a", "an", "what", "whether", "that", "how", "which", "those", "where"}


def package_files(root: Path) -> list[Path]:
    """Return the Python files of the package, without stubs."""
    return sorted((root / "python/musc2").rglob("*.py"))


def long_lines(paths: list[Path]) -> float:
    """Return the share of non-blank lines over 100 characters, in percent."""
    lines = [line for path in paths for line in path.read_text().splitlines() if line.strip()]
    return 100 * sum(len(line) > 100 for line in lines) / len(lines)


def comprehensions(trees: list[ast.Module]) -> float:
    """Return comprehensions per 100 statements."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    statements = sum(isinstance(node, ast.stmt) for node in nodes)
    return 100 * sum(isinstance(node, _COMPREHENSIONS) for node in nodes) / statements


def vague_functions(trees: list[ast.Module]) -> float:
    """Return the share of functions with a variable that does not say what it holds, in percent."""
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
    vague = [function for function in functions if VAGUE & set(_variables(function))]
    return 100 * len(vague) / len(functions)


def _variables(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def descriptive_docstrings(trees: list[ast.Module]) -> int:
    """Return how many functions have a docstring that neither begins with a verb nor a shape."""
    count = 0
    for tree in trees:
        for node in ast.walk(tree):
            if not isinstance(node, _FUNCTIONS) or _is_property(node):
                continue
            text = ast.get_docstring(node)
            if text and not _begins_well(text):
                count += 1
    return count


def _begins_well(text: str) -> bool:
    if re.match(r"\w[\w ,/&]*: \(", text):  # a shape: "points: (P, 3) float32 -> ..."
        return True
    word = re.match(r"[A-Za-z-]+", text)
    if word is None or word[0].lower() in _DESCRIPTIVE:
        return False
    return not (word[0].endswith("s") and not word[0].endswith("ss"))  # "Writes", "Adds"


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)


def public_modules(root: Path, paths: list[Path]) -> int:
    """Return how many modules have no leading underscore in their path; packages do not count."""
    count = 0
    for path in paths:
        parts = path.relative_to(root / "python").parts
        is_private = any(re.match("_(?!_)", part) for part in parts)
        count += not is_private and not path.stem.startswith("__")
    return count


def repeated_classes(trees: list[ast.Module]) -> int:
    """Return how many class names are defined more than once in the package."""
    names = [
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    return sum(count > 1 for count in Counter(names).values())


def figures(root: Path) -> dict[str, float]:
    """Return all figures of the checkout ``root``."""
    paths = package_files(root)
    trees = [ast.parse(path.read_text()) for path in paths]
    visited = visits()
    files, returns = count(visited)
    files_above, returns_above = count(above_kernels(visited))
    return {
        "layers": len(LAYERS),
        "upward imports": len(upward_imports(root)),
        "files that tokens visit": files,
        "returns to a file already left": returns,
        "files above the kernels": files_above,
        "returns above the kernels": returns_above,
        "lines over 100 characters, %": long_lines(paths),
        "comprehensions per 100 statements": comprehensions(trees),
        "functions with a vague variable, %": vague_functions(trees),
        "docstrings without an imperative": descriptive_docstrings(trees),
        "public modules": public_modules(root, paths),
        "class names defined twice": repeated_classes(trees),
    }


def main() -> int:
    """Print the table; return 1 if a figure is beyond its limit."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    exceeded = 0
    print(f"{'figure':<44}{'before':>8}{'now':>8}{'limit':>8}")
    for name, value in figures(root).items():
        before, limit = BEFORE_AND_LIMIT[name]
        is_worse = round(value, 1) > limit
        exceeded += is_worse
        print(f"{name:<44}{before:>8g}{value:>8.1f}{limit:>8g}{'  exceeded' if is_worse else ''}")
    return int(exceeded > 0 and len(sys.argv) == 1)


if __name__ == "__main__":
    sys.exit(main())
