"""The six layers of the Python package, docs/dev/design.md: imports go down only."""

from __future__ import annotations

import ast
from pathlib import Path

# The layers from the top; a module imports only from its own layer and those below.
LAYERS = {
    "apps": {"cli", "demo", "evaluation", "preprocess", "report", "__main__"},
    "method": {
        "pipeline", "method", "part_encoding", "patch_scores", "scorer", "sklearn", "_bank",
        "_tiles", "_cluster",
    },
    "steps": {"stages", "_arguments", "_panels"},
    "parts": {"inputs", "encoders", "datasets", "metrics"},
    "kernels": {"ops"},
    "base": {
        "atomic_files", "by_modality", "checks", "cloud", "components",
        "config", "config_fields", "config_presets",
        "cuda", "environment", "errors", "maps", "matches", "notebook", "part", "paths",
        "progress", "regions", "result", "tokens", "torch_state", "verdict",
        "_archives", "_config_files", "_forks", "_result_files", "_spill", "_tensor_files", "_toml",
        "_transfer",
    },
}  # fmt: skip
# Base modules that only tell what the kernels' layer knows: they import from it.
FACADES = {"cuda", "environment"}


def layer_of(module: str) -> int | None:
    """Return the number of the layer of musc2.<name>..., None for the package itself."""
    name = module.split(".")[1] if "." in module else ""
    for number, names in enumerate(LAYERS.values()):
        if name in names:
            return number
    return None


def imports(path: Path) -> set[str]:
    """Return the modules and names of the package that a file imports at run time."""
    names: set[str] = set()
    for node in _runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("musc2")}


def _runtime_nodes(tree: ast.AST) -> list[ast.AST]:
    """Return all nodes but those under ``if TYPE_CHECKING:``."""
    nodes: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes += [node, *_runtime_nodes(node)]
    return nodes


def upward_imports(root: Path) -> list[str]:
    """Return "module imports name" for each import that does not point down."""
    wrong = []
    for path in sorted((root / "python/musc2").rglob("*.py")):
        parts = path.relative_to(root / "python").with_suffix("").parts
        own = layer_of(".".join(parts))
        if own is None or parts[1] in FACADES:
            continue
        for name in sorted(imports(path)):
            other = layer_of(name)
            is_native = name.startswith(("musc2._cpu", "musc2._cuda"))
            if is_native and parts[1] != "ops":
                wrong.append(f"{'.'.join(parts)} imports {name}")
            if other is not None and other < own:
                wrong.append(f"{'.'.join(parts)} imports {name}")
    return wrong
